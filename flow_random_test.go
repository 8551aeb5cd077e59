package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
)

// Random flows, of all that flows are made of in each other, give what a plain function
// gives that does the same: whatever fails on the way, is tried for, falls back or is
// retried, on few workers or many.
func TestRandomFlowsGiveWhatTheyAreMadeOf(t *testing.T) {
	seeds(t, 60, func(t *testing.T, seed uint64) {
		s := newShapes(seed)
		store := newStore(t)
		for i := range 1 + s.IntN(2) {
			s.clients = append(s.clients, newClient(store, pawl.Config{
				Name: fmt.Sprint("worker ", i), Workers: 1 + s.IntN(8), Patience: []time.Duration{0, time.Second}[s.IntN(2)],
			}))
		}
		s.check(t, s.clients[0])
	})
}

// check makes a random flow, runs it on the clients, and compares what it gives with
// what it must. reader sees the store as it is.
func (s *shapes) check(t *testing.T, reader *pawl.Client) {
	t.Helper()
	flow := s.any(1+s.IntN(4), scalar, false)
	t.Log(flow.text)
	for _, c := range s.clients {
		start(t, c)
	}
	runs, err := flow.part.AddMany(t.Context(), reader, []any{1., 2., 3.})
	must(t, err)
	for i, run := range runs {
		got := s.settle(t, reader, run)
		want, failed := flow.eval(float64(i + 1))
		if failed != "" || encode(got) != encode(want) {
			t.Errorf("run %d of %s gave %s; want %s %s", i+1, flow.text, encode(got), encode(want), failed)
		}
	}
	pass(10 * time.Minute) // for what nobody waits for any more
	rows, err := reader.List(t.Context(), pawl.Filter{})
	must(t, err)
	for _, r := range rows {
		good := successes(r)
		if !r.State.Ended() || good > 1 || good == 1 != (r.State == pawl.Succeeded) {
			t.Errorf("%s (%s) is %s, and was done %d times", r.ID, r.Operation, r.State, good)
		}
	}
}

// settle waits for a run's result, and retries what fails it.
func (s *shapes) settle(t *testing.T, c *pawl.Client, run *pawl.Run[any]) any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour)
	defer cancel()
	for {
		out, err := run.Wait(ctx)
		var dead *pawl.DeadError
		if !errors.As(err, &dead) {
			if err != nil {
				t.Fatalf("Wait = %v; rows:\n%s", err, table(t, c, run.ID))
			}
			return out
		}
		d := dead.Task
		if strings.HasPrefix(d.Operation, "pawl.") || d.Caught() {
			t.Fatalf("%v; want a dead letter of an operation that nobody tried; rows:\n%s", dead, table(t, c, run.ID))
		}
		var in any
		must(t, json.Unmarshal(d.Input, &in))
		s.mend(d.Operation, in)
		_, err = c.Retry(ctx, pawl.Filter{IDs: []pawl.ID{d.ID}})
		must(t, err)
	}
}

// table says how the tasks of a run stand.
func table(t *testing.T, c *pawl.Client, run pawl.ID) string {
	rows, err := c.List(context.Background(), pawl.Filter{Run: run})
	must(t, err)
	var out strings.Builder
	for _, r := range rows {
		links, err := json.Marshal(r.Links)
		must(t, err)
		fmt.Fprintf(&out, "%s %s %s %s, attempt %d, %s: %s\n", r.ID, r.Operation, r.State, links, r.Attempt, r.LastAttempt().Class, r.LastAttempt().Message)
	}
	return out.String()
}
