package pawl_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llmsim"
)

// twoStages returns a client whose operations "first" and "second" ask m two questions
// each.
func twoStages(t *testing.T, m llm.Model) *pawl.Client {
	c := newClient(newStore(t), pawl.Config{})
	for _, name := range []string{"first", "second"} {
		pawl.Operation[string, string]{Name: name}.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			said := ""
			for _, prompt := range []string{"one", "two"} {
				reply, err := t.Ask(ctx, m, name+" "+prompt+" "+t.Input, pawl.System("plain"))
				if err != nil {
					return "", err
				}
				said = reply.Text()
			}
			return said, nil
		})
	}
	return c
}

// recorder is a model that notes what it is asked.
type recorder struct {
	llm.Model
	asked []string
}

func (r *recorder) Send(ctx context.Context, body json.RawMessage) (*llm.Response, error) {
	var b struct {
		Model       string
		Temperature float64
		System      json.RawMessage
		Messages    []json.RawMessage
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, err
	}
	system := "plain"
	if !strings.Contains(string(b.System), "plain") {
		system = "other"
	}
	last, err := llm.ParseMessage(b.Messages[len(b.Messages)-1])
	if err != nil {
		return nil, err
	}
	r.asked = append(r.asked, strings.Join([]string{b.Model, system, last.Text()}, "|"))
	return r.Model.Send(ctx, body)
}

func TestAVariantChangesTheCallsThatAreMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &recorder{Model: anthropic.New(anthropic.Config{Model: "m", BaseURL: "http://sim", HTTPClient: llmsim.New(llmsim.Config{}).Client()})}
		c := twoStages(t, m)
		start(t, c)
		first, second := pawl.Operation[string, string]{Name: "first"}, pawl.Operation[string, string]{Name: "second"}
		run, err := pawl.Then(first, second).Add(t.Context(), c, "x")
		must(t, err)
		result(t, run)
		m.asked = nil
		fork := forked(t, run, "first/ask#2", pawl.Variant{
			"prompt": json.RawMessage(`"my own"`), "model": json.RawMessage(`"n"`), "system": json.RawMessage(`"other"`),
		})
		last := m.asked[len(m.asked)-1]
		want := []string{"n|other|my own", "n|other|second one " + "", "n|other|second two "}
		for i, a := range m.asked {
			if !strings.HasPrefix(a, want[min(i, 2)]) {
				t.Errorf("call %d was %q; want %q…", i+1, a, want[i])
			}
		}
		if len(m.asked) != 3 || len(fork) != 1 {
			t.Errorf("%d calls were made, the last %q; want 3", len(m.asked), last)
		}
		talk := conversationOf(t, c, "second")
		if texts := texts(talk); !strings.Contains(strings.Join(texts, "\n"), "user: my own") {
			t.Errorf("the conversation is %v; want the prompt of the variant in it", texts)
		}
	})
}

// conversationOf returns the conversation of the latest task of an operation.
func conversationOf(t *testing.T, c *pawl.Client, operation string) []llm.Message {
	t.Helper()
	rows, err := c.List(t.Context(), pawl.Filter{Operation: operation})
	must(t, err)
	latest := rows[0]
	for _, r := range rows {
		if r.Seq > latest.Seq {
			latest = r
		}
	}
	talk, err := c.Conversation(t.Context(), latest.Conversation)
	must(t, err)
	return talk
}

func TestRequestsAreEdited(t *testing.T) {
	prompt, system := "new", "be brief"
	e := llm.Edit{Prompt: &prompt, System: &system, Fields: map[string]json.RawMessage{"model": json.RawMessage(`"n"`)}}
	body := json.RawMessage(`{"model":"m","system":"s","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}],"x":1}`)
	got, err := anthropic.API{}.Edit(body, e)
	must(t, err)
	want := `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"new"}],"model":"n","system":"be brief","x":1}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("Edit differs (-want +got):\n%s", diff)
	}
	if _, err := (anthropic.API{}).Edit(json.RawMessage(`{"messages":[]}`), e); err == nil {
		t.Error("Edit of a request without a message of the user's = nil; want an error")
	}
}

func TestAModelFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		first := &model{answer: func(_ context.Context, n int) (*llm.Response, error) {
			if down {
				return nil, &llm.Error{Class: llm.Permanent, Status: 400}
			}
			return say("first"), nil
		}}
		second := &model{answer: func(context.Context, int) (*llm.Response, error) { return say("second"), nil }}
		c := newClient(newStore(t), pawl.Config{})
		attempts := 0
		asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			reply, err := task.Ask(ctx, pawl.ModelWithFallback(first, pawl.Through("other", second), llm.Permanent), "hello")
			if attempts++; attempts == 1 {
				down = false
				return "", context.DeadlineExceeded
			}
			if err != nil {
				return "", err
			}
			return reply.Text(), nil
		})
		start(t, c)
		if got := result(t, add(t, c, asks, "x")); got != "second" || first.calls() != 1 || second.calls() != 1 {
			t.Errorf("Wait = %s after %d and %d calls; want second after 1 and 1: a retry finds the answer of whichever gave it", got, first.calls(), second.calls())
		}
	})
}

func TestAStrictOperationStopsWhenItsCodeHasChanged(t *testing.T) {
	for _, strict := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(newStore(t), pawl.Config{})
			o := pawl.Operation[string, string]{Name: "o", Limit: pawl.NoLimit, Strict: strict}
			names := []string{"old", "new"}
			o.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
				out, err := pawl.Step(ctx, names[min(task.Attempt, 2)-1], func(context.Context) (string, error) { return names[min(task.Attempt, 2)-1], nil })
				if err == nil && task.Attempt == 1 {
					err = context.DeadlineExceeded
				}
				return out, err
			})
			start(t, c)
			run := add(t, c, o, "x")
			if strict {
				if d := dead(t, run); d.LastAttempt().Class != pawl.Changed || !strings.Contains(d.LastAttempt().Message, `step "new" is new, and stored step "old" was not asked for`) {
					t.Errorf("dead letter says %+v", d.LastAttempt())
				}
				return
			}
			if got := result(t, run); got != "new" {
				t.Errorf("Wait = %s; want new", got)
			}
			if last := row(t, c, run.ID).LastAttempt(); last.Unasked != 1 {
				t.Errorf("the attempt tells of %d steps that were not asked for; want 1", last.Unasked)
			}
		})
	}
}
