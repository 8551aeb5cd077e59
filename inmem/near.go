package inmem

import (
	"context"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// Near implements [pawl.Contexts].
func (s *Store) Near(ctx context.Context, scope pawl.Hash) (pawl.Nearby, error) {
	if _, err := s.enter(ctx, time.Time{}); err != nil {
		return pawl.Nearby{}, err
	}
	defer s.mu.Unlock()
	n := s.near[scope]
	if n == nil {
		return pawl.Nearby{}, nil
	}
	return pawl.Nearby{Near: slices.Clone(n.Near), Apart: slices.Clone(n.Apart)}, nil
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

// dropNear has a task answer near-duplicates no longer.
func (s *Store) dropNear(scope pawl.Hash, seq int64) {
	n := s.near[scope]
	if n == nil {
		return
	}
	n.Near = slices.DeleteFunc(n.Near, func(o pawl.Near) bool { return o.Seq == seq })
	if len(n.Near)+len(n.Apart) == 0 {
		delete(s.near, scope)
	}
}

// unlike makes a setting of what may be near-duplicates.
func (s *Store) unlike(u *pawl.Unlike) {
	if u.Forget != 0 {
		s.dropNear(u.Scope, u.Forget)
	}
	if u.Apart == ([2]uint64{}) {
		return
	}
	n := s.nearby(u.Scope)
	at, found := slices.BinarySearchFunc(n.Apart, u.Apart, func(a, b [2]uint64) int { return slices.Compare(a[:], b[:]) })
	if !found {
		n.Apart = slices.Insert(n.Apart, at, u.Apart)
	}
}
