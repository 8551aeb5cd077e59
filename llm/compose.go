package llm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Field is one field of a request body.
type Field struct {
	Name  string
	Value any // anything that can be written as JSON
}

// Compose returns the JSON object with these fields, in this order, and those
// of extra after them, sorted by name. A field of extra replaces one of the
// same name in its place. The same fields give the same bytes, however extra
// and the messages were spaced: the bytes are what identifies a call.
func Compose(fields []Field, extra map[string]json.RawMessage) (json.RawMessage, error) {
	rest := maps.Clone(extra)
	var b bytes.Buffer
	b.WriteByte('{')
	for _, f := range fields {
		if own, ok := rest[f.Name]; ok {
			f.Value = own
			delete(rest, f.Name)
		}
		if err := writeField(&b, f); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		if err := writeField(&b, Field{name, rest[name]}); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	if body := b.Bytes(); cap(body)-len(body) <= len(body)/8 {
		return body, nil
	}
	return bytes.Clone(b.Bytes()), nil // of its own length: thousands may be kept
}

func writeField(b *bytes.Buffer, f Field) error {
	if raw, ok := f.Value.(json.RawMessage); ok && len(raw) == 0 {
		return fmt.Errorf("field %q is empty; want JSON", f.Name)
	}
	if b.Len() > 1 {
		b.WriteByte(',')
	}
	writeJSON(b, f.Name)
	b.WriteByte(':')
	if messages, ok := f.Value.([]Message); ok {
		writeMessages(b, messages)
		return nil
	}
	if err := encodeJSON(b, f.Value); err != nil {
		return fmt.Errorf("field %q: %w", f.Name, err)
	}
	return nil
}

// writeMessages writes a list of messages. These are valid JSON, and a long
// conversation is written again with each of its calls: so nothing is checked.
func writeMessages(b *bytes.Buffer, messages []Message) {
	size := 2
	for _, m := range messages {
		size += len(m.raw) + 1
	}
	b.Grow(size)
	b.WriteByte('[')
	for i, m := range messages {
		if i > 0 {
			b.WriteByte(',')
		}
		if m.IsZero() {
			b.WriteString("null")
		}
		writeCompact(b, m.raw)
	}
	b.WriteByte(']')
}

// writeCompact writes valid JSON without the white space between its parts.
func writeCompact(b *bytes.Buffer, raw []byte) {
	for len(raw) > 0 {
		plain := bytes.IndexByte(raw, '"')
		if plain < 0 {
			plain = len(raw)
		}
		for _, c := range raw[:plain] {
			if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
				b.WriteByte(c)
			}
		}
		raw = raw[plain:]
		n := stringEnd(raw)
		b.Write(raw[:n])
		raw = raw[n:]
	}
}

// stringEnd returns where the string ends that raw begins with.
func stringEnd(raw []byte) int {
	for i := 1; i < len(raw); i++ {
		n := bytes.IndexByte(raw[i:], '"')
		if n < 0 {
			break
		}
		i += n
		slashes := 0
		for i-1-slashes > 0 && raw[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1
		}
	}
	return len(raw)
}

// Check returns an error if the request can be sent to no provider.
func (r Request) Check() error {
	if len(r.Messages) == 0 {
		return fmt.Errorf("no messages; want the last one to be answered")
	}
	if i := slices.IndexFunc(r.Messages, Message.IsZero); i >= 0 {
		return fmt.Errorf("message %d is the zero Message", i)
	}
	if r.MaxTokens < 0 {
		return fmt.Errorf("MaxTokens is %d; want 0 or more", r.MaxTokens)
	}
	for _, name := range []string{"messages", "stream", "stream_options"} {
		if _, ok := r.Extra[name]; ok {
			return fmt.Errorf("field %q of Extra is not its to set", name)
		}
	}
	return nil
}

// Append returns a JSON object with more fields at its end, given as they are
// written. It leaves body as it is.
func Append(body []byte, fields string) json.RawMessage {
	body = bytes.TrimRight(body, " \t\r\n")
	if len(body) < 2 || body[len(body)-1] != '}' {
		return body
	}
	out := make([]byte, 0, len(body)+len(fields)+1)
	out = append(out, body[:len(body)-1]...)
	if len(bytes.TrimSpace(out)) > 1 {
		out = append(out, ',')
	}
	return append(append(out, fields...), '}')
}
