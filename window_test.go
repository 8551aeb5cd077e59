package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// request is what a model was asked.
type request struct{ Messages []llm.Message }

// requests returns what m was asked, call by call.
func requests(t *testing.T, m *model) []request {
	t.Helper()
	all := make([]request, len(m.bodies))
	for i, body := range m.bodies {
		must(t, json.Unmarshal([]byte(body), &all[i]))
	}
	return all
}

// whole runs one handler on a store to its end.
func whole(t *testing.T, fn func(context.Context, *pawl.Task[string]) error, opts ...pawl.Option) *pawl.TaskRow {
	t.Helper()
	var id pawl.ID
	var r *pawl.TaskRow
	c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) { return "", fn(ctx, task) })
	stop := start(t, c)
	run := add(t, c, asks, "x", opts...)
	id = run.ID
	result(t, run)
	r = row(t, c, id)
	stop()
	return r
}

// A window of 100 tokens is 400 characters: each message here has 40.
func TestDropOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: func(_ context.Context, n int) (*llm.Response, error) { return say(fmt.Sprintf("%-40d", n)), nil }}
		var talk []string
		var head pawl.Hash
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			task.Window(pawl.DropOldest(100))
			for i := range 20 {
				if _, err := task.Ask(ctx, m, fmt.Sprintf("question %-31d", i+1)); err != nil {
					return "", err
				}
				if err := failing(task, 1+i/7); err != nil { // in between, too
					return "", err
				}
			}
			messages, err := task.Conversation(ctx)
			talk = texts(messages)
			return "", err
		})
		start(t, c)
		run := add(t, c, asks, "x")
		result(t, run)
		moves, first := 0, ""
		for i, r := range requests(t, m) {
			lines := texts(r.Messages)
			size := 0
			for _, message := range r.Messages {
				size += len(message.Text())
			}
			if size > 400 || r.Messages[0].Role() != "user" || !strings.Contains(lines[len(lines)-1], fmt.Sprintf("question %-31d", i+1)) {
				t.Errorf("request %d has %d characters: %q; want at most 400, from a user's message to the last", i+1, size, lines)
			}
			if lines[0] != first {
				if moves++; moves > 1 && size > 200 {
					t.Errorf("request %d moved on and has %d characters; want half", i+1, size)
				}
				first = lines[0]
			}
		}
		if m.calls() != 20 || moves < 3 || moves > 9 {
			t.Errorf("%d calls and %d beginnings; want 20 calls, none again, and a beginning that seldom moves", m.calls(), moves)
		}
		head = row(t, c, run.ID).Head
		stored, err := c.Conversation(t.Context(), head)
		must(t, err)
		if diff := cmp.Diff(talk, texts(stored)); diff != "" || len(stored) != 40 {
			t.Errorf("%d messages are stored, want 40; they differ (-handler +stored):\n%s", len(stored), diff)
		}
	})
}

// parsed is a message of JSON.
func parsed(raw string) llm.Message {
	m, err := llm.ParseMessage([]byte(raw))
	if err != nil {
		panic(err)
	}
	return m
}

// No result of a tool is sent without its call, in either API's form; what begins
// with an answer has the user's last message in front; what the system says first
// stays.
func TestAWindowKeepsToolsTogether(t *testing.T) {
	pad := strings.Repeat("x", 90)
	calls := map[string]func(i int) []llm.Message{
		"anthropic": func(i int) []llm.Message {
			return []llm.Message{
				parsed(fmt.Sprintf(`{"role":"assistant","content":[{"type":"text","text":"%s"},{"type":"tool_use","id":"t%d","name":"n","input":{}}]}`, pad, i)),
				parsed(fmt.Sprintf(`{"role":"user","content":[{"type":"tool_result","tool_use_id":"t%d","content":"%s"}]}`, i, pad)),
			}
		},
		"openai": func(i int) []llm.Message {
			return []llm.Message{
				parsed(fmt.Sprintf(`{"role":"assistant","content":"%s","tool_calls":[{"id":"t%d","type":"function","function":{"name":"n","arguments":"{}"}},{"id":"u%d","type":"function"}]}`, pad, i, i)),
				parsed(fmt.Sprintf(`{"role":"tool","tool_call_id":"t%d","content":"%s"}`, i, pad)),
				parsed(fmt.Sprintf(`{"role":"tool","tool_call_id":"u%d","content":"%s"}`, i, pad)),
			}
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &model{}
				begun := pawl.Messages{parsed(`{"role":"system","content":"Rules."}`), llm.Text("user", "Find it.")}
				whole(t, func(ctx context.Context, task *pawl.Task[string]) error {
					task.Window(pawl.DropOldest(200))
					for i := range 20 {
						if err := task.Append(ctx, call(i)...); err != nil {
							return err
						}
						if _, err := task.Ask(ctx, spoken{m}, ""); err != nil {
							return err
						}
					}
					return nil
				}, begun)
				for i, r := range requests(t, m) {
					if r.Messages[0].Role() != "system" || r.Messages[1].Text() != "Find it." {
						t.Errorf("request %d begins %q; want the rules and what the user said", i+1, texts(r.Messages[:2]))
					}
					all, err := json.Marshal(r.Messages)
					must(t, err)
					for j := range 20 {
						used := strings.Count(string(all), fmt.Sprintf(`"id":"t%d"`, j))
						given := strings.Count(string(all), fmt.Sprintf(`_id":"t%d"`, j))
						if used != given {
							t.Errorf("request %d has call %d %d times and its result %d times", i+1, j, used, given)
						}
					}
					if len(all) > 2000 {
						t.Errorf("request %d has %d bytes; want the window's", i+1, len(all))
					}
				}
			})
		})
	}
}

// The newest message is sent, however long it is.
func TestAWindowSendsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		long := strings.Repeat("long ", 100)
		whole(t, func(ctx context.Context, task *pawl.Task[string]) error {
			task.Window(pawl.DropOldest(1))
			_, err := task.Ask(ctx, m, "hello")
			if err == nil {
				_, err = task.Ask(ctx, m, long)
			}
			return err
		})
		if r := requests(t, m); len(r[1].Messages) != 1 || r[1].Messages[0].Text() != long {
			t.Errorf("the second request has %q; want the newest message alone", texts(r[1].Messages))
		}
	})
}

var shorten = pawl.Operation[[]llm.Message, string]{Name: "shorten"}

// Summaries are tasks of their own, made once for what is left out, each of the one
// before and what comes after it, and found again by a retry.
func TestSummarize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: func(_ context.Context, n int) (*llm.Response, error) { return say(fmt.Sprintf("%-40d", n)), nil }}
		c := newClient(newStore(t), pawl.Config{})
		var covered [][]string
		shorten.Handle(c, func(_ context.Context, task *pawl.Task[[]llm.Message]) (string, error) {
			covered = append(covered, texts(task.Input))
			return fmt.Sprintf("%s's summary %d", task.User, len(covered)), nil
		})
		asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			task.Window(pawl.Summarize(shorten, 100))
			for i := range 16 {
				if _, err := task.Ask(ctx, m, fmt.Sprintf("question %-31d", i+1)); err != nil {
					return "", err
				}
			}
			messages, err := task.Conversation(ctx)
			return strings.Join(texts(messages), ""), errors.Join(err, failing(task, 2))
		})
		start(t, c)
		whole := result(t, add(t, c, asks, "x", pawl.User("ann")))
		if m.calls() != 16 || len(covered) < 3 || strings.Contains(whole, "summary") || strings.Count(whole, "question") != 16 {
			t.Fatalf("%d calls, %d summaries, the conversation %q; want 16, at least 3, and all messages without summaries", m.calls(), len(covered), whole)
		}
		for i, lines := range covered {
			first := fmt.Sprintf("user: Summary of the conversation until here:\n\nann's summary %d", i)
			if i == 0 {
				first = fmt.Sprintf("user: question %-31d", 1)
			}
			if lines[0] != first {
				t.Errorf("summary %d begins with %q; want %q", i+1, lines[0], first)
			}
		}
		said := strings.Join(append([]string{}, covered[0]...), "") + strings.Join(covered[1][1:], "") + strings.Join(covered[2][1:], "")
		if !strings.HasPrefix(whole, said) {
			t.Errorf("the summaries cover %q; want the conversation's beginning, each message once", said)
		}
		requests := requests(t, m)
		last := texts(requests[15].Messages)
		if want := fmt.Sprintf("user: Summary of the conversation until here:\n\nann's summary %d", len(covered)); last[0] != want || len(last) > 11 {
			t.Errorf("the last request = %q; want it to begin with %q", last, want)
		}
	})
}

// A summary that cannot be made ends its conversation's task, which goes on where it
// was when both are retried.
func TestASummaryThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := talkative()
		c := newClient(newStore(t), pawl.Config{})
		tries := 0
		op := shorten
		op.Attempts = 1
		op.Handle(c, func(context.Context, *pawl.Task[[]llm.Message]) (string, error) {
			if tries++; tries == 1 {
				return "", errors.New("not now")
			}
			return "short", nil
		})
		asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			task.Window(pawl.Summarize(op, 300))
			for range 3 {
				if _, err := task.Ask(ctx, m, "go on"); err != nil {
					return "", err
				}
			}
			return "", nil
		})
		start(t, c)
		run := add(t, c, asks, "x")
		r := dead(t, run)
		if !strings.Contains(r.LastAttempt().Message, "summarize 3 messages") {
			t.Errorf("last attempt = %+v; want it to say that it could not summarize", r.LastAttempt())
		}
		if _, err := c.Retry(t.Context(), pawl.Filter{States: []pawl.State{pawl.Dead}}); err != nil {
			t.Fatal(err)
		}
		result(t, run)
		if m.calls() != 3 || tries != 2 {
			t.Errorf("%d calls and %d summaries; want 3 calls, none of them again, and 2", m.calls(), tries)
		}
	})
}

// A branch has the window of what it comes from, and its own from there on.
func TestABranchHasTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := talkative()
		whole(t, func(ctx context.Context, task *pawl.Task[string]) error {
			task.Window(pawl.DropOldest(400))
			if _, err := task.Ask(ctx, m, "one"); err != nil {
				return err
			}
			left, right := task.Branch(), task.Branch()
			right.Window(pawl.Window{})
			for _, b := range []*pawl.Conversation{left, left, right, right} {
				if _, err := b.Ask(ctx, m, "more"); err != nil {
					return err
				}
			}
			return nil
		})
		r := requests(t, m)
		if len(r[2].Messages) >= 5 || len(r[4].Messages) != 5 {
			t.Errorf("the branches' last requests have %d and %d messages; want less than 5 and 5", len(r[2].Messages), len(r[4].Messages))
		}
	})
}
