package pawl

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/pawlhq/pawl/llm"
)

// Conversation is what was said to models and what they answered, oldest first.
// A task has one of its own: [Task.Ask] and [Task.Append] continue it, and what
// follows in the flow goes on with it. [Task.Branch] starts others.
//
// Its messages are stored with the response of each Ask, once each, and are never
// changed or removed while a task refers to them. It is the handler's for the
// time of the call. Calls of one conversation follow each other; those of
// different ones may run at the same time.
type Conversation struct {
	attempt *attempt
	path    string // "" for the task's own; "/2/1" is the first branch of its second one

	mu       sync.Mutex
	loaded   bool
	head     Hash          // after all messages; before it is loaded, what it starts from
	messages []llm.Message // all, the unsaved ones included
	first    Hash          // after the first message, zero if there is none
	unsaved  []Node        // the last of them, which go into the store with the next response
	chars    int
	asked    int // how many of them the last request ended with, or the tasks before
	branches int // how many have started here

	window Window
	view   view // where the window stood at the last request

	summaries map[span]string // that were made, by the messages that they are of
}

// own returns the task's own conversation.
func (a *attempt) own() *Conversation {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.talk == nil {
		a.talk = &Conversation{attempt: a, head: a.row.Conversation}
	}
	return a.talk
}

// load reads the messages from the store the first time.
func (c *Conversation) load(ctx context.Context) error {
	if c.loaded {
		return nil
	}
	nodes, ok, err := c.attempt.shelf().chain(ctx, c.head)
	if err == nil && !ok {
		nodes, err = c.attempt.client.store.Conversation(ctx, c.head)
	}
	if err != nil {
		return fmt.Errorf("read conversation %s: %w", c.head, err)
	}
	c.messages = make([]llm.Message, len(nodes))
	for i, n := range nodes {
		c.messages[i] = n.Message
		c.chars += len(n.Message.JSON())
		if i == 0 {
			c.first = n.Hash
		}
	}
	c.asked, c.loaded = len(nodes), true
	return nil
}

// Messages returns all messages so far, those that came along and those that Ask
// and Append added, whatever part of them is sent.
func (c *Conversation) Messages(ctx context.Context) ([]llm.Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	return append([]llm.Message{}, c.messages...), nil
}

// Append adds messages, such as the results of tools, without calling a model.
// They are stored with the response of the next Ask; those of the task's own
// conversation also with the task that follows in the flow.
func (c *Conversation) Append(ctx context.Context, messages ...llm.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(ctx); err != nil {
		return err
	}
	nodes, head, err := appendNodes(c.head, messages)
	if err != nil {
		return Permanent(err)
	}
	c.add(nodes, head)
	return nil
}

// add appends nodes that are not stored.
func (c *Conversation) add(nodes []Node, head Hash) {
	if len(c.messages) == 0 && len(nodes) > 0 {
		c.first = nodes[0].Hash
	}
	for _, n := range nodes {
		c.messages = append(c.messages, n.Message)
		c.chars += len(n.Message.JSON())
	}
	c.unsaved = append(c.unsaved, nodes...)
	c.head = head
}

// Head returns the hash that names the conversation as it stands, for
// [Client.Conversation], which finds what the response of an Ask has stored.
func (c *Conversation) Head() Hash {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.head
}

// Branch returns another conversation that starts where this one stands. What is
// said in one of them is not heard in the other. On a retry each branch finds its
// own stored responses, also where two of them ask the same thing; for that they
// must be started in the same order in every attempt.
func (c *Conversation) Branch() *Conversation {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.branches++
	seen := c.view
	seen.kinds, seen.sizes = slices.Clip(seen.kinds), slices.Clip(seen.sizes)
	return &Conversation{
		attempt: c.attempt, path: c.path + "/" + strconv.Itoa(c.branches), loaded: c.loaded, head: c.head, first: c.first,
		messages: slices.Clip(c.messages), unsaved: slices.Clip(c.unsaved), chars: c.chars, asked: c.asked,
		window: c.window, view: seen, summaries: maps.Clone(c.summaries),
	}
}

// heading returns the conversation that follows this attempt, its size, and the
// messages of it that are not stored.
func (a *attempt) heading() (head Hash, chars int, unsaved []Node, err error) {
	a.mu.Lock()
	c := a.talk
	a.mu.Unlock()
	if c == nil { // the handler said nothing
		return a.row.Conversation, max(a.row.Size.Chars-len(a.row.Input), 0), nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.loaded {
		return c.head, max(a.row.Size.Chars-len(a.row.Input), 0), nil, nil
	}
	return c.head, c.chars, c.unsaved, nil
}

// Conversation returns the messages of the task's own conversation so far, those
// that came along and those that Ask and Append added, oldest first.
func (t *Task[In]) Conversation(ctx context.Context) ([]llm.Message, error) {
	return t.attempt.own().Messages(ctx)
}

// Append adds messages to the task's own conversation; see [Conversation.Append].
func (t *Task[In]) Append(ctx context.Context, messages ...llm.Message) error {
	return t.attempt.own().Append(ctx, messages...)
}

// Branch returns a conversation that starts where the task's own one stands; see
// [Conversation.Branch]. What follows in the flow does not hear of it, unless it
// is followed.
func (t *Task[In]) Branch() *Conversation { return t.attempt.own().Branch() }

// Follow makes c, one of the task's branches, the task's own conversation: Ask and Append
// continue it, and so does what follows in the flow.
func (t *Task[In]) Follow(c *Conversation) {
	a := t.attempt
	a.mu.Lock()
	defer a.mu.Unlock()
	a.talk = c
}
