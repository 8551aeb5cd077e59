package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llmsim"
)

// texts returns what a conversation says, a line for each message.
func texts(messages []llm.Message) []string {
	lines := []string{}
	for _, m := range messages {
		lines = append(lines, m.Role()+": "+m.Text())
	}
	return lines
}

func TestARetrySendsNothingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{})
		m := simModel(sim, 100)
		var talks [][]string
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			for i := range 3 {
				if _, err := task.Ask(ctx, m, fmt.Sprintf("Question %d about %s?", i, task.Input), pawl.System("Be brief."), pawl.MaxTokens(50)); err != nil {
					return "", err
				}
				if err := failing(task, i+1); err != nil {
					return "", err
				}
			}
			talk, err := task.Conversation(ctx)
			talks = append(talks, texts(talk))
			if err != nil {
				return "", err
			}
			return "", failing(task, 4)
		})
		start(t, c)
		o := asks
		o.Attempts = 9
		run := add(t, c, o, "wheels")
		result(t, run)
		s := sim.Stats()
		if s.Requests != 3 || s.PaidTwice != 0 {
			t.Errorf("the provider got %d calls, %d paid twice; want 3, 0", s.Requests, s.PaidTwice)
		}
		if len(talks) != 2 || len(talks[0]) != 6 || !strings.HasPrefix(talks[0][4], "user: Question 2") {
			t.Fatalf("conversations = %q; want six messages in the last two attempts", talks)
		}
		if diff := cmp.Diff(talks[0], talks[1]); diff != "" {
			t.Errorf("the conversation of the retry differs (-first +retry):\n%s", diff)
		}
		r := row(t, c, run.ID)
		if used := r.Usage(); used != s.Billed {
			t.Errorf("Usage = %+v; want the provider's %+v", used, s.Billed)
		}
		if last := r.LastAttempt(); last.Saved != 3 || last.Spared != s.Billed || last.Calls != 0 {
			t.Errorf("last attempt = %+v; want three saved calls and all tokens spared", last)
		}
		stored, err := c.Conversation(t.Context(), r.Head)
		must(t, err)
		if diff := cmp.Diff(talks[0], texts(stored)); diff != "" {
			t.Errorf("the stored conversation differs (-handler +stored):\n%s", diff)
		}
	})
}

func TestAskSendsTheConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			if _, err := task.Ask(ctx, m, "one"); err != nil {
				return "", err
			}
			tool, err := llm.ParseMessage([]byte(`{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"42"}],"own":true}`))
			if err != nil {
				return "", err
			}
			if err := task.Append(ctx, tool, llm.Text("user", "two")); err != nil {
				return "", err
			}
			reply, err := task.Ask(ctx, m, "", pawl.Field("temperature", 0.5), pawl.Field("tools", []string{}))
			if err != nil {
				return "", err
			}
			return reply.Text(), failing(task, 1)
		})
		start(t, c)
		run := add(t, c, asks, "x", pawl.Messages{llm.Text("user", "zero"), llm.Text("assistant", "0")})
		if got := result(t, run); got != "answer 2" {
			t.Errorf("Wait = %s; want answer 2", got)
		}
		want := `{"model":"test","max_tokens":100,"messages":[{"role":"user","content":"zero"},{"role":"assistant","content":"0"},` +
			`{"role":"user","content":"one"},{"role":"assistant","content":[{"type":"text","text":"answer 1"}]},` +
			`{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"42"}],"own":true},{"role":"user","content":"two"}],` +
			`"temperature":0.5,"tools":[]}`
		if diff := cmp.Diff(want, m.bodies[1]); diff != "" || len(m.bodies) != 2 {
			t.Errorf("the second of %d calls differs (-want +got):\n%s", len(m.bodies), diff)
		}
		stored, err := c.Conversation(t.Context(), row(t, c, run.ID).Head)
		must(t, err)
		if len(stored) != 7 || !strings.Contains(string(stored[4].JSON()), `"own":true`) {
			t.Errorf("stored conversation = %q; want 7 messages, whole", texts(stored))
		}
	})
}

func TestAskOutOfOrderFindsStoredAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &model{}, &model{}
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			models := []*model{a, b}
			if task.Attempt > 1 {
				models = []*model{a, b, a} // a step more than before
			}
			last := ""
			for _, m := range models {
				reply, err := task.Ask(ctx, m, "again")
				if err != nil {
					return "", err
				}
				last = reply.Text()
			}
			return last, failing(task, 1)
		})
		start(t, c)
		if got := result(t, add(t, c, asks, "x")); got != "answer 2" || a.calls() != 2 || b.calls() != 1 {
			t.Errorf("Wait = %s, %d and %d calls; want answer 2, 2 and 1", got, a.calls(), b.calls())
		}
	})
}

// A call that failed is not sent again within its attempt, however the handler
// tries: the queue is what retries.
func TestAFailedCallIsNotSentAgainInItsAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: failFirst(1, &llm.Error{Class: llm.Ambiguous, Status: 500})}
		var talk []llm.Message
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			var reply *llm.Response
			var err error
			for range 5 {
				if reply, err = task.Ask(ctx, m, "hello?"); err == nil {
					break
				}
			}
			if err != nil {
				return "", err
			}
			talk, err = task.Conversation(ctx)
			return reply.Text(), err
		})
		start(t, c)
		run := add(t, c, asks, "x")
		result(t, run)
		if m.calls() != 2 || len(row(t, c, run.ID).Attempts) != 2 {
			t.Errorf("%d calls in %d attempts; want 2 in 2", m.calls(), len(row(t, c, run.ID).Attempts))
		}
		if len(talk) != 2 {
			t.Errorf("conversation = %q; want the question and the answer", texts(talk))
		}
	})
}

// A handler that goes on after a failed call has its conversation as it was.
func TestAFailedAskAppendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := &model{answer: failFirst(9, &llm.Error{Class: llm.Permanent, Status: 400})}
		good := &model{}
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			if _, err := task.Ask(ctx, bad, "with tools?"); err == nil {
				return "", errors.New("no error")
			}
			if _, err := task.Ask(ctx, good, "without?"); err != nil {
				return "", err
			}
			talk, err := task.Conversation(ctx)
			return strings.Join(texts(talk), "\n"), err
		})
		start(t, c)
		run := add(t, c, asks, "x")
		if got := result(t, run); got != "user: without?\nassistant: answer 1" {
			t.Errorf("conversation = %s; want the good call alone", got)
		}
	})
}

func TestAskRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			var err error
			switch task.Input {
			case "field":
				_, err = task.Ask(ctx, m, "x", pawl.Field("f", func() {}))
			case "empty":
				_, err = task.Ask(ctx, m, "")
			case "stream":
				_, err = task.Ask(ctx, m, "x", pawl.Field("stream", true))
			}
			return "", err
		})
		start(t, c)
		for in, want := range map[string]string{
			"field":  `ask: field "f" cannot be written as JSON`,
			"empty":  "no messages",
			"stream": `"stream"`,
		} {
			if last := dead(t, add(t, c, asks, in)).LastAttempt(); last.Class != llm.Permanent || !strings.Contains(last.Message, want) {
				t.Errorf("%s: last attempt = %+v; want permanent, %s", in, last, want)
			}
		}
		if m.calls() != 0 {
			t.Errorf("%d calls; want none", m.calls())
		}
	})
}

func TestData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, func(_ context.Context, task *pawl.Task[string]) (string, error) {
			data := task.Data()
			if data == nil {
				data = pawl.Data{}
			}
			data["mine"] = json.RawMessage("0") // the caller's own copy
			if err := task.SetData("n", len(task.Data())); err != nil {
				return "", err
			}
			if err := task.SetData("f", func() {}); err == nil {
				return "", errors.New("SetData of no JSON = nil; want an error")
			}
			return fmt.Sprintf("%d %s", len(task.Data()), task.Data()["n"]), nil
		})
		start(t, c)
		if got := result(t, add(t, c, asks, "x", pawl.Data{"a": json.RawMessage("1")})); got != "2 1" {
			t.Errorf("Wait = %s; want 2 1", got)
		}
		if got := result(t, add(t, c, asks, "y")); got != "1 0" {
			t.Errorf("Wait = %s; want 1 0", got)
		}
	})
}

func TestCallsThatTakeTimeKeepTheirStepsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: func(context.Context, int) (*llm.Response, error) {
			time.Sleep(3 * time.Second)
			return say("slow"), nil
		}}
		c := one(t, asks, asking(m))
		start(t, c)
		run := add(t, c, asks, "x")
		result(t, run)
		r := row(t, c, run.ID)
		if s := r.Steps[0]; s.Took != 3*time.Second || s.At.Sub(r.Started) != 3*time.Second || s.Usage != (llm.Usage{Input: 10, Output: 5}) {
			t.Errorf("step = %+v; want 3s and its usage", s)
		}
	})
}

// What of the output was reasoning is stored with the call, and told of the
// attempts that paid for it and of those that were spared it.
func TestReasoningIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{Reasoning: 25})
		m := simModels["openai"](sim, 200)
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			if _, err := task.Ask(ctx, m, task.Input); err != nil {
				return "", err
			}
			return "", failing(task, 1)
		})
		start(t, c)
		run := add(t, c, asks, "hello")
		result(t, run)
		r, billed := row(t, c, run.ID), sim.Stats().Billed
		if billed.Reasoning != 25 || len(r.Steps) != 1 || r.Steps[0].Usage != billed || r.Usage() != billed {
			t.Errorf("Usage = %+v in steps %+v; want the provider's %+v with 25 tokens of reasoning", r.Usage(), r.Steps, billed)
		}
		if last := r.LastAttempt(); last.Spared != billed || last.Calls != 0 {
			t.Errorf("last attempt = %+v; want %+v spared", last, billed)
		}
	})
}
