package limit

import "time"

// Answer is what a limit says to a call that asks for its turn.
type Answer struct {
	OK   bool          // whether the call is reserved
	Wait time.Duration // until its turn; if it is not OK, until it is worth to ask again, 0 if that is unknown
	Gate Gate          // what it waits for, if Wait is not 0 or it is not OK
}

// Ask is Reserve for a call that waits no longer than patience: beyond that
// nothing is charged.
func (s *State) Ask(now time.Time, c Config, cost Cost, patience time.Duration) (charged Cost, a Answer) {
	charged, at, gate := s.Reserve(now, c, cost)
	if at.IsZero() {
		return charged, Answer{Gate: gate, Wait: Until(now, gate.Until)}
	}
	a = Answer{OK: true, Wait: Until(now, at), Gate: gate}
	if a.Wait > patience {
		s.Release(now, c, charged, true)
		return Cost{}, Answer{Wait: a.Wait, Gate: gate}
	}
	return charged, a
}

// Convert is Adjust for a call that waits no longer than patience: beyond that,
// and if its turn cannot be known, it stays charged as it was.
func (s *State) Convert(now time.Time, c Config, from, to Cost, patience time.Duration) (charged Cost, a Answer) {
	stood := *s
	charged, at, gate := s.Adjust(now, c, from, to)
	if at.IsZero() {
		return s.restore(&stood, charged, from), Answer{Gate: gate, Wait: Until(now, gate.Until)}
	}
	a = Answer{OK: true, Wait: Until(now, at)}
	if a.Wait > 0 {
		a.Gate = stood.between(now, c, from, to)
		a.Gate.Until = at
	}
	if a.Wait > patience {
		a.OK = false
		charged = s.restore(&stood, charged, from)
	}
	return charged, a
}

// restore charges a call what it was charged before, and leaves the buckets as they
// stood: headers may have lowered them since, and then a refund would not be given.
func (s *State) restore(stood *State, charged, from Cost) Cost {
	if charged.Cold && !from.Cold { // it is not sent
		s.Cold.Out = max(s.Cold.Out-1, 0)
	}
	for k := range kinds {
		*s.bucket(k) = *stood.bucket(k)
	}
	from.Probe = charged.Probe
	return from
}

// between returns what keeps a call that was charged something from being charged
// what it wants.
func (s State) between(now time.Time, c Config, charged, wanted Cost) Gate {
	s.Waiting = time.Time{} // only new tasks stand back for others
	if charged.Probe {
		s.Probe = Probe{}
	}
	more := Cost{}
	for k := range kinds {
		*more.part(k) = *wanted.part(k) - *charged.part(k)
	}
	_, g := s.Next(now, c, Call{Cost: more, Rank: 1})
	return g
}

// Until returns how long it is until a time, 0 if it is over or zero.
func Until(now, at time.Time) time.Duration { return max(at.Sub(now), 0) }
