package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

func TestBackoffDoublesWithFullJitter(t *testing.T) {
	sec := time.Second
	tests := []struct {
		b    pawl.Backoff
		used int
		top  time.Duration
	}{
		{pawl.Backoff{}, 1, sec}, {pawl.Backoff{}, 2, 2 * sec}, {pawl.Backoff{}, 3, 4 * sec}, {pawl.Backoff{}, 5, 16 * sec},
		{pawl.Backoff{}, 6, 30 * sec}, {pawl.Backoff{}, 60, 30 * sec}, {pawl.Backoff{}, math.MaxInt, 30 * sec},
		{pawl.Backoff{}, 0, sec}, {pawl.Backoff{}, -1, sec},
		{pawl.Backoff{Base: time.Minute}, 1, time.Minute}, {pawl.Backoff{Base: time.Minute}, 2, time.Minute},
		{pawl.Backoff{Base: 3 * sec, Max: 10 * sec}, 2, 6 * sec}, {pawl.Backoff{Base: 3 * sec, Max: 10 * sec}, 3, 10 * sec},
		{pawl.Backoff{Base: time.Hour, Max: math.MaxInt64}, 21, time.Hour << 20},
		{pawl.Backoff{Base: time.Hour, Max: math.MaxInt64}, 25, math.MaxInt64},
		{pawl.Backoff{Base: 1, Max: math.MaxInt64}, 200, math.MaxInt64},
	}
	for _, test := range tests {
		if got := test.b.Delay(test.used, 0); got != 0 {
			t.Errorf("%+v.Delay(%d, 0) = %v; want 0", test.b, test.used, got)
		}
		got := test.b.Delay(test.used, 0.5)
		if low := test.top/2 - test.top/1e6; !within(got, low, test.top/2+test.top/1e6+1) {
			t.Errorf("%+v.Delay(%d, 0.5) = %v; want %v", test.b, test.used, got, test.top/2)
		}
	}
}

func TestRetriesWaitForTheirBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := asks
		o.Attempts, o.Backoff = 8, pawl.Backoff{Base: 8 * time.Second, Max: time.Minute}
		c := one(t, o, func(context.Context, *pawl.Task[string]) (string, error) { return "", errors.New("no luck") })
		start(t, c)
		var least, most [7]time.Duration
		for i := range 100 {
			d := dead(t, add(t, c, o, fmt.Sprint(i)))
			if len(d.Attempts) != 8 || d.Used != 8 {
				t.Fatalf("%d attempts, %d used; want 8", len(d.Attempts), d.Used)
			}
			for j := range 7 {
				wait := d.Attempts[j+1].Started.Sub(d.Attempts[j].Ended)
				if top := min(8*time.Second<<j, time.Minute); !within(wait, 0, top+time.Microsecond) {
					t.Fatalf("wait %d was %v; want at most %v", j, wait, top)
				}
				if i == 0 || wait < least[j] {
					least[j] = wait
				}
				most[j] = max(most[j], wait)
			}
		}
		for j := range 7 { // that of 100 draws none is in the lowest quarter, or the highest, comes once in 10^11 times
			if top := min(8*time.Second<<j, time.Minute); least[j] > top/4 || most[j] < top*3/4 {
				t.Errorf("waits %d were from %v to %v; want them spread to %v", j, least[j], most[j], top)
			}
		}
	})
}

// verdicts is what a handler can say of its own failure.
func TestHandlersVerdict(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("handler: %w", err) }
	base := errors.New("base")
	tests := []struct {
		name  string
		err   error
		state pawl.State
		class llm.Class
		used  int
		delay time.Duration // exactly; 0 for any
	}{
		{"an error", base, pawl.Scheduled, llm.Transient, 1, 0},
		{"permanent", wrap(pawl.Permanent(base)), pawl.Dead, llm.Permanent, 0, 0},
		{"retry after", wrap(pawl.RetryAfter(base, 7*time.Hour)), pawl.Scheduled, llm.Transient, 1, 7 * time.Hour},
		{"retry after nothing", pawl.RetryAfter(base, 0), pawl.Scheduled, llm.Transient, 1, 0},
		{"snooze", wrap(pawl.Snooze(9 * time.Hour)), pawl.Scheduled, pawl.Snoozed, 0, 9 * time.Hour},
		{"a verdict on a call", pawl.Permanent(&llm.Error{Class: llm.Throttled}), pawl.Dead, llm.Permanent, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := asks
				o.Backoff = pawl.Backoff{Base: time.Hour} // so that no second attempt comes before the test has seen the first
				c := one(t, o, func(context.Context, *pawl.Task[string]) (string, error) { return "", test.err })
				start(t, c)
				run := add(t, c, asks, "x")
				r := tried(t, c, run.ID)
				last := r.LastAttempt()
				if r.State != test.state || last.Class != test.class || r.Used != test.used || last.Message != test.err.Error() {
					t.Errorf("task is %s, used %d, last attempt %+v; want %s, %d, %s", r.State, r.Used, last, test.state, test.used, test.class)
				}
				if test.delay != 0 && !r.Due.Equal(last.Ended.Add(test.delay)) {
					t.Errorf("due %v after the attempt; want %v", r.Due.Sub(last.Ended), test.delay)
				}
			})
		})
	}
	if err := pawl.Permanent(base); !errors.Is(err, base) || err.Error() != "base" {
		t.Errorf("Permanent(base) = %v; want it to wrap base", err)
	}
	if err := pawl.Snooze(time.Second); err.Error() != "snoozed" {
		t.Errorf("Snooze = %v; want snoozed", err)
	}
}

func TestSnoozeUsesNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, func(_ context.Context, t *pawl.Task[string]) (string, error) {
			if t.Attempt <= 60 {
				return "", pawl.Snooze(time.Minute)
			}
			return "awake", nil
		})
		start(t, c)
		began := time.Now()
		run := add(t, c, asks, "x")
		if got := result(t, run); got != "awake" || !about(time.Since(began), time.Hour) {
			t.Errorf("Wait = %s after %v; want awake after 1h", got, time.Since(began))
		}
		r := row(t, c, run.ID)
		if r.Used != 1 || r.Attempt != 61 || len(r.Attempts) != 50 || r.Attempts[0].Number != 1 || r.Attempts[1].Number != 13 {
			t.Errorf("used %d, attempt %d, %d kept; want 1, 61, and the first and the last 49 kept", r.Used, r.Attempt, len(r.Attempts))
		}
	})
}

func TestAPanicIsAFailureWithItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, func(_ context.Context, t *pawl.Task[string]) (string, error) {
			if t.Attempt == 1 {
				panic("at the disco")
			}
			return "fine", nil
		})
		start(t, c)
		run := add(t, c, asks, "x")
		if got := result(t, run); got != "fine" {
			t.Errorf("Wait = %s; want fine", got)
		}
		first := row(t, c, run.ID).Attempts[0]
		if first.Class != llm.Transient || !strings.HasPrefix(first.Message, "panic: at the disco\n") || !strings.Contains(first.Message, "TestAPanicIsAFailureWithItsStack") {
			t.Errorf("first attempt = %+v; want a transient failure with the panic's stack", first)
		}
	})
}

type bomb struct{}

func (bomb) MarshalJSON() ([]byte, error)  { panic("out") }
func (*bomb) UnmarshalJSON(b []byte) error { panic("in") }

func TestAPanicOfTheCodecIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := pawl.Operation[bomb, int]{Name: "in", Attempts: 2}
		out := pawl.Operation[int, bomb]{Name: "out", Attempts: 2}
		c := one(t, in, func(context.Context, *pawl.Task[bomb]) (int, error) { return 1, nil })
		out.Handle(c, func(context.Context, *pawl.Task[int]) (bomb, error) { return bomb{}, nil })
		start(t, c)
		runs := map[string]*pawl.TaskRow{
			"panic: in":  dead(t, add(t, c, pawl.Operation[int, int]{Name: "in", Attempts: 2}, 1)),
			"panic: out": dead(t, add(t, c, out, 1)),
		}
		for want, d := range runs {
			if got := d.LastAttempt().Message; !strings.HasPrefix(got, want) {
				t.Errorf("message = %s; want %s", got, want)
			}
		}
	})
}

func TestAttemptsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran atomic.Int32
		o := asks
		o.Attempts = 3
		c := one(t, o, func(_ context.Context, t *pawl.Task[string]) (string, error) {
			return "", fmt.Errorf("try %d of %d", t.Attempt, ran.Add(1))
		})
		start(t, c)
		d := dead(t, add(t, c, o, "x"))
		if ran.Load() != 3 || d.Used != 3 || len(d.Attempts) != 3 || d.LastAttempt().Message != "try 3 of 3" {
			t.Errorf("ran %d times, used %d, last %+v; want 3", ran.Load(), d.Used, d.LastAttempt())
		}
		if d := dead(t, add(t, c, o, "y", pawl.Attempts(1))); d.Used != 1 {
			t.Errorf("used %d; want 1", d.Used)
		}
	})
}
