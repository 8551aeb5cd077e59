package llm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Message is one message of a conversation: a JSON object with at least a
// "role", in the form of the provider that it is for. It is immutable; fields
// that Pawl does not know are kept. The zero Message is no message.
type Message struct{ raw json.RawMessage }

// Text returns a message of plain text. Roles are the provider's: "user",
// "assistant" and others.
func Text(role, text string) Message {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// Marshalling two strings cannot fail.
	_ = enc.Encode(struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}{role, text})
	return Message{bytes.TrimRight(b.Bytes(), "\n")}
}

// ParseMessage returns the message with this JSON. It is an error if b is not
// a JSON object with a non-empty string "role".
func ParseMessage(b []byte) (Message, error) {
	var head struct {
		Role string `json:"role"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return Message{}, fmt.Errorf("llm: parse message: %w", err)
	}
	if head.Role == "" {
		return Message{}, fmt.Errorf(`llm: parse message: no "role"; want an object with a "role" and a "content"`)
	}
	return Message{bytes.Clone(b)}, nil
}

// Role returns the message's role, "" for the zero Message.
func (m Message) Role() string {
	var head struct {
		Role string `json:"role"`
	}
	_ = json.Unmarshal(m.raw, &head) // m.raw was parsed when m was made
	return head.Role
}

// Text returns the message's text: its content if that is a string, else the
// text of its blocks of type "text", put together. Anything else, such as tool
// calls, images and reasoning, is left out.
func (m Message) Text() string {
	var body struct {
		Content json.RawMessage `json:"content"`
	}
	if json.Unmarshal(m.raw, &body) != nil {
		return ""
	}
	var text string
	if json.Unmarshal(body.Content, &text) == nil {
		return text
	}
	var blocks []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(body.Content, &blocks) != nil {
		return ""
	}
	var out strings.Builder
	for _, b := range blocks {
		if b.Type == "text" {
			out.WriteString(b.Text)
		}
	}
	return out.String()
}

// HasToolResult reports whether the message is the result of a tool that a message
// before it calls: in the form of Anthropic, OpenAI and those who speak like them.
func (m Message) HasToolResult() bool {
	var body struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	if json.Unmarshal(m.raw, &body) != nil {
		return false
	}
	if body.Role == "tool" || body.Role == "function" {
		return true
	}
	var blocks []struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(body.Content, &blocks) != nil {
		return false
	}
	return slices.ContainsFunc(blocks, func(b struct {
		Type string `json:"type"`
	}) bool {
		return strings.HasSuffix(b.Type, "tool_result")
	})
}

// JSON returns the message as it is stored and sent. The caller must not
// change it.
func (m Message) JSON() json.RawMessage { return m.raw }

// IsZero reports whether m is no message.
func (m Message) IsZero() bool { return len(m.raw) == 0 }

// MarshalJSON returns the message's own JSON, or null for the zero Message.
func (m Message) MarshalJSON() ([]byte, error) {
	if m.IsZero() {
		return []byte("null"), nil
	}
	return m.raw, nil
}

// UnmarshalJSON sets m to the message with this JSON; see [ParseMessage].
func (m *Message) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*m = Message{}
		return nil
	}
	parsed, err := ParseMessage(b)
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}
