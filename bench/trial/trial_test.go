package trial_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl/bench/trial"
)

// queue is an engine in memory, which can be made to lie. It takes a
// millisecond to add, and one to start and complete a task.
type queue struct {
	mu      sync.Mutex
	waiting []trial.Args
	left    int

	loses   bool // an added task is not stored
	repeats bool // the first task is handled twice
	skips   bool // the first task is completed and never handled
	forgets bool // no completion is stored
}

func (q *queue) Add(ctx context.Context, a trial.Args) error {
	time.Sleep(time.Millisecond)
	return q.AddBulk(ctx, []trial.Args{a})
}

func (q *queue) AddBulk(_ context.Context, list []trial.Args) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, list...)
	q.left += len(list)
	if q.loses {
		q.left--
	}
	return nil
}

func (q *queue) Left(context.Context) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.left, nil
}

func (q *queue) Work(ctx context.Context, handle func(trial.Args)) (func() error, error) {
	ctx, cancel := context.WithCancel(ctx)
	var worker sync.WaitGroup
	worker.Go(func() {
		for ctx.Err() == nil {
			q.step(handle)
			time.Sleep(time.Millisecond)
		}
	})
	return func() error {
		cancel()
		worker.Wait()
		return nil
	}, nil
}

func (q *queue) step(handle func(trial.Args)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return
	}
	a := q.waiting[0]
	q.waiting = q.waiting[1:]
	if !q.skips || a.N != 0 {
		handle(a)
	}
	if q.repeats && a.N == 0 {
		handle(a)
	}
	if !q.forgets {
		q.left--
	}
}

func (q *queue) Settings(context.Context) (map[string]string, error) {
	return map[string]string{"durable": "no"}, nil
}

func (q *queue) Close() error { return nil }

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := trial.Run(t.Context(), new(queue), trial.Job{Callers: 16, Seconds: 2})
		if err != nil || r.Add16 != 16_000 || r.Settings["durable"] != "no" {
			t.Errorf("16 callers of a millisecond each = %+v, %v; want 16,000 a second", r, err)
		}
		r, err = trial.Run(t.Context(), new(queue), trial.Job{Tasks: 500})
		if err != nil || r.Drain < 900 || r.Drain > 1010 {
			t.Errorf("a drain of a millisecond a task = %+v, %v; want about 1,000 a second", r, err)
		}
		r, err = trial.Run(t.Context(), new(queue), trial.Job{Starts: 100})
		if err != nil || r.Start50 < 1 || r.Start50 > r.Start99 || r.Start99 > 2 {
			t.Errorf("starts that take 1 to 2 ms = %+v, %v", r, err)
		}
	})
}

// An engine that falls behind is late for every task from then on, however fast
// it takes each one.
func TestPacedCountsFromWhenATaskWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := trial.Run(t.Context(), new(queue), trial.Job{Rate: 500, Seconds: 10})
		if err != nil || r.Paced.Done < 499 || r.Paced.P99 > 3 {
			t.Errorf("500 a second of 1,000 = %+v, %v; want all, within 3 ms", r.Paced, err)
		}
		r, err = trial.Run(t.Context(), new(queue), trial.Job{Rate: 2000, Seconds: 10})
		if err != nil || r.Paced.Done > 1001 || r.Paced.Last50 < 9000 {
			t.Errorf("2,000 a second of 1,000 = %+v, %v; want 1,000, the last ones 10 s late", r.Paced, err)
		}
	})
}

func TestLiesAreFound(t *testing.T) {
	for _, c := range []struct {
		lie  *queue
		job  trial.Job
		want string
	}{
		{&queue{loses: true}, trial.Job{Callers: 1, Seconds: 1}, "and the store has"},
		{&queue{loses: true}, trial.Job{Tasks: 100}, "and the store has 99"},
		{&queue{repeats: true}, trial.Job{Tasks: 100}, "task 0 was handled 2 times"},
		{&queue{skips: true}, trial.Job{Tasks: 100}, "nothing was handled within 1m0s, and 1 tasks wait"},
		{&queue{forgets: true}, trial.Job{Tasks: 100}, "100 tasks left"},
		{&queue{skips: true}, trial.Job{Starts: 10}, "task 0 did not start"},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, err := trial.Run(t.Context(), c.lie, c.job)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Run(%+v) = %v; want an error that has %q", c.job, err, c.want)
			}
		})
	}
}

func TestArgsAreAKibibyte(t *testing.T) {
	list := trial.List(1000)
	if len(list) != 1000 || list[999].N != 999 {
		t.Fatalf("List(1000) = %d tasks, the last number %d", len(list), list[len(list)-1].N)
	}
	if i := slices.IndexFunc(list, func(a trial.Args) bool { return len(a.Text) != 1000 }); i >= 0 {
		t.Errorf("the text of task %d has %d bytes, want 1,000", i, len(list[i].Text))
	}
}
