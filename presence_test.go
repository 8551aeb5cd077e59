package pawl_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
)

// lasting handles tasks for as long as their input says.
func lasting(ctx context.Context, t *pawl.Task[string]) (string, error) {
	d, err := time.ParseDuration(t.Input)
	if err != nil {
		return "", err
	}
	select {
	case <-time.After(d):
		return "done", nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// full runs a worker with one place, which is taken for two hours. Its lease is so
// long that no heartbeat has its store look what time it is.
func full(t *testing.T, store pawl.Store) (c *pawl.Client, stop func()) {
	t.Helper()
	o := asks
	o.Timeout, o.Priority = 3*time.Hour, pawl.High
	c = newClient(store, pawl.Config{Name: "full", Workers: 1, Lease: 9 * time.Hour, Grace: -1})
	o.Handle(c, lasting)
	run := add(t, c, o, "2h")
	stop = start(t, c)
	idle()
	if r := row(t, c, run.ID); r.State != pawl.Running {
		t.Fatalf("task is %s; want running", r.State)
	}
	return c, stop
}

// first returns the first event of a type, and when it happened by the store's clock.
func first(t *testing.T, c *pawl.Client, what pawl.EventType) func() pawl.Event {
	events := c.Events(t.Context(), what)
	return func() pawl.Event {
		for e, err := range events {
			must(t, err)
			return e
		}
		return pawl.Event{}
	}
}

// Nobody has a place for the task of a worker that died; that it died is known all
// the same, and the task waits with the others.
func TestADeathIsNoticedWhileAllAreBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		c, _ := full(t, store)
		mortal := &mortal{Store: store}
		victim := newClient(mortal, pawl.Config{Workers: 1})
		asks.Handle(victim, lasting)
		start(t, victim)
		run := add(t, c, asks, "1h")
		time.Sleep(time.Minute)
		mortal.die()
		died := time.Now()
		e := first(t, c, pawl.EventRetried)()
		if took := e.At.Sub(died); e.Task != run.ID || e.State != pawl.Pending || took > 10*time.Second+lateness() {
			t.Errorf("%v after the worker's death: %+v; want its task pending within its lease, 10s", took, e)
		}
	})
}

func TestADeadlineIsNoticedWhileAllAreBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Name: "full", Workers: 1, Lease: 9 * time.Hour, Grace: -1})
		asks.Handle(c, lasting)
		began := time.Now()
		add(t, c, asks, "1h")
		run := add(t, c, asks, "1s", pawl.Deadline(began.Add(5*time.Minute+10*time.Second)))
		start(t, c)
		e := first(t, c, pawl.EventEnded)()
		if took := e.At.Sub(began); e.Task != run.ID || e.State != pawl.Dead || !about(took, 5*time.Minute+10*time.Second) {
			t.Errorf("after %v: %+v; want the waiting task dead at its deadline, after 5m10s", took, e)
		}
	})
}

// A worker that is full does not hear of each task that is added: it learns of a
// deadline when it looks the next time.
func TestADeadlineOfATaskThatIsAddedWhileAllAreBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := full(t, newStore(t))
		time.Sleep(time.Minute)
		ended := first(t, c, pawl.EventEnded)
		began := time.Now()
		add(t, c, asks, "1s", pawl.Deadline(began.Add(5*time.Second)))
		if took := ended().At.Sub(began); took < 5*time.Second || took > 20*time.Second+lateness() {
			t.Errorf("ended after %v; want 5s to 20s", took)
		}
	})
}

// counting counts the claims that reach a store.
func counting(store pawl.Store, n *atomic.Int64) *claims {
	return &claims{Store: store, claim: func(_ context.Context, _ pawl.Claim, do func() (pawl.Claimed, error)) (pawl.Claimed, error) {
		n.Add(1)
		return do()
	}}
}

func TestWorkersThatHaveNothingToClaimSeldomDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var idles, busies atomic.Int64
		idler := newClient(counting(newStore(t), &idles), pawl.Config{})
		asks.Handle(idler, lasting)
		start(t, idler)
		c, _ := full(t, counting(newStore(t), &busies))
		time.Sleep(time.Minute)
		idles.Store(0)
		busies.Store(0)
		for range 60 {
			time.Sleep(time.Minute)
			add(t, c, asks, "1s", pawl.Keep) // of which a full worker need not hear
		}
		if a, b := idles.Load(), busies.Load(); !threeAMinute(a) || !threeAMinute(b) {
			t.Errorf("in an hour %d claims of an idle worker and %d of a full one; want three a minute", a, b)
		}
	})
}

func threeAMinute(claims int64) bool { return claims >= 3*59 && claims <= 3*61 }

// workers returns the names of the workers that are listed.
func workers(t *testing.T, c *pawl.Client) string {
	t.Helper()
	status, err := c.Status(t.Context())
	must(t, err)
	var names []string
	for _, w := range status.Workers {
		names = append(names, w.Name)
	}
	return strings.Join(names, " ")
}

func TestWorkersAreListedWhileTheyRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		viewer := newClient(store, pawl.Config{})
		c, stop := full(t, store)
		idler := newClient(store, pawl.Config{Name: "idle", Queues: []string{"nightly"}})
		other := asks
		other.Name = "another"
		asks.Handle(idler, lasting)
		other.Handle(idler, lasting)
		stopIdler := start(t, idler)
		for range 60 {
			time.Sleep(time.Minute)
			if got := workers(t, viewer); got != "full idle" {
				t.Fatalf("workers are %q; want both", got)
			}
		}
		status, err := c.Status(t.Context())
		must(t, err)
		if w := status.Workers[1]; fmt.Sprint(w.Operations, w.Queues) != "[another ask] [nightly]" {
			t.Errorf("worker is %+v; want its operations by name, and its queue", w)
		}
		stopIdler()
		if got := workers(t, viewer); got != "full" {
			t.Errorf("after a drain workers are %q; want the other one", got)
		}
		stop()
		if got := workers(t, viewer); got != "" {
			t.Errorf("after both drains workers are %q; want none", got)
		}
	})
}

// A worker that drains is not listed any more while its last handlers go on.
func TestAWorkerThatDrainsTakesItsLeaveFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Name: "w"})
		asks.Handle(c, lasting)
		run := add(t, c, asks, "20s")
		stop := start(t, c)
		idle()
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			stop()
		}()
		time.Sleep(time.Second)
		if got := workers(t, c); got != "" {
			t.Errorf("workers are %q; want none", got)
		}
		<-stopped
		if got := result(t, run); got != "done" {
			t.Errorf("Wait = %s; want done", got)
		}
	})
}

func TestAWorkerThatDiesIsListedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		mortal := &mortal{Store: store}
		victim, viewer := newClient(mortal, pawl.Config{Name: "w"}), newClient(store, pawl.Config{})
		asks.Handle(victim, lasting)
		stop := start(t, victim)
		time.Sleep(time.Minute)
		mortal.die()
		time.Sleep(30 * time.Second)
		if got := workers(t, viewer); got != "w" {
			t.Errorf("30s after its death workers are %q; want it among them", got)
		}
		time.Sleep(pawl.WorkerTime)
		if got := workers(t, viewer); got != "" {
			t.Errorf("90s after its death workers are %q; want none", got)
		}
		stop() // which returns nil, though it cannot take its leave
	})
}

// A worker whose claim failed asks for what it may hold, even if it was full in the
// meantime and asked for nothing.
func TestAClaimWhoseAnswerIsLostBeforeTheWorkerIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent := pawl.Operation[string, string]{Name: "parent", Limit: pawl.NoLimit}
		var asked []int
		lost := false
		store := &claims{Store: newStore(t), claim: func(_ context.Context, ask pawl.Claim, do func() (pawl.Claimed, error)) (pawl.Claimed, error) {
			asked = append(asked, ask.Max)
			claimed, err := do()
			if !lost && len(claimed.Tasks) > 0 && claimed.Tasks[0].Operation == asks.Name {
				lost = true
				return pawl.Claimed{}, errBroken
			}
			return claimed, err
		}}
		c := newClient(store, pawl.Config{Workers: 1})
		children := make(chan *pawl.Run[string], 1)
		asks.Handle(c, lasting)
		parent.Handle(c, func(ctx context.Context, _ *pawl.Task[string]) (string, error) {
			run, err := asks.Add(ctx, c, "1s")
			if err != nil {
				return "", err
			}
			children <- run
			waiting, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
			defer cancel()
			_, _ = run.Wait(waiting)
			time.Sleep(3 * time.Second) // its place is its own again
			return "", nil
		})
		add(t, c, asks, "0s", pawl.Delay(2*time.Second)) // which has the full worker look
		stop := start(t, c)
		result(t, add(t, c, parent, "x"))
		child := <-children
		result(t, child)
		if r := row(t, c, child.ID); r.Attempt != 1 || r.Deaths != 0 {
			t.Errorf("the child has had %d claims and %d deaths; want one and none", r.Attempt, r.Deaths)
		}
		stop() // so that nobody claims any more
		if !slices.Contains(asked, 0) {
			t.Errorf("claims were for %v tasks; want one for none", asked)
		}
	})
}
