package pawl_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llmsim"
)

// pair is a worker that will die and one that takes over.
func pair(t *testing.T) (store *mortal, doomed, heir *pawl.Client) {
	store = &mortal{Store: newStore(t)}
	return store, newClient(store, pawl.Config{Name: "doomed"}), newClient(store.Store, pawl.Config{Name: "heir"})
}

// A crash between sending a call and storing its response is the one window in
// which a call is paid twice. It is counted.
func TestCrashBeforeTheResponseIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, doomed, heir := pair(t)
		store.before = func(pawl.Save) { store.die() }
		sim := llmsim.New(llmsim.Config{})
		asks.Handle(doomed, asking(simModel(sim, 100)))
		asks.Handle(heir, asking(simModel(sim, 100)))
		start(t, doomed)
		run := add(t, heir, asks, "Summarise this: The wheel turns one way only.")
		idle()
		if n := sim.Stats().Answered; n != 1 {
			t.Fatalf("%d answers; want 1 before the crash", n)
		}
		start(t, heir)
		result(t, run)
		r := row(t, heir, run.ID)
		if lost := r.Attempts[0]; len(r.Attempts) != 2 || lost.Class != pawl.Lost || lost.Unknown != 1 || lost.Used || lost.Worker != "doomed" {
			t.Errorf("first of %d attempts = %+v; want it lost with one unknown call", len(r.Attempts), lost)
		}
		if took := r.Attempts[0].Ended.Sub(r.Attempts[0].Started); took != 10*time.Second {
			t.Errorf("recovered after %v; want 10s, the lease", took)
		}
		if last := r.LastAttempt(); last.Calls != 1 || last.Unknown != 0 || last.Saved != 0 || len(r.Steps) != 1 || r.Used != 1 {
			t.Errorf("last attempt = %+v; want one call, and one attempt used", last)
		}
		if s := sim.Stats(); s.Answered != 2 || s.PaidTwice != 1 {
			t.Errorf("the provider answered %d calls, %d of them paid twice; want 2, 1", s.Answered, s.PaidTwice)
		}
	})
}

// A crash after the response was stored costs nothing: it is not asked again.
func TestCrashAfterTheResponseIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, doomed, heir := pair(t)
		store.after = func(pawl.Save) { store.die() }
		sim := llmsim.New(llmsim.Config{})
		asks.Handle(doomed, asking(simModel(sim, 100)))
		asks.Handle(heir, asking(simModel(sim, 100)))
		start(t, doomed)
		run := add(t, heir, asks, "Summarise this: The wheel turns one way only.")
		idle()
		start(t, heir)
		result(t, run)
		r := row(t, heir, run.ID)
		if lost := r.Attempts[0]; len(r.Attempts) != 2 || lost.Class != pawl.Lost || lost.Unknown != 0 {
			t.Errorf("first of %d attempts = %+v; want it lost with no unknown call", len(r.Attempts), lost)
		}
		if last := r.LastAttempt(); last.Calls != 0 || last.Saved != 1 || last.Spared.Total() == 0 || last.Spared != r.Steps[0].Usage || last.Usage.Total() != 0 {
			t.Errorf("last attempt = %+v; want one saved call and its tokens spared", last)
		}
		if lost := r.Attempts[0]; lost.Calls != 1 || r.Usage() != sim.Stats().Billed {
			t.Errorf("lost attempt = %+v, usage of all %+v; want its call counted, %+v", lost, r.Usage(), sim.Stats().Billed)
		}
		if s := sim.Stats(); s.Requests != 1 || s.PaidTwice != 0 {
			t.Errorf("the provider got %d calls, %d of them paid twice; want 1, 0", s.Requests, s.PaidTwice)
		}
	})
}

// A worker that dies with its task claimed and nothing sent leaves nothing.
func TestCrashBeforeTheCallIsReserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, doomed, heir := pair(t)
		m := &model{}
		asks.Handle(doomed, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			store.die()
			return asking(m)(ctx, task)
		})
		asks.Handle(heir, asking(m))
		start(t, doomed)
		run := add(t, heir, asks, "x")
		idle()
		start(t, heir)
		result(t, run)
		r := row(t, heir, run.ID)
		if m.calls() != 1 || r.Attempts[0].Unknown != 0 || r.Attempts[0].Class != pawl.Lost {
			t.Errorf("%d calls, first attempt %+v; want 1, lost with nothing unknown", m.calls(), r.Attempts[0])
		}
		if s, err := heir.Status(t.Context()); err != nil || s.Limits[0].State.InFlight != 0 {
			t.Errorf("Status = %+v, %v; want nothing in flight", s.Limits, err)
		}
	})
}

func TestThreeDeathsPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		watcher := newClient(store, pawl.Config{})
		run := add(t, watcher, asks, "x")
		var ran atomic.Int32
		for i := range 3 {
			worker := &mortal{Store: store}
			c := newClient(worker, pawl.Config{})
			asks.Handle(c, func(ctx context.Context, _ *pawl.Task[string]) (string, error) {
				ran.Add(1)
				worker.die()
				<-ctx.Done()
				return "", ctx.Err()
			})
			start(t, c)
			time.Sleep(15 * time.Second)
			if want := int32(i + 1); ran.Load() != want {
				t.Fatalf("it ran %d times; want %d", ran.Load(), want)
			}
			if _, err := watcher.Status(t.Context()); err != nil { // a store finds what is due in any call
				t.Fatal(err)
			}
		}
		asks.Handle(watcher, asking(&model{}))
		start(t, watcher)
		d := dead(t, run)
		if last := d.LastAttempt(); last.Class != pawl.Poisoned || d.Used != 0 || d.Deaths != 3 || len(d.Attempts) != 3 {
			t.Errorf("used %d, %d deaths, last attempt %+v; want 0, 3, poisoned", d.Used, d.Deaths, last)
		}
	})
}

// Deaths poison only in a row: an attempt that came to an end shows that the
// task does not kill.
func TestDeathsCountInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		run := add(t, newClient(store, pawl.Config{}), asks, "x", pawl.Attempts(9))
		for _, dies := range []bool{true, true, false, true, true, false} {
			worker := &mortal{Store: store}
			c := newClient(worker, pawl.Config{})
			asks.Handle(c, func(ctx context.Context, _ *pawl.Task[string]) (string, error) {
				if dies {
					worker.die()
				}
				return "", pawl.RetryAfter(context.Canceled, time.Minute)
			})
			stop := start(t, c)
			time.Sleep(45 * time.Second)
			stop()
			time.Sleep(15 * time.Second)
		}
		c := newClient(store, pawl.Config{})
		asks.Handle(c, asking(&model{}))
		start(t, c)
		result(t, run)
		classes := map[llm.Class]int{}
		r := row(t, c, run.ID)
		for _, a := range r.Attempts {
			classes[a.Class]++
		}
		if classes[pawl.Lost] != 4 || classes[llm.Transient] != 2 || r.Used != 3 || r.Deaths != 0 {
			t.Errorf("attempts %v, used %d, deaths %d; want 4 lost, 2 transient, 3 used", classes, r.Used, r.Deaths)
		}
	})
}
