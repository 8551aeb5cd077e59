package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

var closingRules = []rule{
	{"closed", "a program that ends must get an error it knows from what it still tries", func(t *trial) {
		r := t.row(t.reach(pawl.Running))
		t.must("Close", t.store.Close())
		for name, call := range t.calls(r) {
			if err := call(t.ctx); !errors.Is(err, pawl.ErrClosed) {
				t.Errorf("%s = %v; want ErrClosed", name, err)
			}
		}
	}},
	{"close wakes watches", "whoever waits for an event of a store that is closed must not wait for ever", func(t *trial) {
		w := t.watch(pawl.EventFilter{})
		ended := make(chan error)
		go func() {
			_, err := t.next(w)
			ended <- err
		}()
		t.must("Close", t.store.Close())
		if err := <-ended; !errors.Is(err, pawl.ErrClosed) {
			t.Errorf("Next = %v; want ErrClosed", err)
		}
	}},
	{"a context that has ended", "a caller that has given up must not find later that its call was carried out", func(t *trial) {
		id := t.reach(pawl.Running)
		t.reach(pawl.Dead)
		before, err := t.store.Status(t.ctx, t.now)
		t.must("Status", err)
		rows := t.list(pawl.Filter{Steps: true})
		ctx, cancel := context.WithCancel(t.ctx)
		cancel()
		for name, call := range t.calls(t.row(id)) {
			if err := call(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("%s = %v; want context.Canceled", name, err)
			}
		}
		after, err := t.store.Status(t.ctx, t.now)
		t.must("Status", err)
		same(t, after, before)
		same(t, t.list(pawl.Filter{Steps: true}), rows)
	}},
	{"nothing at all", "a batch of nothing is no error", func(t *trial) {
		_, err := t.store.Add(t.ctx, t.now, nil)
		t.must("Add", err)
		_, err = t.store.Beat(t.ctx, t.now, lease, nil)
		t.must("Beat", err)
		_, err = t.store.Save(t.ctx, t.now, nil)
		t.must("Save", err)
		_, err = t.store.Finish(t.ctx, t.now, nil)
		t.must("Finish", err)
		_, err = t.store.Reserve(t.ctx, t.now, nil)
		t.must("Reserve", err)
		t.configure()
	}},
}

// calls returns every call of a store, each of which would change or find something.
func (t *trial) calls(r *pawl.TaskRow) map[string]func(context.Context) error {
	s := t.store
	return map[string]func(context.Context) error{
		"Add": func(ctx context.Context) error {
			_, err := s.Add(ctx, t.now, []pawl.NewTask{task()})
			return err
		},
		"Claim": func(ctx context.Context) error {
			_, err := s.Claim(ctx, t.now.Add(time.Hour), ask(1))
			return err
		},
		"Beat": func(ctx context.Context) error {
			_, err := s.Beat(ctx, t.now, time.Hour, []pawl.Lease{r.Lease()})
			return err
		},
		"Save": func(ctx context.Context) error {
			_, err := s.Save(ctx, t.now, []pawl.Save{{Lease: r.Lease(), Step: &pawl.StepRow{Key: "k", Name: "k"}}})
			return err
		},
		"Finish": func(ctx context.Context) error {
			_, err := s.Finish(ctx, t.now, []pawl.Finish{outcome(r, pawl.Succeeded)})
			return err
		},
		"Change": func(ctx context.Context) error {
			_, err := s.Change(ctx, t.now, pawl.Filter{}, pawl.Change{Do: pawl.Delete})
			return err
		},
		"List": func(ctx context.Context) error {
			_, err := s.List(ctx, t.now, pawl.Filter{})
			return err
		},
		"Groups": func(ctx context.Context) error {
			_, err := s.Groups(ctx, t.now, pawl.Filter{})
			return err
		},
		"Reserve": func(ctx context.Context) error {
			_, err := s.Reserve(ctx, t.now, []pawl.Reservation{{Lease: r.Lease(), Key: "k", Limit: "lim"}})
			return err
		},
		"Configure": func(ctx context.Context) error {
			return s.Configure(ctx, t.now, []pawl.Setting{set("lim", limit.Config{InFlight: 1})})
		},
		"Status": func(ctx context.Context) error {
			_, err := s.Status(ctx, t.now)
			return err
		},
		"Explain": func(ctx context.Context) error {
			_, err := s.Explain(ctx, t.now, r.ID)
			return err
		},
		"Conversation": func(ctx context.Context) error {
			_, err := s.Conversation(ctx, pawl.Hash{})
			return err
		},
		"Watch": func(ctx context.Context) error {
			w, err := s.Watch(ctx, pawl.EventFilter{})
			if err == nil {
				w.Close()
			}
			return err
		},
	}
}
