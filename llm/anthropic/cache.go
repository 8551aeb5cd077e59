package anthropic

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/pawlhq/pawl/llm"
)

// The API keeps the beginning of a request for five minutes, up to each block that
// is marked with cache_control: at most four of them. A later request reads the
// longest beginning that it shares, if that ends at one of its own marks or within
// twenty blocks before one. What is shorter than about a thousand tokens is not
// kept, and its mark means nothing.
const (
	mark     = `"cache_control":{"type":"ephemeral"}`
	markFrom = 2 << 10 // bytes that a beginning must have to be worth a mark
	markMost = 3       // in messages: one is left for the system prompt
)

var markName = []byte(`"cache_control"`)

// marked returns a request with marks where its shared beginnings end, and at the
// end of its system prompt; as it is, if it has a mark of its own. Messages that
// get a mark are copied.
func marked(req llm.Request) (system any, messages []llm.Message) {
	system, messages = req.System, req.Messages
	if len(req.Shared) == 0 || ownMark(req) {
		return system, messages
	}
	if len(req.System) >= markFrom {
		system = []markedText{{"text", req.System, json.RawMessage(`{"type":"ephemeral"}`)}}
	}
	size, ends := len(req.System), slices.Sorted(slices.Values(req.Shared))
	ends = slices.Compact(ends)
	ends = ends[max(len(ends)-markMost, 0):]
	messages = slices.Clone(messages)
	for i, m := range req.Messages {
		if size += len(m.JSON()); size < markFrom || !slices.Contains(ends, i+1) {
			continue
		}
		if marked, ok := markMessage(m); ok {
			messages[i] = marked
		}
	}
	return system, messages
}

// markedText is a block of text with a mark.
type markedText struct {
	Type  string          `json:"type"`
	Text  string          `json:"text"`
	Cache json.RawMessage `json:"cache_control"`
}

// ownMark reports whether somebody set marks in the request.
func ownMark(req llm.Request) bool {
	for _, value := range req.Extra {
		if bytes.Contains(value, markName) {
			return true
		}
	}
	return slices.ContainsFunc(req.Messages, func(m llm.Message) bool { return bytes.Contains(m.JSON(), markName) })
}

// markMessage returns the message with a mark on its last block that can have one;
// ok is false if there is none. Text that is a string becomes a block, which means
// the same.
func markMessage(m llm.Message) (marked llm.Message, ok bool) {
	var body map[string]json.RawMessage
	if json.Unmarshal(m.JSON(), &body) != nil {
		return m, false
	}
	var text string
	var blocks []json.RawMessage
	switch {
	case json.Unmarshal(body["content"], &text) == nil:
		b, err := llm.Compose([]llm.Field{{Name: "type", Value: "text"}, {Name: "text", Value: text}}, nil)
		if err != nil {
			return m, false
		}
		blocks = []json.RawMessage{b}
	case json.Unmarshal(body["content"], &blocks) != nil:
		return m, false
	}
	for i, b := range slices.Backward(blocks) {
		if !markable(b) {
			continue
		}
		blocks[i] = llm.Append(b, mark)
		fields := []llm.Field{{Name: "role", Value: body["role"]}, {Name: "content", Value: blocks}}
		delete(body, "role")
		delete(body, "content")
		if raw, err := llm.Compose(fields, body); err == nil {
			marked, err = llm.ParseMessage(raw)
			return marked, err == nil
		}
		return m, false
	}
	return m, false
}

// markable reports whether the API takes a mark on a block: not on reasoning, nor
// on text that is empty.
func markable(raw json.RawMessage) bool {
	var b struct{ Type, Text string }
	if json.Unmarshal(raw, &b) != nil || b.Type == "thinking" || b.Type == "redacted_thinking" {
		return false
	}
	return b.Type != "text" || b.Text != ""
}
