package admission

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// Ask is a call that wants to go.
type Ask struct {
	Limit     string
	User      string // "" has no ceiling
	Operation string
	Size      limit.Size
	Rank      pawl.Priority // of a new task
	ID        pawl.ID       // of a new task
}

// Charged is what a call was charged, to be handed back exactly once.
type Charged struct {
	Cost limit.Cost `json:"cost"`           // by its limit
	More []Charge   `json:"more,omitempty"` // by the limits that this is within, and by ceilings
}

// Charge is what one entry charged.
type Charge struct {
	Limit string     `json:"limit"`
	User  string     `json:"user,omitempty"` // whose ceiling it is; "" for the limit itself
	Cost  limit.Cost `json:"cost"`
}

// scope is one entry that a call is charged to.
type scope struct {
	key    Key
	config *limit.Config
	state  *limit.State
	cost   limit.Cost // what the call is expected to cost there
}

// scopes returns all that a call is charged to, its own limit first.
func (t *Table) scopes(a *Ask, into []scope) []scope {
	into = into[:0]
	name := a.Limit
	for depth := 0; name != "" && depth < deepest; depth++ {
		l := t.Limit(name)
		into = append(into, scope{key: Key{Limit: name}, config: &l.Config, state: &l.State})
		if l.capped && a.User != "" {
			into = append(into, t.ceiling(l, a.User))
		}
		name = l.Config.Within
	}
	return into
}

func (t *Table) ceiling(l *Limit, user string) scope {
	k := Key{l.name, user}
	c := t.ceilings[k]
	if c == nil {
		c = &Ceiling{}
		t.SetCeiling(k, c)
	}
	return scope{key: k, config: &l.ceiling, state: &c.State}
}

// of returns the scope of a charge that was made, whatever is configured now.
func (t *Table) of(k Key) scope {
	l := t.Limit(k.Limit)
	if k.User != "" {
		return t.ceiling(l, k.User)
	}
	return scope{key: k, config: &l.Config, state: &l.State}
}

// name says of a gate which entry's it is, where a call has several.
func (s *scope) name(g limit.Gate, several bool) limit.Gate {
	if several && g != (limit.Gate{}) {
		g.Limit, g.User = s.key.Limit, s.key.User
	}
	return g
}

// Verdict is what becomes of a new task's call.
type Verdict int8

// The verdicts.
const (
	Open   Verdict = iota // it is charged, and may go
	Closed                // it waits, and so does all behind it on its limit
	Large                 // it waits until enough is saved for it; smaller ones may go
	Capped                // its user is at a ceiling; others may go
)

// Admit charges a new task's call, or says why it waits.
func (t *Table) Admit(now time.Time, a *Ask) (Charged, limit.Gate, Verdict) {
	var room [4]scope
	scopes := t.scopes(a, room[:])
	fit := t.find(a.Limit).fit(a.Operation)
	size := fit.Claim(a.Size)
	for i := range scopes {
		scopes[i].cost = scopes[i].config.Estimate(size, fit)
	}
	if gate, verdict := ask(now, a, scopes); verdict != Open {
		if verdict != Capped {
			t.turnAway(now, a, scopes)
		}
		return Charged{}, gate, verdict
	}
	var charged Charged
	for i := range scopes {
		s := &scopes[i]
		cost := s.state.Take(now, *s.config, s.call(a))
		t.touch(s.key)
		charged.add(i, s.key, cost)
	}
	return charged, limit.Gate{}, Open
}

// call returns the call as the scope sees it. Its ID matters only where something
// is saved for one.
func (s *scope) call(a *Ask) limit.Call {
	c := limit.Call{Cost: s.cost, Rank: int8(a.Rank)}
	if s.state.Earmark.For != "" {
		c.ID = a.ID.String()
	}
	return c
}

func (c *Charged) add(i int, k Key, cost limit.Cost) {
	if i == 0 {
		c.Cost = cost
		return
	}
	c.More = append(c.More, Charge{k.Limit, k.User, cost})
}

// ask returns the verdict of all scopes, and the gate that closes longest of those
// that make it. Where they differ, a closed limit comes first, then a ceiling.
func ask(now time.Time, a *Ask, scopes []scope) (limit.Gate, Verdict) {
	gate, worst := limit.Gate{}, Open
	for i := range scopes {
		s := &scopes[i]
		if _, never := s.state.TooLarge(*s.config, s.cost); never {
			continue // it is told so when it is about to be sent
		}
		g, v := s.state.Gate(now, *s.config, s.call(a))
		if v == limit.Open {
			continue
		}
		verdict := s.verdict(v)
		g = s.name(g, len(scopes) > 1)
		switch {
		case verdict == worst:
			gate = limit.Longer(gate, g)
		case worst == Open || verdict == Closed || worst == Large:
			gate, worst = g, verdict
		}
	}
	return gate, worst
}

func (s *scope) verdict(v limit.Verdict) Verdict {
	switch {
	case s.key.User != "":
		return Capped
	case v == limit.Large:
		return Large
	}
	return Closed
}

// turnAway notes at the limits that a call waits. Where something is saved for
// another large call, the limits that this one is within save for none behind it:
// from the inside out, so that two calls never wait for what is saved for each other.
func (t *Table) turnAway(now time.Time, a *Ask, scopes []scope) {
	id := a.ID.String()
	for i := range scopes {
		s := &scopes[i]
		if s.key.User != "" {
			continue
		}
		c := limit.Call{Cost: s.cost, Rank: int8(a.Rank), ID: id}
		if s.state.SavesForAnother(now, *s.config, c) {
			id = ""
		}
		if s.state.TurnAway(now, *s.config, c) {
			t.touch(s.key)
		}
	}
}
