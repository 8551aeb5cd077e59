// Package inmem is a store in the memory of one process: nothing survives the
// process, and only its own workers share it. It is the reference for how every
// store behaves.
package inmem

import (
	"context"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/admission"
	"github.com/pawlhq/pawl/internal/budget"
)

// Store implements [pawl.Store]. It is safe for concurrent use.
//
// All state is behind one lock. A task is in exactly one place at a time, which
// its state names, and update is the only function that moves it:
//
//	pending            the line of its queue, limit and priority
//	scheduled          due, by time
//	running            the leases of one length, the first to end in front
//	ended              ended, the first in front
//	blocked            due, if something happens though what it waits for does not
type Store struct {
	mu     sync.Mutex
	closed bool
	seq    int64

	tasks map[pawl.ID]*task
	runs  map[pawl.ID][]*task // of more than one task, in the order in which they were added
	twins twins
	talks talks

	queues    map[string]*queue
	table     admission.Table
	budgets   budget.Table
	ledger    book
	near      map[pawl.Hash]*pawl.Nearby
	behind    map[pawl.ID][]pawl.ID // what waits for near-duplicates, by these
	workers   workers
	lines     lines
	leases    map[time.Duration]*chain
	ended     chain
	due       timeline // scheduled tasks; entries that no longer hold are passed over
	deadlines timeline // of tasks with one; likewise
	ends      []*task  // awaited branches that have ended in this call, by their last tasks
	left      []*task  // near-duplicates that are under way no longer, and are waited for

	watches  map[*watch]struct{}
	interest eventSet // the types that any watch wants
	hungry   bool     // a worker or a call found too little since the last EventReady
	turned   int64    // counts those that took a task: it turns the lines
}

// task is a row and where it stands.
type task struct {
	row    pawl.TaskRow
	calls  []call  // reserved and not settled
	cost   float64 // tokens that its user's turn is charged for it until they are known
	share  float64 // of its tokens by which virtual time moves on: one part in the users who waited
	turn   *turn   // of its user, in its line
	inLine bool

	newer, older *task // of the same identity, in flight

	chain      *chain // that it is in while it runs or when it has ended
	prev, next *task
}

// New returns an empty store.
func New() *Store {
	return &Store{
		tasks:   map[pawl.ID]*task{},
		runs:    map[pawl.ID][]*task{},
		twins:   twins{},
		talks:   newTalks(),
		near:    map[pawl.Hash]*pawl.Nearby{},
		behind:  map[pawl.ID][]pawl.ID{},
		queues:  map[string]*queue{},
		workers: workers{},
		lines:   lines{byKey: map[lineKey]*line{}},
		leases:  map[time.Duration]*chain{},
		watches: map[*watch]struct{}{},
	}
}

// Close ends all watches; later calls return [pawl.ErrClosed].
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for w := range s.watches {
		w.fail(pawl.ErrClosed)
	}
	return nil
}

// enter takes the lock, as lock does, and makes happen what is due by now. The
// caller unlocks.
func (s *Store) enter(ctx context.Context, now time.Time) (time.Time, error) {
	if now.IsZero() {
		now = time.Now()
	}
	if err := s.lock(ctx); err != nil {
		return now, err
	}
	s.keepLedger(now)
	s.advance(now)
	return now, nil
}

// lock takes the lock, unless the store is closed or ctx has ended. The caller
// unlocks.
func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return pawl.ErrClosed
	}
	return nil
}

// queue is a named line of tasks, as far as it is not in lines.
type queue struct {
	paused bool
	counts map[pawl.State]int
}

func (s *Store) queue(name string) *queue {
	q := s.queues[name]
	if q == nil {
		q = &queue{counts: map[pawl.State]int{}}
		s.queues[name] = q
	}
	return q
}

// update changes a task's row and puts the task where its state says.
func (s *Store) update(now time.Time, t *task, change func(*pawl.TaskRow)) {
	from, queue, scope := t.row.State, t.row.Queue, t.row.UnderWay()
	if t.chain != nil {
		t.chain.remove(t)
	}
	if from == pawl.Pending {
		s.lines.remove(t)
	}
	change(&t.row)
	if !scope.IsZero() && t.row.UnderWay() != scope {
		s.leave(t, scope)
	}
	to := t.row.State
	if from == pawl.Running && !to.Ended() && !t.row.Deadline.IsZero() {
		s.deadlines.push(t.row.Deadline, t)
	}
	if from != to {
		if from != "" {
			s.queue(queue).counts[from]--
		}
		s.queue(t.row.Queue).counts[to]++
	}
	switch to {
	case pawl.Pending:
		s.lines.add(t)
		s.ready(now)
	case pawl.Scheduled:
		s.due.push(t.row.Due, t)
		s.ready(now) // a worker may sleep beyond it
	case pawl.Blocked:
		if from != to && !t.row.Due.IsZero() {
			s.due.push(t.row.Due, t)
			s.ready(now)
		}
	case pawl.Running:
		s.hold(t, t.row.LeaseUntil.Sub(now))
	case pawl.Succeeded, pawl.Dead, pawl.Cancelled:
		s.keep(t)
	}
}
