package redis_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/services"
)

// startCluster returns a cluster that the test may harm, and the slot of the store.
func startCluster(t *testing.T) (c *services.Cluster, slot int) {
	t.Helper()
	c, err := services.StartCluster(t.Context(), services.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close the cluster: %v", err)
		}
	})
	first, _, _ := strings.Cut(c.URL(), ",")
	o, err := goredis.ParseURL(first)
	if err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(o)
	defer client.Close()
	n, err := client.ClusterKeySlot(t.Context(), "{pawl}").Result()
	if err != nil {
		t.Fatal(err)
	}
	return c, int(n)
}

// flow is tasks that are added and handled all the time.
type flow struct {
	op     pawl.Operation[int, int]
	client *pawl.Client

	mu       sync.Mutex
	accepted map[pawl.ID]span
	refused  int
}

// span is when an Add was called, and when it returned.
type span struct{ from, to time.Time }

const flowEvery = 2 * time.Millisecond

// run adds and handles tasks until stop is called, which waits for the end.
func run(t *testing.T, s pawl.Store) (f *flow, stop func()) {
	f = &flow{op: pawl.Operation[int, int]{Name: "double"}, client: pawl.New(s, pawl.Config{Workers: 8}), accepted: map[pawl.ID]span{}}
	f.op.Handle(f.client, func(_ context.Context, task *pawl.Task[int]) (int, error) { return 2 * task.Input, nil })
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if err := f.client.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	all.Go(func() { f.add(ctx) })
	return f, func() { cancel(); all.Wait() }
}

func (f *flow) add(ctx context.Context) {
	tick := time.NewTicker(flowEvery)
	defer tick.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		began := time.Now()
		run, err := f.op.Add(ctx, f.client, i)
		f.mu.Lock()
		if err != nil {
			f.refused++
		} else {
			f.accepted[run.ID] = span{began, time.Now()}
		}
		f.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// moreThan waits until more tasks were accepted than some number, and returns how many.
func (f *flow) moreThan(t *testing.T, n int) int {
	t.Helper()
	return eventually(t, "tasks are accepted", func() (int, bool) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.accepted), len(f.accepted) > n
	})
}

// eventually asks until the answer is yes, for a minute.
func eventually[V any](t *testing.T, what string, ask func() (V, bool)) V {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		v, ok := ask()
		if ok {
			return v
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited for a minute until %s", what)
		}
	}
}

// ends checks that all accepted tasks succeed, but for those that may have been accepted
// between two times.
func (f *flow) ends(t *testing.T, s pawl.Store, from, to time.Time) {
	t.Helper()
	worker, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { _ = f.client.Run(worker) })
	defer stop()
	eventually(t, "all tasks have ended", func() (int, bool) {
		status, err := s.Status(t.Context(), time.Time{})
		if err != nil || len(status.Queues) == 0 {
			return 0, false
		}
		c := status.Queues[0].Counts
		left := c[pawl.Pending] + c[pawl.Running] + c[pawl.Scheduled]
		return left, left == 0
	})
	rows, err := s.List(t.Context(), time.Time{}, pawl.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[pawl.ID]*pawl.TaskRow{}
	for _, r := range rows {
		found[r.ID] = r
	}
	lost := 0
	for id, at := range f.accepted {
		r := found[id]
		switch {
		case r == nil && at.to.After(from) && at.from.Before(to):
			lost++
		case r == nil:
			t.Errorf("%s was accepted, and is gone", id)
		case r.State != pawl.Succeeded:
			t.Errorf("%s is %s; want succeeded", id, r.State)
		}
	}
	t.Logf("%d tasks accepted, %d refused, %d lost by the failover", len(f.accepted), f.refused, lost)
}

// A master that dies is replaced by its replica: tasks go on by themselves. What
// the master answered in its last moment may be lost, because replicas copy later.
func TestFailover(t *testing.T) {
	c, slot := startCluster(t)
	s := open(t, c.URL())
	f, stop := run(t, s)
	n := f.moreThan(t, 200)
	master, err := c.Master(t.Context(), slot)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now()
	replicated(t, master)
	if err := master.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	if err := c.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.moreThan(t, n+400)
	stop()
	f.ends(t, s, from, killed)
}

// replicated waits until the replica of a store's master has all that was written until now.
func replicated(t *testing.T, master *services.Server) {
	t.Helper()
	c := client(t, master.URL())
	eventually(t, "the replica has what was written", func() (int, bool) {
		p := c.Pipeline()
		p.Set(t.Context(), "{pawl}written", 1, 0)
		replicas := p.Do(t.Context(), "wait", 1, 1000)
		if _, err := p.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		n, err := replicas.Int()
		if err != nil {
			t.Fatal(err)
		}
		return n, n > 0
	})
}

// The slot of a store moves to another master, with its keys, while tasks flow:
// every task is done all the same.
func TestMovedSlot(t *testing.T) {
	c, slot := startCluster(t)
	s := open(t, c.URL())
	f, stop := run(t, s)
	n := f.moreThan(t, 200)
	from, err := c.Master(t.Context(), slot)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []int{0, 16383} { // of two masters, one of which is another
		to, err := c.Master(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		if to == from {
			continue
		}
		if err := c.Move(t.Context(), slot, to); err != nil {
			t.Fatal(err)
		}
		break
	}
	f.moreThan(t, n+200)
	stop()
	f.ends(t, s, time.Time{}, time.Time{})
}
