package anthropic

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/pawlhq/pawl/llm"
)

// DecodeStream reads an event stream up to its message_stop and returns the
// Response that the call would have given without streaming. A stream that
// breaks off, or carries an error event, gives an *llm.Error.
func (a API) DecodeStream(body io.Reader) (*llm.Response, error) {
	events := llm.NewEvents(body)
	var m message
	for {
		event, err := events.Next()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, a.unreadable(fmt.Errorf("read the stream: %w", err))
		}
		var e streamEvent
		if err := json.Unmarshal(event.Data, &e); err != nil && event.Name != "error" {
			return nil, a.unreadable(fmt.Errorf("read the stream: %w", err))
		}
		if event.Name == "error" || e.Type == "error" {
			return nil, a.streamError(event.Data)
		}
		if e.Type == "message_stop" && m.begun {
			return a.Decode(m.json())
		}
		if err := m.add(e, event.Data); err != nil {
			return nil, a.unreadable(fmt.Errorf("read the stream: %w", err))
		}
	}
}

type streamEvent struct {
	Type    string
	Index   int
	Message json.RawMessage
	Block   json.RawMessage `json:"content_block"`
	Delta   json.RawMessage
	Usage   json.RawMessage
}

// message is a response that is being put together.
type message struct {
	begun  bool
	fields llm.Draft
	blocks map[int]*block
}

type block struct {
	llm.Draft
	input []byte // a tool's input, as far as it has come
}

// add adds an event. Events of unknown types, pings among them, say nothing of
// the message.
func (m *message) add(e streamEvent, data []byte) error {
	switch e.Type {
	case "message_start":
		m.begun, m.blocks = true, map[int]*block{}
		return m.fields.SetAll(e.Message)
	case "content_block_start":
		b := &block{}
		if m.blocks == nil {
			return errors.New("a block before the message")
		}
		m.blocks[e.Index] = b
		return b.SetAll(e.Block)
	case "content_block_delta":
		b := m.blocks[e.Index]
		if b == nil {
			return fmt.Errorf("a delta of block %d, which was not begun", e.Index)
		}
		return b.add(e.Delta)
	case "message_delta":
		return m.end(e, data)
	}
	return nil
}

// add adds a delta to a block. The fields of a delta are those of the block
// that they add to, with two exceptions.
func (b *block) add(delta []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(delta, &fields); err != nil {
		return err
	}
	for name, value := range fields {
		switch name {
		case "type":
		case "partial_json":
			var piece string
			if err := json.Unmarshal(value, &piece); err != nil {
				return err
			}
			b.input = append(b.input, piece...)
		case "citation":
			b.Grow("citations", slices.Concat(json.RawMessage("["), value, json.RawMessage("]")))
		default:
			b.Grow(name, value)
		}
	}
	return nil
}

// end adds a message_delta: why the message ended, and what it used.
func (m *message) end(e streamEvent, data []byte) error {
	var top llm.Draft
	err := errors.Join(top.SetAll(data), m.fields.SetAll(e.Delta))
	if len(e.Usage) > 0 {
		err = errors.Join(err, m.fields.Object("usage").SetAll(e.Usage))
	}
	for _, own := range []string{"type", "delta", "usage"} {
		top.Delete(own)
	}
	return errors.Join(err, m.fields.SetAll(top.JSON()))
}

// json returns the response.
func (m *message) json() json.RawMessage {
	content := []byte{'['}
	for _, i := range slices.Sorted(maps.Keys(m.blocks)) {
		if len(content) > 1 {
			content = append(content, ',')
		}
		content = append(content, m.blocks[i].json()...)
	}
	m.fields.Set("content", append(content, ']'))
	return m.fields.JSON()
}

// json returns a block. A tool's input that was cut at max_tokens is no JSON;
// it is wrapped in the way that the API asks for.
func (b *block) json() json.RawMessage {
	switch {
	case len(b.input) == 0:
	case json.Valid(b.input):
		b.Set("input", b.input)
	default:
		var broken llm.Draft
		text, err := json.Marshal(string(b.input))
		if err == nil {
			broken.Set("INVALID_JSON", text)
			b.Set("input", broken.JSON())
		}
	}
	return b.JSON()
}
