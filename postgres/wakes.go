package postgres

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// wakes says from where on the wakes of tasks must be read. In front of that are
// rows that were removed, which an index walks over one by one for as long as a
// transaction somewhere could still see them.
//
//   - A wake that this process writes in front of the mark moves the mark back.
//   - One that another process writes there, with a time that is long past, is
//     found when everything is read: every second, or less often where that has
//     become slow.
//   - The ends of leases are written with each claim and removed with each finish.
//     Those of this process are known; those of others are looked at four times a
//     second only, or less often where that has become slow.
type wakes struct {
	mu      sync.Mutex
	due     int64 // the mark for tasks that wait
	lease   int64 // and for those that run
	seen    time.Time
	others  time.Time // the first end of a lease of another process, as of seen
	own     map[pawl.ID]time.Time
	first   time.Time // the first of own; zero if that must be found
	workers map[string]bool
	every   time.Duration // how often the leases are looked at
	scan    time.Time     // when, by this machine's clock, all is to be read
}

const (
	wakeMargin = 2 * time.Second // of wakes that are committed late
	leaseEvery = 250 * time.Millisecond
	leaseMost  = 2 * time.Second // between two looks at the leases
	leaseShare = 20              // a look is repeated after this many times what it took
	scanEvery  = time.Second
	scanShare  = 50 // a scan is repeated after this many times what it took

	fromStart = math.MinInt64
)

// wakesLook is what a transaction must look at.
type wakesLook struct {
	due, lease int64
	all        bool
	leases     bool      // the leases must be looked at
	nextLease  time.Time // the first end of a lease, if they need not
	workers    []string  // of this process
}

// plan returns what must be looked at to know what is due at a time.
func (w *wakes) plan(now time.Time) wakesLook {
	w.mu.Lock()
	defer w.mu.Unlock()
	if micro(now) < max(w.due, w.lease) { // time goes back: in tests
		w.due, w.lease, w.seen = fromStart, fromStart, time.Time{}
	}
	l := wakesLook{due: w.due, lease: w.lease, nextLease: earlier(w.others, w.ownFirst()), workers: slices.Collect(maps.Keys(w.workers))}
	l.leases = now.Before(w.seen) || now.Sub(w.seen) >= max(w.every, leaseEvery) || !l.nextLease.IsZero() && !l.nextLease.After(now)
	if l.all = !time.Now().Before(w.scan); l.all {
		l.due, l.lease = fromStart, fromStart
	}
	return l
}

// nothing reports whether it is known, without looking, that nothing is due;
// nextDue is the first wake behind the mark of the tasks that wait.
func (l *wakesLook) nothing(now, nextDue time.Time) bool {
	return !l.all && !l.leases && (nextDue.IsZero() || nextDue.After(now))
}

// dueFrom returns the mark for tasks that wait.
func (w *wakes) dueFrom() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.due
}

// ownFirst returns the first end of a lease of this process.
func (w *wakes) ownFirst() time.Time {
	if w.first.IsZero() {
		for _, at := range w.own {
			w.first = earlier(w.first, at)
		}
	}
	return w.first
}

// ownAfter forgets leases that have ended by now, which are another's business
// from here on, and returns the first that has not.
func (w *wakes) ownAfter(now time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if first := w.ownFirst(); !first.IsZero() && !first.After(now) {
		maps.DeleteFunc(w.own, func(_ pawl.ID, at time.Time) bool { return !at.After(now) })
		w.first = time.Time{}
	}
	return w.ownFirst()
}

// woke is what a transaction has found out: nothing is due any more at a time.
type woke struct {
	now    time.Time
	others time.Time // the first end of a lease of another process after that
	all    bool      // all was looked at
	took   time.Duration
}

// advance moves the marks on, after the commit of what was due.
func (w *wakes) advance(k *woke) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := k.now.Add(-wakeMargin).UnixMicro()
	w.due, w.lease = max(w.due, at), max(w.lease, at)
	w.others, w.seen, w.every = k.others, k.now, min(leaseShare*k.took, leaseMost)
	if k.all {
		w.scan = time.Now().Add(max(scanEvery, scanShare*k.took))
	}
}

// written takes account of what this process has committed.
func (w *wakes) written(writes *durable.Writes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, records := range [][]*durable.Record{writes.Add, writes.Change, writes.Revive, writes.Beats} {
		for _, r := range records {
			w.wrote(&r.TaskRow, r.Wake())
		}
	}
	for _, r := range writes.End {
		w.drop(r.ID)
	}
	for _, c := range writes.Claim {
		if !w.workers[c.Worker] {
			w.hire(c.Worker)
		}
		w.hold(c.ID, c.Lease)
	}
}

func (w *wakes) wrote(r *pawl.TaskRow, at time.Time) {
	if r.State == pawl.Running {
		if w.workers[r.Worker] {
			w.hold(r.ID, at)
		}
		return
	}
	w.drop(r.ID)
	if !at.IsZero() {
		w.due = min(w.due, at.UnixMicro())
	}
}

// hold takes account of a lease of this process.
func (w *wakes) hold(id pawl.ID, until time.Time) {
	w.drop(id)
	if w.own == nil {
		w.own = map[pawl.ID]time.Time{}
	}
	w.own[id] = until
	if !w.first.IsZero() {
		w.first = earlier(w.first, until)
	}
	w.lease = min(w.lease, until.UnixMicro())
}

func (w *wakes) drop(id pawl.ID) {
	if until, ok := w.own[id]; ok {
		delete(w.own, id)
		if until.Equal(w.first) {
			w.first = time.Time{}
		}
	}
}

// hire takes account of a worker of this process. Its tasks of before count as
// another's no longer, so all is looked at again.
func (w *wakes) hire(worker string) {
	if w.workers == nil {
		w.workers = map[string]bool{}
	}
	w.workers[worker] = true
	w.seen = time.Time{}
}

// earlier returns the earlier of two times; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
