package inmem

import "github.com/pawlhq/pawl"

// twins holds the tasks that a new one may duplicate, by identity.
type twins map[pawl.Hash]alike

// alike are tasks of one identity: those in flight, the one that was added last
// in front, and the one that succeeded last.
type alike struct{ newest, result *task }

// add files a task that is in flight, in its place.
func (w twins) add(t *task) {
	id := t.row.Identity
	if id.IsZero() {
		return
	}
	a := w[id]
	var newer *task
	older := a.newest
	for older != nil && older.row.Seq > t.row.Seq {
		newer, older = older, older.older
	}
	t.newer, t.older = newer, older
	if older != nil {
		older.newer = t
	}
	if newer != nil {
		newer.older = t
		return
	}
	a.newest = t
	w[id] = a
}

// end takes a task that has ended out of those in flight. If it succeeded, its
// result is the one for others.
func (w twins) end(t *task) {
	id := t.row.Identity
	if id.IsZero() {
		return
	}
	a := w[id]
	if t.older != nil {
		t.older.newer = t.newer
	}
	if t.newer != nil {
		t.newer.older = t.older
	} else {
		a.newest = t.older
	}
	t.newer, t.older = nil, nil
	if t.row.State == pawl.Succeeded && t.isLater(a.result) {
		a.result = t
	}
	w.set(id, a)
}

// isLater reports whether t ended after another task, or was added after it if
// they ended at the same time.
func (t *task) isLater(than *task) bool {
	if than == nil {
		return true
	}
	order := t.row.Ended.Compare(than.row.Ended)
	return order > 0 || order == 0 && t.row.Seq > than.row.Seq
}

// forget drops a task that is deleted.
func (w twins) forget(t *task) {
	if a := w[t.row.Identity]; a.result == t {
		a.result = nil
		w.set(t.row.Identity, a)
	}
}

func (w twins) set(id pawl.Hash, a alike) {
	if a == (alike{}) {
		delete(w, id)
		return
	}
	w[id] = a
}
