package llm

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxEvent bounds one event of a stream, in bytes.
const maxEvent = 32 << 20

// Event is one event of a server-sent event stream.
type Event struct {
	Name string // the field "event", "" if it had none
	Data []byte // the lines of "data", joined; valid until the next event is read
}

// Events reads a server-sent event stream.
type Events struct {
	lines *bufio.Reader
	long  []byte // a line that is longer than the reader's buffer
	data  []byte
	first bool // the first line was read
}

// NewEvents returns a reader of the events in r.
func NewEvents(r io.Reader) *Events {
	// Ten thousand of these may be open at once.
	return &Events{lines: bufio.NewReaderSize(r, 2<<10)}
}

// Next returns the next event that has data. At the end of the stream it
// returns io.EOF; if the stream breaks off, the error of reading it. An event
// that is not followed by a blank line is still returned: some servers leave
// out the last one.
func (s *Events) Next() (Event, error) {
	var e Event
	s.data = s.data[:0]
	some := false
	for {
		line, err := s.line()
		if err != nil && (err != io.EOF || len(line) == 0 && !some) {
			return Event{}, err
		}
		if len(line) == 0 { // a blank line, or the end
			if some {
				e.Data = s.data
				return e, nil
			}
			e.Name = ""
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			e.Name = string(value)
		case "data":
			if some {
				s.data = append(s.data, '\n')
			}
			some = true
			s.data = append(s.data, value...)
		}
		if len(s.data) > maxEvent {
			return Event{}, errLongEvent
		}
	}
}

var errLongEvent = fmt.Errorf("an event of more than %d bytes", maxEvent)

// line returns the next line without its end. It returns io.EOF with the last
// one if that has no end.
func (s *Events) line() ([]byte, error) {
	line, err := s.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		s.long = s.long[:0]
		for errors.Is(err, bufio.ErrBufferFull) {
			if s.long = append(s.long, line...); len(s.long) > maxEvent {
				return nil, errLongEvent
			}
			line, err = s.lines.ReadSlice('\n')
		}
		s.long = append(s.long, line...)
		line = s.long
	}
	if !s.first {
		s.first = true
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), err
}
