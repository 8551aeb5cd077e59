package admission

import (
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// Explanation finds out what a task waits for. A store makes one with
// [Table.Explain], tells it of the lines of waiting tasks, and reads the Standing.
// It changes nothing.
type Explanation struct {
	pawl.Standing

	table   *Table
	workers []pawl.WorkerStatus
	handled map[handling]bool
	own     int     // tasks of its user that come first
	turn    int     // tasks of its line that come first, its user's among them
	rivals  []Rival // other lines
}

type handling struct{ operation, queue string }

// Rival is another line of waiting tasks, of the same priority or a higher one.
type Rival struct {
	Queue, Limit string
	Priority     pawl.Priority
	Tasks        int // that may go
}

// Explain begins to explain a task, which waits or not. s says what the store knows
// of it by now: all but Workers, Ahead, Gates and Next.
func (t *Table) Explain(s pawl.Standing, alive []pawl.WorkerStatus) *Explanation {
	e := &Explanation{Standing: s, table: t, workers: alive, handled: map[handling]bool{}}
	for i := range alive {
		if alive[i].Handles(s.Row.Operation, s.Row.Queue) {
			e.Workers++
		}
	}
	return e
}

// Handled reports whether a live worker has a handler for an operation of a queue.
// If none has one for the task itself, all others count as handled like it: so it
// has a place in the order all the same.
func (e *Explanation) Handled(operation, queue string) bool {
	if e.Workers == 0 {
		return true
	}
	k := handling{operation, queue}
	is, known := e.handled[k]
	if !known {
		is = slices.ContainsFunc(e.workers, func(w pawl.WorkerStatus) bool { return w.Handles(operation, queue) })
		e.handled[k] = is
	}
	return is
}

// Competes reports whether tasks of a line are charged where the task is.
func (e *Explanation) Competes(name string) bool {
	if e.Row.Limit == pawl.NoLimit || name == pawl.NoLimit {
		return name == e.Row.Limit
	}
	own := e.table.look(e.ask())
	for _, s := range e.table.look(&Ask{Limit: name}) {
		if slices.ContainsFunc(own, func(o scope) bool { return o.key == s.key }) {
			return true
		}
	}
	return false
}

// Passed reports whether a user of a limit is at a ceiling: then others go first.
func (e *Explanation) Passed(name, user string) bool {
	l := e.table.limits[name]
	if user == "" || l == nil {
		return false
	}
	for _, s := range e.table.look(&Ask{Limit: name, User: user}) {
		if s.key.User == "" {
			continue
		}
		mean, _ := s.state.Mean()
		if len(s.state.Closed(e.Now, *s.config, limit.Call{Cost: mean})) > 0 {
			return true
		}
	}
	return false
}

// Tokens returns what a task that waits on the same limit likely uses, as turns
// count it.
func (e *Explanation) Tokens() float64 {
	if l := e.table.limits[e.Row.Limit]; l != nil {
		if mean, known := l.State.Mean(); known && mean.Tokens >= 1 {
			return mean.Tokens
		}
	}
	return float64(max(e.Row.Size.Chars/4+e.Row.Size.Output, 1))
}

// Turn says how many tasks of the task's own line come first: its user's own, and
// those of others.
func (e *Explanation) Turn(own, others int) { e.own, e.turn = own, own+others }

// Beside says that tasks wait in another line.
func (e *Explanation) Beside(r Rival) {
	if r.Tasks > 0 {
		e.rivals = append(e.rivals, r)
	}
}

// Result returns what was found.
func (e *Explanation) Result() pawl.Standing {
	switch e.Row.State {
	case pawl.Pending:
		e.wait(e.Now)
		e.Ahead = e.ahead(e.Row.Limit)
	case pawl.Scheduled:
		at := e.Row.Due
		if at.Before(e.Now) {
			at = e.Now
		}
		e.wait(at)
	case pawl.Blocked:
		e.wait(e.Now)
		e.Next = time.Time{}
	}
	if e.Paused || e.Workers == 0 {
		e.Next = time.Time{}
	}
	return e.Standing
}

// ahead returns how many tasks that are charged to a limit come first. Lines of one
// priority take turns.
func (e *Explanation) ahead(name string) int {
	n := e.turn
	for _, r := range e.rivals {
		switch {
		case !e.table.within(r.Limit, name):
		case r.Priority > e.Row.Priority:
			n += r.Tasks
		case !e.table.stopped(e.Now, r.Limit):
			n += min(r.Tasks, e.turn)
		}
	}
	return n
}

// wait finds the gates, and when the task likely starts, which is not before at.
func (e *Explanation) wait(at time.Time) {
	e.Next = at
	if e.Row.Limit == pawl.NoLimit {
		if e.ahead(pawl.NoLimit) > 0 {
			e.Next = time.Time{} // nothing tells how long the workers are busy
		}
		return
	}
	scopes, known := e.table.estimated(e.ask()), true
	for i := range scopes {
		s := &scopes[i]
		ahead := e.own
		if s.key.User == "" {
			ahead = e.ahead(s.key.Limit)
		}
		for _, g := range s.state.Closed(e.Now, *s.config, s.named(e.Row)) {
			e.Gates = append(e.Gates, s.name(g, len(scopes) > 1))
		}
		opens := s.state.Expect(at, *s.config, s.named(e.Row), ahead)
		known = known && !opens.IsZero()
		if opens.After(e.Next) {
			e.Next = opens
		}
	}
	if !known {
		e.Next = time.Time{}
	}
}

func (e *Explanation) ask() *Ask {
	r := e.Row
	return &Ask{Limit: r.Limit, User: r.User, Operation: r.Operation, Size: r.Size, Rank: r.Priority, ID: r.ID}
}

// named is the call of a task, as the scope sees it.
func (s *scope) named(r *pawl.TaskRow) limit.Call {
	return limit.Call{Cost: s.cost, Rank: int8(r.Priority), ID: r.ID.String()}
}

// estimated returns the scopes of a new task's call with what it is expected to
// cost, but for those that never let it in: it is told so when it is sent.
func (t *Table) estimated(a *Ask) []scope {
	var fit *limit.Fit
	if l := t.limits[a.Limit]; l != nil {
		fit = l.fit(a.Operation)
	}
	size := fit.Claim(a.Size)
	scopes := t.look(a)
	for i := range scopes {
		scopes[i].cost = scopes[i].config.Estimate(size, fit)
	}
	return slices.DeleteFunc(scopes, func(s scope) bool {
		_, never := s.state.TooLarge(*s.config, s.cost)
		return never
	})
}

// look returns what scopes does, and leaves the table as it is: what is not there
// is as if it were new.
func (t *Table) look(a *Ask) []scope {
	var found []scope
	name := a.Limit
	for depth := 0; name != "" && depth < deepest; depth++ {
		l := t.limits[name]
		if l == nil {
			l = &Limit{name: name}
		}
		found = append(found, scope{key: Key{Limit: name}, config: &l.Config, state: &l.State})
		if l.capped && a.User != "" {
			k := Key{name, a.User}
			c := t.ceilings[k]
			if c == nil {
				c = &Ceiling{}
			}
			found = append(found, scope{key: k, config: &l.ceiling, state: &c.State})
		}
		name = l.Config.Within
	}
	return found
}

// within reports whether calls of a limit are charged to another one, or the same.
func (t *Table) within(name, outer string) bool {
	return name == outer || slices.ContainsFunc(t.look(&Ask{Limit: name}), func(s scope) bool { return s.key.Limit == outer })
}

// stopped reports whether a limit, or one that it is within, is held or paused.
func (t *Table) stopped(now time.Time, name string) bool {
	return slices.ContainsFunc(t.look(&Ask{Limit: name}), func(s scope) bool { return s.state.Stopped(now) })
}
