package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// record writes down a client's events, in words, until the test ends.
func record(t *testing.T, c *pawl.Client, types ...pawl.EventType) func() string {
	var mu sync.Mutex
	var words []string
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	events := c.Events(ctx, types...)
	go func() {
		defer close(done)
		for e, err := range events {
			word := fmt.Sprint(e.Type)
			switch {
			case err != nil:
				word = err.Error()
			case e.Type == pawl.EventStep:
				word += ":" + e.Step
			case e.Type == pawl.EventRetried, e.Type == pawl.EventEnded:
				word += ":" + string(e.State) + ":" + string(e.Class)
			}
			mu.Lock()
			words = append(words, word)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return func() string {
		idle()
		mu.Lock()
		defer mu.Unlock()
		all := strings.Join(words, " ")
		words = nil
		return all
	}
}

func TestEventsTellATasksLifeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			if _, err := task.Ask(ctx, m, "x"); err != nil {
				return "", err
			}
			if _, err := pawl.Step(ctx, "note", func(context.Context) (int, error) { return 1, nil }); err != nil {
				return "", err
			}
			if task.Input == "bad" {
				return "", pawl.Permanent(errors.New("no"))
			}
			if task.Attempt == 1 {
				return "", pawl.RetryAfter(errors.New("not yet"), time.Minute)
			}
			return "", nil
		})
		said := record(t, c)
		check := func(want string) {
			t.Helper()
			if got := said(); got != want {
				t.Errorf("events = %s; want %s", got, want)
			}
		}
		run := add(t, c, asks, "x")
		add(t, c, asks, "x")
		check("added joined")
		start(t, c)
		check("started step:ask step:note retried:scheduled:transient")
		result(t, run)
		check("started ended:succeeded:")
		add(t, c, asks, "x", pawl.Reuse(time.Hour))
		check("joined")
		bad := add(t, c, asks, "bad")
		dead(t, bad)
		check("added started step:ask step:note ended:dead:permanent")
		later := add(t, c, asks, "later", pawl.Delay(time.Hour))
		if _, err := c.Cancel(t.Context(), pawl.Filter{IDs: []pawl.ID{later.ID}}); err != nil {
			t.Fatal(err)
		}
		check("added ended:cancelled:")
		if _, err := c.Retry(t.Context(), pawl.Filter{IDs: []pawl.ID{bad.ID}}); err != nil {
			t.Fatal(err)
		}
		check("retried:pending:permanent started ended:dead:permanent")
	})
}

func TestEventsOfSomeTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, sum, summing)
		said := record(t, c, pawl.EventStarted)
		start(t, c)
		for i := range 3 {
			result(t, add(t, c, sum, point{i, i}))
		}
		if got := said(); got != "started started started" {
			t.Errorf("events = %s; want three starts", got)
		}
	})
}

func TestEventsAreFilledIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: failFirst(1, &llm.Error{Class: llm.Throttled, Message: "slow down"})}
		c := one(t, asks, asking(m))
		events := c.Events(t.Context(), pawl.EventRetried)
		start(t, c)
		run := add(t, c, asks, "x", pawl.User("u"), pawl.Queue("q"))
		for e, err := range events {
			must(t, err)
			want := pawl.Event{
				Type: pawl.EventRetried, At: row(t, c, run.ID).Attempts[0].Ended, Task: run.ID, Run: run.ID, Operation: "ask", Queue: "q", User: "u",
				State: pawl.Pending, Attempt: 1, Class: llm.Throttled, Message: "slow down (throttled)",
			}
			e.At, want.At = e.At.UTC(), want.At.UTC()
			if e != want {
				t.Errorf("event = %+v; want %+v", e, want)
			}
			break
		}
		result(t, run)
	})
}

func TestEventsEndWithTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		c := newClient(store, pawl.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for e, err := range c.Events(ctx) {
			t.Errorf("event %+v, %v; want none", e, err)
		}
		unread := c.Events(ctx) // its context has ended: nothing is kept for it
		for e, err := range unread {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("event %+v, %v; want the context's error", e, err)
			}
		}
	})
}

func TestEventsOfAClosedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		c := newClient(store, pawl.Config{})
		before := c.Events(t.Context())
		must(t, store.Close())
		for name, events := range map[string]func(func(pawl.Event, error) bool){"before": before, "after": c.Events(t.Context())} {
			n := 0
			for _, err := range events {
				if n++; !errors.Is(err, pawl.ErrClosed) {
					t.Errorf("%s: error = %v; want ErrClosed", name, err)
				}
			}
			if n != 1 {
				t.Errorf("%s: %d events; want one error", name, n)
			}
		}
		if _, err := sum.Add(t.Context(), c, point{}); !errors.Is(err, pawl.ErrClosed) {
			t.Errorf("Add = %v; want ErrClosed", err)
		}
	})
}

func TestASlowReaderLearnsThatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		events := c.Events(t.Context(), pawl.EventAdded)
		for i := range 80 {
			ins := make([]point, 1000)
			for j := range ins {
				ins[j] = point{i, j}
			}
			if _, err := sum.AddMany(t.Context(), c, ins); err != nil {
				t.Fatal(err)
			}
		}
		last := add(t, c, sum, point{-1, -1}).ID
		missed, got := 0, 0
		for e, err := range events {
			if errors.Is(err, pawl.ErrMissed) {
				missed++
				continue
			}
			must(t, err)
			if got++; e.Task == last {
				break
			}
		}
		if all := got == 80_001; all == (missed > 0) || missed > 1 {
			t.Errorf("%d of 80,001 events came, and ErrMissed %d times; want all, or ErrMissed once", got, missed)
		}
	})
}
