package pawl

import (
	"context"
	"maps"

	"github.com/pawlhq/pawl/llm"
)

// conversation is what a handler has said and heard so far. Its messages up to
// head are stored; those in unsaved go into the store with the next call's
// response.
type conversation struct {
	head     Hash
	messages []llm.Message // all, the unsaved ones included
	unsaved  []llm.Message
	chars    int
}

// load returns the attempt's conversation, read from the store the first time.
func (a *attempt) load(ctx context.Context) (*conversation, error) {
	if a.talk != nil {
		return a.talk, nil
	}
	messages, err := a.client.Conversation(ctx, a.row.Conversation)
	if err != nil {
		return nil, err
	}
	a.talk = &conversation{head: a.row.Conversation, messages: messages}
	for _, m := range messages {
		a.talk.chars += len(m.JSON())
	}
	return a.talk, nil
}

func (c *conversation) append(m llm.Message) {
	c.messages = append(c.messages, m)
	c.unsaved = append(c.unsaved, m)
	c.chars += len(m.JSON())
}

// heading returns the conversation that follows this attempt, its size, and the
// messages of it that are not stored.
func (a *attempt) heading() (head Hash, chars int, unsaved []Node, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.talk == nil {
		return a.row.Conversation, max(a.row.Size.Chars-len(a.row.Input), 0), nil, nil
	}
	unsaved, head, err = appendNodes(a.talk.head, a.talk.unsaved)
	return head, a.talk.chars, unsaved, err
}

// dataNow returns the task's data with what the handler has set.
func (a *attempt) dataNow() Data {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.data == nil {
		return maps.Clone(Data(a.row.Data))
	}
	return maps.Clone(a.data)
}

// Conversation returns the messages so far, those that came along and those
// that Ask and Append added, oldest first.
func (t *Task[In]) Conversation(ctx context.Context) ([]llm.Message, error) {
	t.attempt.mu.Lock()
	defer t.attempt.mu.Unlock()
	talk, err := t.attempt.load(ctx)
	if err != nil {
		return nil, err
	}
	return append([]llm.Message{}, talk.messages...), nil
}

// Append adds messages, such as the results of tools, to the conversation
// without calling a model. They are stored with the response of the next Ask,
// or with the task that follows in the flow.
func (t *Task[In]) Append(ctx context.Context, messages ...llm.Message) error {
	t.attempt.mu.Lock()
	defer t.attempt.mu.Unlock()
	talk, err := t.attempt.load(ctx)
	if err != nil {
		return err
	}
	for _, m := range messages {
		talk.append(m)
	}
	return nil
}

// Data returns what earlier tasks of the run handed on, with what this handler
// has set. The map is the caller's own.
func (t *Task[In]) Data() Data {
	return t.attempt.dataNow()
}

// SetData sets a value that goes along to the tasks that follow in the flow, if
// the handler succeeds. The value is kept as JSON.
func (t *Task[In]) SetData(name string, value any) error {
	encoded, err := marshal(value)
	if err != nil {
		return err
	}
	a := t.attempt
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.data == nil {
		a.data = Data{}
		maps.Copy(a.data, a.row.Data)
	}
	a.data[name] = encoded
	return nil
}
