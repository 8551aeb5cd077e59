package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

func TestDeadLettersAreKeptWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			if _, err := task.Ask(ctx, &model{}, "What is "+task.Input+"?"); err != nil {
				return "", err
			}
			if _, err := pawl.Step(ctx, "look up", func(context.Context) (int, error) { return 7, nil }); err != nil {
				return "", err
			}
			return "", errors.New("cannot parse")
		})
		start(t, c)
		d := dead(t, add(t, c, asks, "a pawl", pawl.Messages{llm.Text("user", "Be brief.")}, pawl.User("u"), pawl.Attempts(2)))
		got := row(t, c, d.ID)
		if got.State != pawl.Dead || string(got.Input) != `"a pawl"` || got.User != "u" || got.Fingerprint == "" || got.Ended.IsZero() {
			t.Errorf("row = %+v; want a dead letter with its input", got)
		}
		if len(got.Attempts) != 2 || got.Attempts[0].Message != "cannot parse" || got.Attempts[0].Usage != (llm.Usage{Input: 10, Output: 5}) || got.Attempts[0].Calls != 1 || got.Attempts[1].Saved != 2 {
			t.Errorf("attempts = %+v; want two, with errors and usage", got.Attempts)
		}
		if len(got.Steps) != 2 || got.Steps[0].Name != "ask" || !got.Steps[0].Call || got.Steps[1].Name != "look up" || string(got.Steps[1].Result) != "7" {
			t.Errorf("steps = %+v; want the call and the step", got.Steps)
		}
		talk, err := c.Conversation(t.Context(), got.Head)
		must(t, err)
		want := []string{"Be brief.", "What is a pawl?", "answer 1"}
		if len(talk) != len(want) {
			t.Fatalf("conversation has %d messages; want %d", len(talk), len(want))
		}
		for i, m := range talk {
			if m.Text() != want[i] {
				t.Errorf("message %d = %s; want %s", i, m.Text(), want[i])
			}
		}
	})
}

func TestDeadLettersAreGroupedByCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, func(_ context.Context, task *pawl.Task[string]) (string, error) {
			if task.Input[0] == 'p' {
				return "", pawl.Permanent(fmt.Errorf("page %s of req_0123456789ab: %d bytes", task.Input[1:], len(task.Input)))
			}
			return "", pawl.Permanent(errors.New("no such host"))
		})
		start(t, c)
		for i := range 5 {
			dead(t, add(t, c, asks, fmt.Sprintf("p%d", i)))
			time.Sleep(time.Second)
		}
		for i := range 3 {
			dead(t, add(t, c, asks, fmt.Sprintf("h%d", i), pawl.User("u")))
		}
		groups, err := c.Groups(t.Context(), pawl.Filter{})
		must(t, err)
		if len(groups) != 2 || groups[0].Count != 5 || groups[1].Count != 3 || groups[0].Class != llm.Permanent {
			t.Fatalf("Groups = %+v; want one of 5 and one of 3", groups)
		}
		rows, err := c.List(t.Context(), pawl.Filter{})
		must(t, err)
		if g := groups[0]; !g.First.Equal(rows[0].Ended) || !g.Last.Equal(rows[4].Ended) || g.Message != "page 4 of req_0123456789ab: 2 bytes" || row(t, c, g.Sample).LastAttempt().Message != g.Message {
			t.Errorf("group = %+v; want the latest as the sample", g)
		}
		if groups, err = c.Groups(t.Context(), pawl.Filter{User: "u"}); err != nil || len(groups) != 1 || groups[0].Count != 3 {
			t.Errorf("Groups of a user = %+v, %v; want one of 3", groups, err)
		}
	})
}

func TestFingerprintLeavesOutWhatVaries(t *testing.T) {
	same := [][2]string{
		{"line 3, column 17", "line 42, column 1"},
		{"429 for req_011CQabcdefgh", "429 for req_022ABhgfedcba"},
		{"task 550e8400-e29b-41d4-a716-446655440000", "task 00000000-0000-4000-8000-000000000001"},
		{"at 0xc000123456", "at 0xc0009"},
		{"took 1.5s", "took 1,503.25s"},
	}
	for _, s := range same {
		if pawl.Fingerprint(llm.Permanent, s[0]) != pawl.Fingerprint(llm.Permanent, s[1]) {
			t.Errorf("fingerprints of %q and %q differ; want the same", s[0], s[1])
		}
	}
	if pawl.Fingerprint(llm.Permanent, "no such host") == pawl.Fingerprint(llm.Permanent, "no such file") {
		t.Error("fingerprints of different messages are the same")
	}
	if pawl.Fingerprint(llm.Permanent, "x") == pawl.Fingerprint(llm.Transient, "x") {
		t.Error("fingerprints of different classes are the same")
	}
}

// mendable returns a client whose tasks die until mended is set.
func mendable(t *testing.T, mended *atomic.Bool, m llm.Model) *pawl.Client {
	return one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
		reply, err := task.Ask(ctx, m, task.Input)
		if err != nil {
			return "", err
		}
		if !mended.Load() && task.Input != "good" {
			return "", pawl.Permanent(errors.New("cannot parse " + task.Input[:1]))
		}
		return reply.Text(), nil
	})
}

func TestRetryOfDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mended atomic.Bool
		m := &model{}
		c := mendable(t, &mended, m)
		start(t, c)
		var runs []*pawl.Run[string]
		for _, in := range []string{"a1", "a2", "b1", "c1"} {
			run := add(t, c, asks, in)
			dead(t, run)
			runs = append(runs, run)
		}
		mended.Store(true)
		fingerprint := row(t, c, runs[0].ID).Fingerprint
		retry := func(f pawl.Filter, want int) {
			t.Helper()
			if ids, err := c.Retry(t.Context(), f); err != nil || len(ids) != want {
				t.Errorf("Retry = %v, %v; want %d", ids, err, want)
			}
		}
		retry(pawl.Filter{IDs: []pawl.ID{runs[2].ID}}, 1)
		if got := result(t, runs[2]); got != "answer 3" {
			t.Errorf("Wait = %s; want the stored answer 3", got)
		}
		retry(pawl.Filter{Fingerprint: fingerprint}, 2)
		result(t, runs[0])
		result(t, runs[1])
		retry(pawl.Filter{}, 1)
		result(t, runs[3])
		retry(pawl.Filter{}, 0)
		if m.calls() != 4 {
			t.Errorf("%d calls; want 4: the retries have their stored answers", m.calls())
		}
		r := row(t, c, runs[0].ID)
		if len(r.Attempts) != 2 || r.Attempts[1].Number != 2 || r.Attempts[1].Saved != 1 || r.Fingerprint != "" {
			t.Errorf("row = %+v; want both attempts kept", r)
		}
	})
}

func TestRetryWithAnotherInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mended atomic.Bool
		m := &model{}
		c := mendable(t, &mended, m)
		start(t, c)
		run := add(t, c, asks, "bad")
		dead(t, run)
		must(t, c.RetryWith(t.Context(), run.ID, "good"))
		if got := result(t, run); got != "answer 2" || m.calls() != 2 {
			t.Errorf("Wait = %s after %d calls; want answer 2: the old answer is dropped", got, m.calls())
		}
		if r := row(t, c, run.ID); string(r.Input) != `"good"` || !r.Identity.IsZero() || len(r.Steps) != 1 {
			t.Errorf("row = %+v; want the new input and its one step", r)
		}
		if err := c.RetryWith(t.Context(), run.ID, "x"); !errors.Is(err, pawl.ErrNotFound) {
			t.Errorf("RetryWith of a succeeded task = %v; want ErrNotFound", err)
		}
		if err := c.RetryWith(t.Context(), run.ID, func() {}); err == nil || errors.Is(err, pawl.ErrNotFound) {
			t.Errorf("RetryWith of no JSON = %v; want an error about it", err)
		}
	})
}

func TestARetryHasAllAttemptsAndNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, func(context.Context, *pawl.Task[string]) (string, error) { return "", errors.New("no") })
		start(t, c)
		run := add(t, c, asks, "x", pawl.Deadline(time.Now().Add(time.Hour)))
		dead(t, run)
		time.Sleep(2 * time.Hour)
		if _, err := c.Retry(t.Context(), pawl.Filter{}); err != nil {
			t.Fatal(err)
		}
		if d := dead(t, run); d.LastAttempt().Class != llm.Transient || len(d.Attempts) != 8 || d.Used != 4 {
			t.Errorf("dead after %d attempts, %d used, %s; want 8, 4, transient", len(d.Attempts), d.Used, d.LastAttempt().Class)
		}
	})
}

func TestDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mended atomic.Bool
		c := mendable(t, &mended, &model{})
		start(t, c)
		run := add(t, c, asks, "bad")
		dead(t, run)
		waiting := add(t, c, asks, "good", pawl.Delay(time.Hour))
		if ids, err := c.Delete(t.Context(), pawl.Filter{}); err != nil || len(ids) != 1 || ids[0] != run.ID {
			t.Errorf("Delete = %v, %v; want the dead letter alone", ids, err)
		}
		if _, err := c.Get(t.Context(), run.ID); !errors.Is(err, pawl.ErrNotFound) {
			t.Errorf("Get = %v; want ErrNotFound", err)
		}
		if _, err := run.Wait(t.Context()); !errors.Is(err, pawl.ErrNotFound) {
			t.Errorf("Wait = %v; want ErrNotFound", err)
		}
		result(t, waiting)
	})
}
