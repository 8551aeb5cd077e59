package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// classTests say what becomes of a task whose first call fails and whose second
// one would be answered. The attempts take no time.
var classTests = []struct {
	name    string
	failure llm.Error
	state   pawl.State    // after the first attempt
	used    bool          // whether it used an attempt
	unknown int           // calls counted as possibly billed
	exact   time.Duration // until the second attempt, if it is not random
	below   time.Duration // until the second attempt, if it is; 0 for never by itself
}{
	{"throttled, with a time", llm.Error{Class: llm.Throttled, Status: 429, RetryAfter: 20 * time.Second}, pawl.Pending, false, 0, 20 * time.Second, 0},
	{"throttled, without", llm.Error{Class: llm.Throttled, Status: 529}, pawl.Pending, false, 0, time.Second, 0},
	{"blocked", llm.Error{Class: llm.Blocked, Status: 401}, pawl.Pending, false, 0, 0, 0},
	{"blocked, with a time", llm.Error{Class: llm.Blocked, Status: 429, RetryAfter: 2 * time.Hour}, pawl.Pending, false, 0, 2 * time.Hour, 0},
	{"transient", llm.Error{Class: llm.Transient, Status: 409}, pawl.Scheduled, true, 0, 0, time.Hour},
	{"transient, with a time", llm.Error{Class: llm.Transient, Status: 409, RetryAfter: time.Minute}, pawl.Scheduled, true, 0, time.Minute, 0},
	{"ambiguous", llm.Error{Class: llm.Ambiguous, Status: 500}, pawl.Scheduled, true, 1, 0, time.Hour},
	{"not sent", llm.Error{Class: llm.NotSent}, pawl.Scheduled, false, 0, 0, time.Hour},
	{"permanent", llm.Error{Class: llm.Permanent, Status: 400}, pawl.Dead, false, 0, 0, 0},
}

// wrappings are what handlers do with a call's error. The class survives each.
var wrappings = map[string]func(error) error{
	"as it is": func(err error) error { return err },
	"wrapped":  func(err error) error { return fmt.Errorf("page 3: %w", err) },
	"replaced": func(err error) error { return errors.New("the SDK's own error: " + err.Error()) },
}

func TestTheClassDecides(t *testing.T) {
	for _, test := range classTests {
		for wrapping, wrap := range wrappings {
			t.Run(test.name+", "+wrapping, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := asks
					o.Backoff = pawl.Backoff{Base: time.Hour} // so that no second attempt comes before the test has seen the first
					m := &model{answer: failFirst(1, &test.failure)}
					c := one(t, o, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
						reply, err := task.Ask(ctx, m, task.Input)
						if err != nil {
							return "", wrap(err)
						}
						return reply.Text(), nil
					})
					start(t, c)
					run := add(t, c, o, "x")
					r := tried(t, c, run.ID)
					first := r.LastAttempt()
					if r.State != test.state || first.Used != test.used || first.Class != test.failure.Class || first.Unknown != test.unknown {
						t.Errorf("task is %s after %+v; want %s, used %v, %s, unknown %d",
							r.State, first, test.state, test.used, test.failure.Class, test.unknown)
					}
					time.Sleep(3 * time.Hour)
					r = row(t, c, run.ID)
					if test.exact == 0 && test.below == 0 {
						if m.calls() != 1 || r.State != test.state {
							t.Errorf("%d calls, task is %s after 3h; want 1, %s", m.calls(), r.State, test.state)
						}
						return
					}
					if r.State != pawl.Succeeded || m.calls() != 2 {
						t.Fatalf("task is %s after %d calls; want succeeded after 2", r.State, m.calls())
					}
					wait := r.Attempts[1].Started.Sub(first.Ended)
					if test.exact != 0 && !within(wait, test.exact, test.exact+time.Millisecond) || test.below != 0 && !within(wait, 0, test.below) {
						t.Errorf("second attempt after %v; want %v, or less than %v", wait, test.exact, test.below)
					}
				})
			})
		}
	}
}

// A throttle or a block that no limit knows of, from a call that was not
// governed or on work without a limit, must not be tried again without a pause.
func TestAThrottleWithoutALimitBacksOff(t *testing.T) {
	direct := func(class llm.Class, after time.Duration) func(context.Context, *pawl.Task[string]) (string, error) {
		return func(_ context.Context, t *pawl.Task[string]) (string, error) {
			if t.Attempt <= 5 {
				return "", &llm.Error{Class: class, RetryAfter: after}
			}
			return "through", nil
		}
	}
	none := asks
	none.Limit = pawl.NoLimit
	tests := []struct {
		name    string
		o       pawl.Operation[string, string]
		handler func(context.Context, *pawl.Task[string]) (string, error)
		least   time.Duration
	}{
		{"not governed", asks, direct(llm.Throttled, 0), time.Millisecond},
		{"not governed, with a time", asks, direct(llm.Throttled, time.Minute), 5 * time.Minute},
		{"blocked, not governed", asks, direct(llm.Blocked, 0), time.Millisecond},
		{"no limit", none, asking(&model{answer: failFirst(5, &llm.Error{Class: llm.Throttled, RetryAfter: time.Minute})}), 5 * time.Minute},
		{"blocked, no limit", none, asking(&model{answer: failFirst(5, &llm.Error{Class: llm.Blocked})}), time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := one(t, test.o, test.handler)
				start(t, c)
				began := time.Now()
				run := add(t, c, test.o, "x")
				result(t, run)
				if took := time.Since(began); took < test.least {
					t.Errorf("five throttles took %v; want %v or more", took, test.least)
				}
				if r := row(t, c, run.ID); r.Used != 1 || r.Attempt != 6 {
					t.Errorf("used %d of %d attempts; want 1 of 6", r.Used, r.Attempt)
				}
			})
		})
	}
}

func TestNotSentIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: failFirst(1000, &llm.Error{Class: llm.NotSent, Message: "connection refused"})}
		c := one(t, asks, asking(m))
		start(t, c)
		d := dead(t, add(t, c, asks, "x"))
		if m.calls() != 104 || d.Used != 4 || d.LastAttempt().Class != llm.NotSent {
			t.Errorf("%d calls, %d used, last %+v; want 100 free tries and 4 used ones", m.calls(), d.Used, d.LastAttempt())
		}
		for _, a := range d.Attempts {
			if a.Used != (a.Number > 100) || a.Calls != 0 || a.Unknown != 0 {
				t.Errorf("attempt %d = %+v; want it used from the 101st on, nothing sent", a.Number, a)
			}
		}
	})
}

func TestNotSentCountsInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: func(_ context.Context, n int) (*llm.Response, error) {
			switch {
			case n == 30:
				return say("at last"), nil
			case n%10 == 0:
				return nil, &llm.Error{Class: llm.Throttled, RetryAfter: time.Second}
			}
			return nil, &llm.Error{Class: llm.NotSent}
		}}
		c := one(t, asks, asking(m))
		start(t, c)
		run := add(t, c, asks, "x")
		if got := result(t, run); got != "at last" {
			t.Errorf("Wait = %s; want at last", got)
		}
		if r := row(t, c, run.ID); r.Used != 1 {
			t.Errorf("used %d; want 1", r.Used)
		}
	})
}

// The last call decides: an earlier failure that the handler got over does not.
func TestAFailureThatWasGotOverDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := &model{answer: failFirst(9, &llm.Error{Class: llm.Permanent, Status: 400})}
		good := &model{}
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			if _, err := task.Ask(ctx, bad, "tools?"); err == nil {
				t.Error("Ask = nil; want an error")
			}
			if _, err := task.Ask(ctx, good, "plain?"); err != nil {
				return "", err
			}
			return "", errors.New("something else")
		})
		start(t, c)
		run := add(t, c, asks, "x")
		if last := tried(t, c, run.ID).LastAttempt(); last.Class != llm.Transient {
			t.Errorf("last attempt = %+v; want transient", last)
		}
	})
}

func TestAThrottlePausesTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: failFirst(1, &llm.Error{Class: llm.Throttled, RetryAfter: 30 * time.Second, Message: "slow down"})}
		c := one(t, asks, asking(m))
		start(t, c)
		run := add(t, c, asks, "x")
		failed := tried(t, c, run.ID).LastAttempt().Ended
		s, err := c.Status(t.Context())
		must(t, err)
		i := 0
		for s.Limits[i].Name != "default" {
			i++
		}
		if st := s.Limits[i].State; st.PausedUntil.Sub(failed) != 30*time.Second {
			t.Errorf("limit is %+v; want a pause of 30s", st)
		}
		result(t, run)
		s, err = c.Status(t.Context())
		must(t, err)
		if st := s.Limits[i].State; st.InFlight != 0 || st.Probe != (limit.Probe{}) || !st.PausedUntil.IsZero() {
			t.Errorf("limit is %+v; want it open again", st)
		}
	})
}
