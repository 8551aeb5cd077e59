package durable

import (
	"context"
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/admission"
)

// Explain implements [pawl.Limits].
func (s *Store) Explain(ctx context.Context, now time.Time, id pawl.ID) (pawl.Standing, error) {
	var standing pawl.Standing
	err := s.view(ctx, func(v View) error {
		at, err := clock(v, now)
		if err != nil {
			return err
		}
		found, err := v.Find(pawl.Filter{IDs: []pawl.ID{id}}, at)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("%s: %w", id, pawl.ErrNotFound)
		}
		b, err := readBook(v)
		if err != nil {
			return err
		}
		standing, err = b.explain(v, at, found[0])
		return err
	})
	if err != nil {
		return pawl.Standing{}, err
	}
	return standing, nil
}

// readBook returns the book as it will be for the next to open it.
func readBook(v View) (*Book, error) {
	read, err := v.Pages(0)
	if err != nil {
		return nil, err
	}
	b := newBook()
	if err := b.load(read); err != nil {
		return nil, err
	}
	for i := range read.Posts {
		b.enter(&read.Posts[i])
	}
	return b, b.forgetRuns(v)
}

func (b *Book) explain(v View, now time.Time, r *Record) (pawl.Standing, error) {
	e := b.table.Explain(pawl.Standing{
		Row: &r.TaskRow, Now: now, Paused: b.paused(r.Queue), Stop: b.budgets.Explain(now, &r.TaskRow),
	}, b.alive(now))
	if r.State == pawl.Pending {
		if err := b.placeOf(e, v, r); err != nil {
			return pawl.Standing{}, err
		}
	}
	return e.Result(), nil
}

// placeOf says which tasks come before one that waits. The book knows how many
// there are of each user; in which order a user's own stand, the database knows.
func (b *Book) placeOf(e *admission.Explanation, v View, r *Record) error {
	key := lineKey{r.Queue, r.Limit, r.Priority}
	for _, rank := range b.byRank[:pawl.High-r.Priority+1] {
		for _, l := range rank {
			tasks := func(u *turn) int {
				if e.Passed(l.limit, u.user) {
					return 0
				}
				return u.handled(e)
			}
			switch {
			case l.lineKey == key:
				u := l.turn(r.User)
				before, err := v.Ahead(u.bins(e), r.Seq)
				if err != nil {
					return err
				}
				e.Turn(before, l.Before(&u.Turn, before, e.Tokens(), tasks))
			case !b.paused(l.queue) && e.Competes(l.limit):
				e.Beside(admission.Rival{Queue: l.queue, Limit: l.limit, Priority: l.priority, Tasks: l.Sum(tasks)})
			}
		}
	}
	return nil
}

func (b *Book) paused(queue string) bool {
	q := b.queues[queue]
	return q != nil && q.Paused
}

// handled returns how many of a user's tasks some worker handles.
func (u *turn) handled(e *admission.Explanation) int {
	n := 0
	for i := range u.Works {
		if w := &u.Works[i]; e.Handled(w.Operation, u.line.queue) {
			n += w.Tasks
		}
	}
	return n
}

// bins returns where the tasks stand that handled counts.
func (u *turn) bins(e *admission.Explanation) []int64 {
	var bins []int64
	for i := range u.Works {
		if w := &u.Works[i]; e.Handled(w.Operation, u.line.queue) {
			bins = append(bins, u.number(w))
		}
	}
	return bins
}
