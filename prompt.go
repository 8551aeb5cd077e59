package pawl

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pawlhq/pawl/internal/similar"
	"github.com/pawlhq/pawl/llm"
)

// prompt is a task as near-duplicates are found by it: its texts, and all else.
type prompt struct {
	scope Hash // of all but the texts
	texts []string
	hash  uint64 // of the texts, but for their case and white space

	ready  []*similar.Text
	vector []float32 // nil if it is not known
}

// promptOf returns a task's prompt: the texts of its input, and of the last message of
// the conversation that it starts from. It is nil for a task without any.
func (c *Client) promptOf(ctx context.Context, row *TaskRow) (*prompt, error) {
	p := &prompt{}
	shape := map[string]any{"operation": row.Operation, "user": row.User, "data": row.Data}
	input, err := p.shapeOf(row.Input)
	if err != nil {
		return nil, err
	}
	shape["input"] = input
	if !row.Conversation.IsZero() {
		if shape["conversation"], err = c.shapeOfConversation(ctx, p, row.Conversation); err != nil {
			return nil, err
		}
	}
	if len(p.texts) == 0 {
		return nil, nil
	}
	encoded, err := marshal(shape)
	if err != nil {
		return nil, err
	}
	canonical, err := canonicalJSON(encoded)
	if err != nil {
		return nil, err
	}
	p.scope = sha256.Sum256(canonical)
	sum := sha256.New()
	for _, t := range p.texts {
		plain := strings.ToLower(strings.Join(strings.Fields(t), " "))
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(plain)))
		sum.Write(size[:])
		sum.Write([]byte(plain))
		p.ready = append(p.ready, similar.Prepare(t))
	}
	p.hash = binary.BigEndian.Uint64(sum.Sum(nil))
	return p, nil
}

// shapeOf returns JSON with its texts taken out: only names and other values are left.
func (p *prompt) shapeOf(b json.RawMessage) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return p.take(v), nil
}

// take takes the texts out of a value, objects by the order of their names.
func (p *prompt) take(v any) any {
	switch v := v.(type) {
	case string:
		p.texts = append(p.texts, v)
		return "text"
	case []any:
		for i := range v {
			v[i] = p.take(v[i])
		}
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			v[name] = p.take(v[name])
		}
	case json.Number:
		return "number " + v.String()
	}
	return v
}

// shapeOfConversation takes the text of the last message. A message that is more than
// text is part of the shape whole.
func (c *Client) shapeOfConversation(ctx context.Context, p *prompt, head Hash) (any, error) {
	nodes, err := c.store.Conversation(ctx, head)
	if err != nil {
		return nil, err
	}
	last := nodes[len(nodes)-1]
	m := last.Message
	if text := m.Text(); text != "" && bytes.Equal(llm.Text(m.Role(), text).JSON(), m.JSON()) {
		p.texts = append(p.texts, text)
		return []string{hex.EncodeToString(last.Parent[:]), m.Role()}, nil
	}
	return hex.EncodeToString(head[:]), nil
}

// sketch returns one sketch for all texts.
func (p *prompt) sketch() uint64 {
	if len(p.ready) == 1 {
		return p.ready[0].Sketch()
	}
	all := ""
	for _, t := range p.texts {
		all += t + "\n"
	}
	return similar.Prepare(all).Sketch()
}
