package admission

import (
	"time"

	"github.com/pawlhq/pawl/limit"
)

// Reserve charges a later call of a running task, which waits no longer than
// patience: beyond that nothing is charged.
func (t *Table) Reserve(now time.Time, a *Ask, patience time.Duration) (Charged, limit.Answer) {
	return t.reserve(now, a, patience, nil)
}

// Convert makes of what a task's claim was charged the charge of its first call. a
// is that call; task is the size that the task was claimed with. If the answer is
// not OK, it stays charged as it was.
func (t *Table) Convert(now time.Time, from Charged, a *Ask, task limit.Size, patience time.Duration) (Charged, limit.Answer) {
	charged, answer := t.reserve(now, a, patience, &from)
	if answer.OK {
		t.find(a.Limit).learn(a.Operation).First(task, a.Size)
	}
	return charged, answer
}

// reserve charges a call everywhere, or leaves all as it was but that new tasks
// stand back where it was turned away.
func (t *Table) reserve(now time.Time, a *Ask, patience time.Duration, from *Charged) (Charged, limit.Answer) {
	var room [4]scope
	var were [4]limit.State
	scopes, before := t.scopes(a, room[:]), were[:0]
	fit := t.find(a.Limit).fit(a.Operation)
	held := Charged{}
	if from != nil {
		held = *from
	}
	if answer, never := tooLarge(a, scopes, fit); never {
		return held, answer
	}
	var charged Charged
	answer := limit.Answer{OK: true}
	for i := range scopes {
		s := &scopes[i]
		before = append(before, *s.state)
		cost, got := s.reserve(now, s.config.Estimate(a.Size, fit), patience, held.of(i, s.key, from != nil))
		t.touch(s.key)
		if got.Gate = s.name(got.Gate, len(scopes) > 1); !got.OK {
			for j := range i {
				*scopes[j].state = before[j]
			}
			return held, got
		}
		charged.add(i, s.key, cost)
		if got.Wait > answer.Wait {
			answer = got
		}
	}
	t.release(now, held, scopes)
	return charged, answer
}

// reserve charges one entry a call, in place of what it had charged for it, if that
// is not nil.
func (s *scope) reserve(now time.Time, cost limit.Cost, patience time.Duration, had *limit.Cost) (limit.Cost, limit.Answer) {
	if had != nil {
		return s.state.Convert(now, *s.config, *had, cost, patience)
	}
	return s.state.Ask(now, *s.config, cost, patience)
}

// of returns what an entry charged, nil if it did not.
func (c *Charged) of(i int, k Key, any bool) *limit.Cost {
	if i == 0 && any {
		return &c.Cost
	}
	for j := range c.More {
		if m := &c.More[j]; m.Limit == k.Limit && m.User == k.User {
			return &m.Cost
		}
	}
	return nil
}

// release gives back what entries charged that a call is no longer charged to.
func (t *Table) release(now time.Time, held Charged, scopes []scope) {
	for i := range held.More {
		m := &held.More[i]
		k := Key{m.Limit, m.User}
		still := false
		for j := range scopes {
			still = still || scopes[j].key == k
		}
		if !still {
			s := t.of(k)
			s.state.Release(now, *s.config, m.Cost, true)
			t.touch(k)
		}
	}
}

// tooLarge says that the provider never lets a call in.
func tooLarge(a *Ask, scopes []scope, fit *limit.Fit) (limit.Answer, bool) {
	for i := range scopes {
		s := &scopes[i]
		if gate, never := s.state.TooLarge(*s.config, s.config.Estimate(a.Size, fit)); never {
			return limit.Answer{Gate: s.name(gate, len(scopes) > 1)}, true
		}
	}
	return limit.Answer{}, false
}
