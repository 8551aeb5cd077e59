package llm

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// mediaChars is the most that an image or a file counts for: its bytes are not
// text, and what it costs depends on what it shows.
const mediaChars = 6400

// Measure returns the size of a native JSON request body: the text below the
// fields that a model reads, the most tokens to generate, from the first of
// the fields named that is there, and the model, from the field "model". It
// reads the body once and makes no copy of it. A body that is no JSON object
// counts in full, and names no model.
func Measure(body []byte, maxTokens ...string) Size {
	m := measurer{b: body}
	var size Size
	best := len(maxTokens)
	ok := m.object(0, func(name []byte, depth int) bool {
		if i := slices.Index(maxTokens, string(name)); i >= 0 {
			start := m.i
			if _, ok := m.value(nil, depth, false); !ok {
				return false
			}
			n, err := strconv.ParseFloat(string(bytes.TrimSpace(m.b[start:m.i])), 64)
			if err == nil && i < best {
				best, size.MaxTokens = i, int(min(max(n, 0), 1<<30))
			}
			return true
		}
		if string(name) == "model" {
			start := m.i
			_, ok := m.value(nil, depth, false)
			size.Model = text(m.b[start:m.i])
			return ok
		}
		n, ok := m.value(nil, depth, string(name) == "tools" || string(name) == "functions")
		if slices.Contains(read, string(name)) {
			size.Chars += n
		}
		return ok
	})
	if !ok {
		return Size{Chars: len(body)}
	}
	return size
}

// text returns the text of a JSON string, "" of anything else.
func text(value []byte) (s string) {
	_ = json.Unmarshal(value, &s) // what is no string says nothing
	return s
}

// Chars returns how many characters (bytes of text) of the message a model reads.
func (m Message) Chars() int {
	w := measurer{b: m.raw}
	chars, ok := w.value(nil, 0, false)
	if !ok {
		return len(m.raw)
	}
	return chars
}

// read are the fields of a request that a model reads.
var read = []string{"messages", "system", "tools", "functions", "response_format", "output_config", "output_format", "instructions", "input"}

// structure are fields below those whose text is not read by the model.
var structure = []string{"role", "type", "id", "tool_use_id", "tool_call_id", "media_type", "signature", "ttl", "detail"}

// measurer walks over JSON. It takes some that is not valid; it never fails on
// what is.
type measurer struct {
	b []byte
	i int
}

// value walks over one value and returns how much text is in it. Where all is
// set, names and structure are text too: a tool's schema is read as it stands.
func (m *measurer) value(name []byte, depth int, all bool) (chars int, ok bool) {
	switch m.peek() {
	case '"':
		s, n, ok := m.str()
		switch {
		case !ok || !all && slices.Contains(structure, string(name)):
			return 0, ok
		case string(name) == "data" || string(name) == "file_data" || bytes.HasPrefix(s, []byte("data:")):
			n = min(n, mediaChars)
		}
		return n, true
	case '{':
		ok = m.object(depth, func(name []byte, depth int) bool {
			n, ok := m.value(name, depth, all || string(name) == "input")
			if chars += n; all {
				chars += len(name)
			}
			return ok
		})
		return chars, ok
	case '[':
		return m.array(name, depth, all)
	}
	start := m.i
	for m.i < len(m.b) && bytes.IndexByte([]byte(",]} \t\r\n"), m.b[m.i]) < 0 {
		m.i++
	}
	return 0, m.i > start
}

// maxDepth is as deep as a body may nest.
const maxDepth = 1000

// object walks over an object and calls field at each of its values.
func (m *measurer) object(depth int, field func(name []byte, depth int) bool) bool {
	if m.peek() != '{' || depth > maxDepth {
		return false
	}
	m.i++
	for first := true; m.peek() != '}'; first = false {
		if !first && !m.skip(',') {
			return false
		}
		name, _, ok := m.str()
		if !ok || !m.skip(':') || !field(name, depth+1) {
			return false
		}
	}
	return m.skip('}')
}

func (m *measurer) array(name []byte, depth int, all bool) (chars int, ok bool) {
	if depth > maxDepth {
		return 0, false
	}
	m.i++
	for first := true; m.peek() != ']'; first = false {
		if !first && !m.skip(',') {
			return 0, false
		}
		n, ok := m.value(name, depth+1, all)
		if !ok {
			return 0, false
		}
		chars += n
	}
	return chars, m.skip(']')
}

// str walks over a string. It returns what stands between its quotes and how
// many bytes of text that is.
func (m *measurer) str() (s []byte, chars int, ok bool) {
	if !m.skip('"') {
		return nil, 0, false
	}
	start := m.i
	for m.i < len(m.b) {
		switch m.b[m.i] {
		case '"':
			m.i++
			return m.b[start : m.i-1], chars, true
		case '\\':
			if m.i+1 < len(m.b) && m.b[m.i+1] == 'u' {
				chars += 2 // a character so written has 1 to 4 bytes in 6 or 12
				m.i += 6
			} else {
				chars++
				m.i += 2
			}
		default:
			chars++
			m.i++
		}
	}
	return nil, 0, false
}

// peek returns the next byte that is not white space, 0 at the end.
func (m *measurer) peek() byte {
	for ; m.i < len(m.b); m.i++ {
		switch m.b[m.i] {
		case ' ', '\t', '\r', '\n':
		default:
			return m.b[m.i]
		}
	}
	return 0
}

func (m *measurer) skip(c byte) bool {
	if m.peek() != c || m.i >= len(m.b) {
		return false
	}
	m.i++
	return true
}
