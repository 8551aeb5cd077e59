package pawl

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// Window says what is sent of a conversation that has grown too long. What is
// stored, and what Messages returns, is always the whole. The zero Window sends all.
//
// Once the messages have more than the window's tokens, its beginning moves on
// until they have half of these: so it moves seldom, and between its moves each
// request continues the one before, as a provider's prompt cache needs it. It
// begins with a message of the user, if need be with the last one before it; no
// result of a tool is sent without its call; and the newest message is always sent.
// Messages of the system at the very beginning stay.
//
// Tokens are estimated, at four characters each, of the messages alone: leave room
// for the system prompt, the tools and the answer.
type Window struct {
	chars     int // 0 for no bound
	summarize func(ctx context.Context, a *attempt, dropped []llm.Message) (string, error)
}

const charsPerToken = 4

// DropOldest sends the newest messages, of up to so many tokens, and not the rest.
func DropOldest(tokens int) Window { return Window{chars: charsPerToken * max(tokens, 1)} }

// Summarize is [DropOldest] with a summary of what is not sent in front of what is.
// op makes it, of the messages that are left out; when more are left out later, of
// the summary before, as a message of the user, and these. Each is a task of its
// own, with the user and priority of the conversation's: it goes through op's
// limit, is stored, and is found again by a retry. Some client must have a handler
// for op.
func Summarize(op Operation[[]llm.Message, string], tokens int) Window {
	w := DropOldest(tokens)
	w.summarize = func(ctx context.Context, a *attempt, dropped []llm.Message) (string, error) {
		encoded, err := marshal(dropped)
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256(encoded)
		return Step(ctx, "summarize "+hex.EncodeToString(sum[:8]), func(ctx context.Context) (string, error) {
			// A worker that dies before the step is stored finds the task again.
			run, err := op.Add(ctx, a.client, dropped, User(a.row.User), a.row.Priority, max(Reuse(op.Reuse), Reuse(summaryReuse)))
			if err != nil {
				return "", err
			}
			return run.Wait(ctx)
		})
	}
	return w
}

// summaryReuse is for how long a summary answers for the same messages.
const summaryReuse = time.Hour

// summaryHead is what stands in front of a summary.
const summaryHead = "Summary of the conversation until here:\n\n"

// Window sets what is sent of the conversation from the next Ask on. Set it in
// every attempt at the same place.
func (c *Conversation) Window(w Window) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.window, c.view, c.summaries = w, view{}, nil
}

// Window sets what is sent of the task's own conversation; see
// [Conversation.Window]. What follows in the flow sets its own.
func (t *Task[In]) Window(w Window) { t.attempt.own().Window(w) }

// view is where a window stands: a function of the window and of the messages one
// after another, so that it does not matter when and how often it is asked for.
type view struct {
	start int // the first message that is sent, after those of the system
	head  int // how many messages of the system stand at the beginning

	kinds []kind // of all messages so far
	sizes []int  // of all messages so far, in characters
	chars int    // of those from start on

	summary string // of the messages before summed
	summed  int
}

// kind is what a message means for a window.
type kind int8

const (
	kindSystem kind = iota
	kindUser        // may begin what is sent
	kindAnswer      // may begin it behind a message of the user
	kindResult      // of a tool: never without what comes before
)

func kindOf(m llm.Message) kind {
	switch m.Role() {
	case "system", "developer":
		return kindSystem
	case "assistant", "model":
		return kindAnswer
	case "user":
		if !m.HasToolResult() {
			return kindUser
		}
	}
	return kindResult
}

// advance moves the window on over the messages that are new to it.
func (v view) advance(most int, messages []llm.Message) view {
	if most == 0 || len(v.kinds) == len(messages) {
		return v
	}
	for _, m := range messages[len(v.kinds):] {
		v = v.with(most, m)
	}
	return v
}

// with returns the view with one more message.
func (v view) with(most int, m llm.Message) view {
	if most == 0 {
		return v
	}
	i := len(v.kinds)
	v.kinds, v.sizes = append(v.kinds, kindOf(m)), append(v.sizes, m.Chars())
	if v.kinds[i] == kindSystem && v.head == i {
		v.head, v.start, v.summed = i+1, i+1, i+1
		return v
	}
	if v.chars += v.sizes[i]; v.chars > most {
		v.move(most / 2)
	}
	return v
}

// move has the window begin where at most so many characters are left, or as near
// to that as it may.
func (v *view) move(most int) {
	left := v.chars
	for i := v.start; i < len(v.kinds); i++ {
		if k := v.kinds[i]; i > v.start && (k == kindUser || k == kindAnswer) {
			v.start, v.chars = i, left
			if left <= most {
				return
			}
		}
		left -= v.sizes[i]
	}
}

// sent returns the messages of the window, and how many of them are not the
// conversation's messages from start on.
func (v view) sent(messages []llm.Message) (sent []llm.Message, extra int) {
	if v.start == v.head {
		return messages, v.head
	}
	sent = slices.Clone(messages[:v.head])
	if v.summary != "" {
		sent = append(sent, summaryMessage(v.summary))
	} else if v.kinds[v.start] != kindUser {
		for i := v.start - 1; i >= v.head; i-- {
			if v.kinds[i] == kindUser {
				sent = append(sent, messages[i])
				break
			}
		}
	}
	return append(sent, messages[v.start:]...), len(sent)
}

func summaryMessage(text string) llm.Message { return llm.Text("user", summaryHead+text) }

// identity is what a window adds to the identity of a call: nothing where it sends
// all.
func (v view) identity() string {
	if v.start == v.head {
		return ""
	}
	return fmt.Sprintf("%d %q", v.start, v.summary)
}

// summarized returns where the window of a call stands, with a summary of all that it
// leaves out. A summary is asked for once, however many calls of one Ask are tried.
func (c *Conversation) summarized(ctx context.Context, q *question) (view, error) {
	v := q.view
	if q.window.summarize == nil || v.summed == v.start {
		return v, nil
	}
	dropped := slices.Clone(q.all()[v.summed:v.start])
	if v.summary != "" {
		dropped = slices.Insert(dropped, 0, summaryMessage(v.summary))
	}
	part := span{v.summed, v.start}
	text, made := c.summary(part)
	if !made {
		var err error
		if text, err = q.window.summarize(ctx, c.attempt, dropped); err != nil {
			return v, fmt.Errorf("summarize %d messages: %w", len(dropped), err)
		}
		c.mu.Lock()
		if c.summaries == nil {
			c.summaries = map[span]string{}
		}
		c.summaries[part] = text
		c.mu.Unlock()
	}
	v.summary, v.summed = text, v.start
	return v, nil
}

func (c *Conversation) summary(part span) (text string, made bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text, made = c.summaries[part]
	return text, made
}
