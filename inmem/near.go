package inmem

import (
	"context"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// Near implements [pawl.Contexts].
func (s *Store) Near(ctx context.Context, now time.Time, looks []pawl.Look) ([]pawl.Nearby, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	found := make([]pawl.Nearby, len(looks))
	for i := range looks {
		l := &looks[i]
		if l.Near != nil {
			if found[i].Err = s.beUnderWay(now, l); found[i].Err != nil {
				continue
			}
		}
		if n := s.near[l.Scope]; n != nil {
			found[i] = pawl.Nearby{Near: slices.Clone(n.Near), UnderWay: slices.Clone(n.UnderWay), Apart: slices.Clone(n.Apart)}
		}
	}
	return found, nil
}

// beUnderWay has a task be under way behind the others of its scope, if it may and is not
// yet.
func (s *Store) beUnderWay(now time.Time, l *pawl.Look) error {
	t, err := s.held(l.Lease)
	if err != nil || t.row.UnderWay() == l.Scope || t.row.IsAlone() {
		return err
	}
	s.relink(now, t, func(r *pawl.TaskRow) { r.BeUnderWay(l.Scope) })
	near, n := *l.Near, s.nearby(l.Scope)
	near.Task, near.Seq, near.At, near.Place = t.row.ID, t.row.Seq, now, 1
	if last := len(n.UnderWay); last > 0 {
		near.Place = n.UnderWay[last-1].Place + 1
	}
	n.UnderWay = append(n.UnderWay, near)
	return nil
}

// relink changes the links of a task. One that runs stays where it is.
func (s *Store) relink(now time.Time, t *task, change func(*pawl.TaskRow)) {
	if t.row.State != pawl.Running {
		s.update(now, t, change)
		return
	}
	scope := t.row.UnderWay()
	change(&t.row)
	if !scope.IsZero() && t.row.UnderWay() != scope {
		s.leave(t, scope)
	}
}

func (s *Store) nearby(scope pawl.Hash) *pawl.Nearby {
	if s.near[scope] == nil {
		s.near[scope] = &pawl.Nearby{}
	}
	return s.near[scope]
}

// putNear keeps what tells near-duplicates of a task that has succeeded.
func (s *Store) putNear(now time.Time, t *task, as *pawl.NearAs) {
	for _, seq := range as.Drop {
		s.dropNear(as.Scope, seq)
	}
	s.dropNear(as.Scope, t.row.Seq)
	near := as.Near
	near.Task, near.Seq, near.At = t.row.ID, t.row.Seq, now
	n := s.nearby(as.Scope)
	at, _ := slices.BinarySearchFunc(n.Near, near, func(a, b pawl.Near) int { return int(b.Seq - a.Seq) })
	n.Near = slices.Insert(n.Near, at, near)
}

// dropNear has near-duplicates find a task no longer.
func (s *Store) dropNear(scope pawl.Hash, seq int64) {
	n := s.near[scope]
	if n == nil {
		return
	}
	is := func(o pawl.Near) bool { return o.Seq == seq }
	n.Near, n.UnderWay = slices.DeleteFunc(n.Near, is), slices.DeleteFunc(n.UnderWay, is)
	if len(n.Near)+len(n.UnderWay)+len(n.Apart) == 0 {
		delete(s.near, scope)
	}
}

// leave notes that a task is under way no longer in a scope.
func (s *Store) leave(t *task, scope pawl.Hash) {
	s.dropNear(scope, t.row.Seq)
	if t.row.Followers() > 0 {
		s.left = append(s.left, t)
	}
}

// parkBehind has a task that is blocked wait for a near-duplicate.
func (s *Store) parkBehind(now time.Time, t *task, first pawl.ID) {
	var row *pawl.TaskRow
	if f := s.tasks[first]; f != nil {
		row = &f.row
	}
	waits := false
	s.update(now, t, func(r *pawl.TaskRow) { waits = r.BeBehind(now, row) })
	if waits {
		s.behind[first] = append(s.behind[first], t.row.ID)
	}
}

// wakeBehind makes pending what has waited for tasks that were left in this call.
func (s *Store) wakeBehind(now time.Time) {
	left := s.left
	s.left = nil
	for _, first := range left {
		for _, id := range s.behind[first.row.ID] {
			if t := s.tasks[id]; t != nil && t.row.IsBehind(first.row.ID) {
				s.update(now, t, (*pawl.TaskRow).BeReleased)
			}
		}
		delete(s.behind, first.row.ID)
		first.row.BeLeft()
	}
}

// unlike makes a setting of what may be near-duplicates. What waits for one of them is
// released: it looks again.
func (s *Store) unlike(now time.Time, u *pawl.Unlike) {
	if t := s.tasks[u.Forget]; t != nil {
		s.dropNear(u.Scope, t.row.Seq)
		if !t.row.State.Ended() {
			s.relink(now, t, (*pawl.TaskRow).BeAlone)
		}
	}
	if u.Apart != ([2]uint64{}) {
		s.apart(u)
	}
	s.wakeBehind(now)
}

// apart has two texts never be the same.
func (s *Store) apart(u *pawl.Unlike) {
	n := s.nearby(u.Scope)
	at, found := slices.BinarySearchFunc(n.Apart, u.Apart, func(a, b [2]uint64) int { return slices.Compare(a[:], b[:]) })
	if !found {
		n.Apart = slices.Insert(n.Apart, at, u.Apart)
	}
	for _, first := range n.UnderWay {
		if slices.Contains(u.Apart[:], first.Text) {
			s.left = append(s.left, s.tasks[first.Task])
		}
	}
}
