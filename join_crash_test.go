package pawl_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/storetest"
)

// doomed is a store as a worker sees it that dies at its n-th write, before that has
// reached the store or after.
type doomed struct {
	*mortal
	left  atomic.Int64 // writes until then
	after bool
}

func doom(store pawl.Store, writes int64, after bool) *doomed {
	d := &doomed{mortal: &mortal{Store: store}, after: after}
	d.left.Store(writes)
	return d
}

// fate kills the worker before a write if it is the last one, and returns what is to
// be done after it.
func (d *doomed) fate() (then func()) {
	if d.left.Add(-1) != 0 {
		return func() {}
	}
	if d.after {
		return d.die
	}
	d.die()
	return func() {}
}

func (d *doomed) Add(ctx context.Context, now time.Time, tasks []pawl.NewTask) ([]pawl.Added, error) {
	defer d.fate()()
	return d.mortal.Add(ctx, now, tasks)
}

func (d *doomed) Claim(ctx context.Context, now time.Time, c pawl.Claim) (pawl.Claimed, error) {
	defer d.fate()()
	return d.mortal.Claim(ctx, now, c)
}

func (d *doomed) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	defer d.fate()()
	return d.mortal.Save(ctx, now, saves)
}

func (d *doomed) Finish(ctx context.Context, now time.Time, finishes []pawl.Finish) ([]error, error) {
	defer d.fate()()
	return d.mortal.Finish(ctx, now, finishes)
}

// perilous returns clients of a store whose calls fail, of which the first two die: as
// few as can poison nothing.
func perilous(store pawl.Store, r *rand.Rand, rate float64, config func() pawl.Config) []*pawl.Client {
	clients := make([]*pawl.Client, 3)
	for i := range clients {
		var s pawl.Store = storetest.Flaky(store, rate, r.Uint64())
		if i < 2 {
			s = doom(s, 1+r.Int64N(30), r.IntN(2) == 0)
		}
		c := config()
		c.Name = fmt.Sprint("worker ", i)
		clients[i] = newClient(s, c)
	}
	return clients
}

// Whatever dies, and whatever call fails: a task that waits for its branches goes on
// once, with each of their results once, and nothing is there twice.
func TestJoinsComeAboutOnce(t *testing.T) {
	seeds(t, 200, func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 3))
		store := newStore(t)
		ended := watchEnds(t, store)
		reader := newClient(store, pawl.Config{})
		double := pawl.Operation[int, int]{Name: "double", Limit: pawl.NoLimit, Attempts: 50}
		words := pawl.Operation[int, string]{Name: "words", Limit: pawl.NoLimit, Attempts: 50}
		clients := perilous(store, r, 0.05, func() pawl.Config { return pawl.Config{Workers: 1 + r.IntN(10)} })
		for _, c := range clients {
			double.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
				return pawl.Step(ctx, "double", func(context.Context) (int, error) {
					pass(time.Duration(t.Input%5) * time.Second)
					return 2 * t.Input, nil
				})
			})
			words.Handle(c, func(_ context.Context, t *pawl.Task[int]) (string, error) { return fmt.Sprint("n", t.Input), nil })
			start(t, c)
		}
		var opts []pawl.EachOption
		if r.IntN(2) == 0 {
			opts = append(opts, pawl.AtOnce(1+r.IntN(4)))
		}
		in := make([]int, r.IntN(20))
		var want []string
		for i := range in {
			in[i] = r.IntN(10)
			want = append(want, fmt.Sprint("n", 2*in[i]))
		}
		run, err := pawl.Each(pawl.Then(double, words), opts...).Add(t.Context(), reader, in)
		must(t, err)
		if got := result(t, run); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("Wait = %q; want %q", got, want)
		}
		rows, err := reader.List(t.Context(), pawl.Filter{})
		must(t, err)
		if len(rows) != 1+2*len(in) {
			t.Errorf("%d tasks; want %d", len(rows), 1+2*len(in))
		}
		for _, r := range rows {
			if n := successes(r); n != 1 {
				t.Errorf("%s (%s) succeeded %d times; want once", r.ID, r.Operation, n)
			}
		}
		ended.check(t, rows)
	})
}

func successes(r *pawl.TaskRow) (n int) {
	for _, a := range r.Attempts {
		if a.Class == "" {
			n++
		}
	}
	return n
}

// Random flows give what they must though workers die and the store fails.
func TestRandomFlowsOutliveTheirWorkers(t *testing.T) {
	seeds(t, 60, func(t *testing.T, seed uint64) {
		s := newShapes(seed)
		s.tries = 15
		store := newStore(t)
		s.clients = perilous(store, s.Rand, 0.03, func() pawl.Config {
			return pawl.Config{Workers: 1 + s.IntN(8), Patience: []time.Duration{0, time.Second}[s.IntN(2)]}
		})
		s.check(t, newClient(store, pawl.Config{}))
	})
}
