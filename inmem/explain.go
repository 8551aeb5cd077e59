package inmem

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/admission"
)

// Explain implements [pawl.Limits].
func (s *Store) Explain(ctx context.Context, now time.Time, id pawl.ID) (pawl.Standing, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return pawl.Standing{}, err
	}
	defer s.mu.Unlock()
	t := s.tasks[id]
	if t == nil {
		return pawl.Standing{}, fmt.Errorf("%s: %w", id, pawl.ErrNotFound)
	}
	e := s.table.Explain(pawl.Standing{
		Row: copyOf(&t.row, false), Now: now, Paused: s.queue(t.row.Queue).paused, Stop: s.budgets.Explain(now, &t.row),
	}, s.workers.alive(now))
	if t.inLine {
		s.place(e, t)
	}
	return e.Result(), nil
}

// place says which tasks come before one that is in a line.
func (s *Store) place(e *admission.Explanation, t *task) {
	own := t.turn.line
	for _, rank := range s.lines.byPriority[:pawl.High-own.priority+1] {
		for _, l := range rank {
			tasks := func(u *turn) int {
				if e.Passed(l.limit, u.user) {
					return 0
				}
				return u.handled(e, math.MaxInt64)
			}
			switch {
			case l == own:
				before := t.turn.handled(e, t.row.Seq)
				e.Turn(before, l.Before(&t.turn.Turn, before, e.Tokens(), tasks))
			case !s.queue(l.queue).paused && e.Competes(l.limit):
				e.Beside(admission.Rival{Queue: l.queue, Limit: l.limit, Priority: l.priority, Tasks: l.Sum(tasks)})
			}
		}
	}
}

// handled returns how many of a user's tasks with a lower Seq some worker handles.
func (u *turn) handled(e *admission.Explanation, seq int64) int {
	n := 0
	for i := range u.works {
		w := &u.works[i]
		if e.Handled(w.operation, u.line.queue) {
			n += w.tasks.before(seq)
		}
	}
	return n
}

// before returns how many tasks are in the line with a lower Seq. A task that left
// the line and came back may stand in two places.
func (f *fifo) before(seq int64) int {
	n := 0
	queue := f.queue[f.head:]
	for _, t := range queue[:place(queue, seq)] {
		if t.inLine {
			n++
		}
	}
	back := slices.Compact(slices.Clone(f.back[:place(f.back, seq)]))
	for _, t := range back {
		if i := place(queue, t.row.Seq); t.inLine && (i == len(queue) || queue[i] != t) {
			n++
		}
	}
	return n
}

// place returns how many tasks, which are sorted by Seq, have a lower one.
func place(sorted []*task, seq int64) int {
	i, _ := slices.BinarySearchFunc(sorted, seq, func(t *task, seq int64) int { return cmp.Compare(t.row.Seq, seq) })
	return i
}
