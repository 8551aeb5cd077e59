package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

var (
	split   = pawl.Operation[string, []string]{Name: "split", Priority: pawl.High, Queue: "first"}
	count   = pawl.Operation[[]string, int]{Name: "count", Queue: "second", Limit: "other", Attempts: 2, Tokens: 9}
	twofold = pawl.Operation[int, string]{Name: "twofold", Priority: pawl.Low}
)

// flowing returns a client that handles split, count and twofold, each of
// which asks m for nothing but the conversation.
func flowing(t *testing.T, m llm.Model) *pawl.Client {
	c := newClient(newStore(t), pawl.Config{})
	split.Handle(c, func(ctx context.Context, t *pawl.Task[string]) ([]string, error) {
		_, err := t.Ask(ctx, m, "Split.")
		if err == nil {
			err = t.SetData("by", "space")
		}
		return strings.Fields(t.Input), err
	})
	count.Handle(c, func(ctx context.Context, t *pawl.Task[[]string]) (int, error) {
		_, err := t.Ask(ctx, m, "Count.")
		if err == nil {
			err = t.SetData("n", len(t.Input))
		}
		return len(t.Input), err
	})
	twofold.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (string, error) {
		talk, err := t.Conversation(ctx)
		return fmt.Sprint(2*t.Input, " ", string(t.Data()["by"]), string(t.Data()["n"]), string(t.Data()["own"]), "\n", strings.Join(texts(talk), "\n")), err
	})
	return c
}

func TestAFlowHandsOnResultConversationAndData(t *testing.T) {
	flows := map[string]pawl.Flow[string, string]{
		"left first":  pawl.Then(pawl.Then(split, count), twofold),
		"right first": pawl.Then(split, pawl.Then(count, twofold)),
	}
	for name, flow := range flows {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &model{}
				c := flowing(t, m)
				start(t, c)
				run, err := flow.Add(t.Context(), c, "one two three", pawl.User("u"), pawl.Data{"own": json.RawMessage("0")}, pawl.Messages{llm.Text("user", "Hello.")})
				must(t, err)
				want := "6 \"space\"30\nuser: Hello.\nuser: Split.\nassistant: answer 1\nuser: Count.\nassistant: answer 2"
				if diff := cmp.Diff(want, result(t, run)); diff != "" {
					t.Errorf("result differs (-want +got):\n%s", diff)
				}
				rows, err := c.List(t.Context(), pawl.Filter{Run: run.ID})
				must(t, err)
				slices.SortFunc(rows, func(a, b *pawl.TaskRow) int { return int(a.Seq - b.Seq) })
				if len(rows) != 3 || rows[0].ID != run.ID {
					t.Fatalf("the run has %d tasks; want 3, the first of its name", len(rows))
				}
				for i, r := range rows[1:] {
					if r.User != "u" || r.Run != run.ID || r.Conversation != rows[i].Head {
						t.Errorf("task %d = %+v; want the user, the run and the conversation of the one before", i+2, r)
					}
				}
				if r := rows[1]; r.Queue != "second" || r.Limit != "other" || r.Priority != pawl.Normal || r.MaxAttempts != 2 || r.Size.Output != 9 {
					t.Errorf("second task = %+v; want what its operation says", r)
				}
			})
		})
	}
}

func TestWhatFollowsKnowsTheSizeOfItsConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := flowing(t, &model{})
		start(t, c)
		run, err := pawl.Then(split, count).Add(t.Context(), c, "a")
		must(t, err)
		result(t, run)
		rows, err := c.List(t.Context(), pawl.Filter{Run: run.ID})
		must(t, err)
		slices.SortFunc(rows, func(a, b *pawl.TaskRow) int { return int(a.Seq - b.Seq) })
		chars := len(rows[1].Input)
		talk, err := c.Conversation(t.Context(), rows[1].Conversation)
		must(t, err)
		for _, m := range talk {
			chars += len(m.JSON())
		}
		if got := rows[1].Size.Chars; got != chars {
			t.Errorf("Size.Chars = %d; want %d", got, chars)
		}
	})
}

func TestADeadPartEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: func(_ context.Context, n int) (*llm.Response, error) {
			if n == 2 {
				return nil, &llm.Error{Class: llm.Permanent, Status: 400}
			}
			return say("fine"), nil
		}}
		c := flowing(t, m)
		start(t, c)
		run, err := pawl.Then(pawl.Then(split, count), twofold).Add(t.Context(), c, "a b")
		must(t, err)
		d := dead(t, run)
		if d.Operation != "count" || d.Run != run.ID || d.ID == run.ID {
			t.Errorf("dead letter = %+v; want the second task of the run", d)
		}
		if _, err := c.Retry(t.Context(), pawl.Filter{IDs: []pawl.ID{d.ID}}); err != nil {
			t.Fatal(err)
		}
		if got := result(t, run); !strings.HasPrefix(got, "4 ") || m.calls() != 3 {
			t.Errorf("Wait = %q after %d calls; want 4 after 3: the retry revives the run", got, m.calls())
		}
	})
}

func TestACancelledRunAddsNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		split.Handle(c, func(ctx context.Context, _ *pawl.Task[string]) ([]string, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		start(t, c)
		run, err := pawl.Then(split, count).Add(t.Context(), c, "a")
		must(t, err)
		idle()
		if _, err := c.Cancel(t.Context(), pawl.Filter{Run: run.ID}); err != nil {
			t.Fatal(err)
		}
		if _, err := run.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) {
			t.Errorf("Wait = %v; want ErrCancelled", err)
		}
		if rows, err := c.List(t.Context(), pawl.Filter{Run: run.ID}); err != nil || len(rows) != 1 {
			t.Errorf("the run has %d tasks, %v; want 1", len(rows), err)
		}
	})
}

func TestTheDeadlineGoesAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		split.Handle(c, func(context.Context, *pawl.Task[string]) ([]string, error) { return nil, nil })
		start(t, c)
		began := time.Now()
		run, err := pawl.Then(split, count).Add(t.Context(), c, "a", pawl.Deadline(began.Add(time.Hour)))
		must(t, err)
		if d := dead(t, run); d.Operation != "count" || d.LastAttempt().Class != pawl.Expired || !about(time.Since(began), time.Hour) {
			t.Errorf("%s is dead after %v: %+v; want count, expired after 1h", d.Operation, time.Since(began), d.LastAttempt())
		}
	})
}

func TestManyRunsOfAFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := flowing(t, &model{})
		start(t, c)
		ins := make([]string, 100)
		for i := range ins {
			ins[i] = strings.Repeat("x ", i)
		}
		runs, err := pawl.Then(split, count).AddMany(t.Context(), c, ins)
		must(t, err)
		for i, run := range runs {
			if got := result(t, run); got != i {
				t.Errorf("run %d: Wait = %d; want %d", i, got, i)
			}
		}
	})
}

// nodes counts the messages that reach a store.
type nodes struct {
	pawl.Store
	stored map[pawl.Hash]int
}

func (n nodes) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	for _, s := range saves {
		for _, node := range s.Nodes {
			n.stored[node.Hash]++
		}
	}
	return n.Store.Save(ctx, now, saves)
}

// Fifty calls store their hundred messages once, and not each one with all that
// went before it.
func TestAConversationIsStoredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := nodes{newStore(t), map[pawl.Hash]int{}}
		c := newClient(store, pawl.Config{})
		m := &model{}
		asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			for i := range 50 {
				if _, err := task.Ask(ctx, m, fmt.Sprint("question ", i)); err != nil {
					return "", err
				}
			}
			return "", failing(task, 2)
		})
		start(t, c)
		run := add(t, c, asks, "x")
		result(t, run)
		sent := 0
		for _, n := range store.stored {
			sent += n
		}
		if len(store.stored) != 100 || sent != 100 {
			t.Errorf("%d messages were sent to the store %d times; want 100, once each", len(store.stored), sent)
		}
		if talk, err := c.Conversation(t.Context(), row(t, c, run.ID).Head); err != nil || len(talk) != 100 {
			t.Errorf("the conversation has %d messages, %v; want 100", len(talk), err)
		}
	})
}
