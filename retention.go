package pawl

import (
	"context"
	"fmt"
	"time"
)

// Retention says how long tasks are kept after they have ended, by how they ended.
// Then a worker removes them, with their steps, and with the messages that nothing
// else refers to. Zero keeps them for ever.
//
// What is removed answers nobody: neither a Wait for its run, nor an identical
// task within a reuse window. So keep tasks longer than the longest of both. The
// result of a branch is kept in any case until its parent has ended. With a dead
// letter that a run waits for in hope of a retry, the run is given up: cancelled.
type Retention struct {
	Succeeded time.Duration
	Cancelled time.Duration
	Dead      time.Duration // dead letters, which somebody may want to mend
}

const (
	retainMost  = 500         // tasks of one removal
	retainOften = time.Minute // the longest time between looks, about
	retainRare  = time.Second // the shortest
	retainPause = 10 * time.Millisecond
)

// kept is how long tasks that ended in a state are kept.
type kept struct {
	state State
	name  string
	age   time.Duration // 0 for ever
}

func (r Retention) all() []kept {
	return []kept{{Succeeded, "Succeeded", r.Succeeded}, {Cancelled, "Cancelled", r.Cancelled}, {Dead, "Dead", r.Dead}}
}

func (r Retention) validate() error {
	for _, k := range r.all() {
		if k.age < 0 {
			return fmt.Errorf("pawl: Config.Retention.%s is %v; want 0 to keep for ever, or more", k.name, k.age)
		}
	}
	return nil
}

// pause is how long to wait before the next look: a minute, or a tenth of the
// shortest retention, give or take a half by u in [0, 1), so that the workers of
// one store do not all look at once.
func (r Retention) pause(u float64) time.Duration {
	often := retainOften
	for _, k := range r.all() {
		if k.age > 0 {
			often = min(often, k.age/10)
		}
	}
	return time.Duration((0.5 + u) * float64(max(often, retainRare)))
}

// retain removes what has been kept long enough, for as long as ctx lasts.
func (w *worker) retain(ctx context.Context) {
	for {
		wait(ctx, nil, w.config.Retention.pause(jitter()))
		for _, k := range w.config.Retention.all() {
			if ctx.Err() != nil {
				return
			}
			if k.age == 0 {
				continue
			}
			if err := w.remove(ctx, k); err != nil && ctx.Err() == nil {
				w.log.Error("remove ended tasks", "state", k.state, "error", err)
			}
		}
	}
}

// remove removes tasks in small batches. It rests as long as each of them took, so
// that the store has as much time for everything else.
func (w *worker) remove(ctx context.Context, k kept) error {
	old := Filter{States: []State{k.state}, EndedFor: k.age, Max: retainMost}
	for {
		began := time.Now()
		removed, err := w.store.Change(ctx, w.now, old, Change{Do: Delete})
		if err != nil {
			return err
		}
		if len(removed) < retainMost {
			// Some may have been passed over, whose results are still to be read.
			left := old
			left.Bare = true
			passed, err := w.store.List(ctx, w.now, left)
			if err != nil || len(passed) < retainMost {
				return err
			}
			old.After = passed[len(passed)-1].ID
		}
		if err := sleep(ctx, max(time.Since(began), retainPause)); err != nil {
			return err
		}
	}
}
