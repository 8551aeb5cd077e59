package pawl_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llmsim"
)

// logbook keeps what is logged.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// count returns how many lines have some words.
func (l *logbook) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), words)
}

// The operator is told once of a blocked account, though many calls find it, and a task
// on another limit goes on.
func TestAHoldIsToldOnce(t *testing.T) {
	for _, fault := range []llmsim.Fault{llmsim.CreditExhausted, llmsim.SpendLimit, llmsim.KeyRefused} {
		for api, build := range simModels {
			t.Run(api+", "+string(fault), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sim := llmsim.New(llmsim.Config{Faults: llmsim.Faults{fault: 1}, Latency: llmsim.Latency{FirstToken: time.Second}})
					log := &logbook{}
					c := newClient(newStore(t), pawl.Config{
						Logger: slog.New(slog.NewTextHandler(log, nil)),
						Limits: map[string]limit.Config{"default": {Requests: 6000}},
					})
					asks.Handle(c, asking(build(sim, 100)))
					free := pawl.Operation[string, string]{Name: "free", Limit: "free"}
					free.Handle(c, asking(&model{}))
					start(t, c)
					runs := addDocuments(t, c, asks, 50)
					time.Sleep(time.Hour)
					if n := log.count("the account is blocked"); n != 1 {
						t.Errorf("the operator was told %d times; want once", n)
					}
					result(t, add(t, c, free, "x"))
					must(t, sim.SetFaults(nil))
					must(t, c.ResumeLimit(t.Context(), "default"))
					results(t, runs)
					for _, run := range runs {
						if r := row(t, c, run.ID); r.Used != 1 {
							t.Errorf("used %d attempts; want 1", r.Used)
						}
					}
				})
			})
		}
	}
}

// A provider that names days to wait pauses the limit and blocks no worker's place; its
// time is honoured, and another limit's work goes on.
func TestAWaitOfDaysBlocksNoWorker(t *testing.T) {
	for _, class := range []llm.Class{llm.Throttled, llm.Blocked} {
		t.Run(string(class), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const days = 72 * time.Hour
				m := &model{answer: failFirst(1, &llm.Error{Class: class, Status: 429, RetryAfter: days})}
				c := newClient(newStore(t), pawl.Config{Workers: 1})
				asks.Handle(c, asking(m))
				free := pawl.Operation[string, string]{Name: "free", Limit: "free"}
				free.Handle(c, asking(&model{}))
				start(t, c)
				began := time.Now()
				run := add(t, c, asks, "x")
				idle()
				result(t, add(t, c, free, "y"))
				if took := time.Since(began); took > time.Second+lateness() {
					t.Errorf("a task on another limit took %v; want no time", took)
				}
				result(t, run)
				if took := time.Since(began); !within(took, days, days+time.Minute) || m.calls() != 2 {
					t.Errorf("it took %v and %d calls; want %v, 2", took, m.calls(), days)
				}
			})
		})
	}
}

// What a call had reserved comes back if its caller is cancelled while it waits for its
// turn.
func TestACancelledCallersRefundIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"default": {Requests: 6}}})
		asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			for i := range 2 {
				if _, err := task.Ask(ctx, m, fmt.Sprint(task.Input, i)); err != nil {
					return "", err
				}
			}
			return "", nil
		})
		start(t, c)
		run := add(t, c, asks, "x")
		time.Sleep(time.Second) // its second call waits for its turn, in debt
		if _, err := c.Cancel(t.Context(), pawl.Filter{Run: run.ID}); err != nil {
			t.Fatal(err)
		}
		idle()
		began := time.Now()
		result(t, add(t, c, pawl.Operation[string, string]{Name: "ask"}, "y"))
		l := limitNamed(t, c, "default")
		if took := time.Since(began); took > 21*time.Second || l.State.InFlight != 0 || m.calls() != 3 {
			t.Errorf("two calls took %v after it, %d calls in all, %d in flight; want 20s at most, 3, 0", took, m.calls(), l.State.InFlight)
		}
	})
}

// A limit counts calls and not tasks: a parent that waits for its child does not keep
// it from its call.
func TestAParentWaitsForItsChildWithOneCallInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := newClient(newStore(t), pawl.Config{Workers: 1, Limits: map[string]limit.Config{"default": {InFlight: 1}}})
		child := pawl.Operation[string, string]{Name: "child"}
		child.Handle(c, asking(m))
		asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			if _, err := task.Ask(ctx, m, "parent"); err != nil {
				return "", err
			}
			run, err := child.Add(ctx, c, "child of "+task.Input)
			if err != nil {
				return "", err
			}
			return run.Wait(ctx)
		})
		start(t, c)
		began := time.Now()
		result(t, add(t, c, asks, "x"))
		if took := time.Since(began); took > 5*time.Second+lateness() || m.calls() != 2 {
			t.Errorf("it took %v and %d calls; want no time, 2", took, m.calls())
		}
	})
}

// A dead worker's call leaves its place in flight when the lease ends, and not only
// after a day.
func TestADeadWorkersReservationComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := pawl.Config{Limits: map[string]limit.Config{"default": {InFlight: 1}}}
		base := newStore(t)
		dying := &mortal{Store: base}
		stuck := &model{answer: func(ctx context.Context, _ int) (*llm.Response, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		first := newClient(dying, config)
		asks.Handle(first, asking(stuck))
		ctx, kill := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- first.Run(ctx) }()
		user := newClient(base, pawl.Config{})
		run := add(t, user, asks, "x")
		idle()
		dying.die()
		kill()
		m := &model{}
		second := newClient(base, config)
		asks.Handle(second, asking(m))
		start(t, second)
		began := time.Now()
		other := add(t, user, asks, "y")
		result(t, other)
		result(t, run)
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("it took %v; want no more than the lease, 10s, and a little", took)
		}
		if l := limitNamed(t, user, "default"); l.State.InFlight != 0 {
			t.Errorf("%d calls are in flight; want 0", l.State.InFlight)
		}
		<-ended
	})
}
