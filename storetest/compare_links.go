package storetest

import (
	"fmt"
	"strconv"
	"time"

	"github.com/pawlhq/pawl"
)

// linked makes of a new task one that has to do with others: one that a handler adds,
// a branch, a copy, or one that begins with steps.
func (p *pair) linked(n *pawl.NewTask) {
	r := p.some()
	switch {
	case p.chance(3) && r != nil:
		n.By = r.Lease()
		if !p.chance(4) {
			n.Step = &pawl.StepRow{Key: oneOf(p, "add/1", "add/2", "add/3"), Name: "add", Attempt: r.Attempt}
		}
		if p.chance(3) {
			p.branch(n, r, p.IntN(5))
		}
	case p.chance(3) && r != nil:
		p.branch(n, r, p.IntN(5))
		n.InLine = p.chance(3)
	case p.chance(2):
		n.Kept = true
		n.Row.State, n.Row.Output = pawl.Succeeded, []byte(`"copied"`)
		if p.chance(2) {
			n.Duplicates = pawl.Keep
		}
	}
	if p.chance(2) {
		p.begun(n)
	}
	if p.chance(3) {
		links := pawl.Links{}
		if n.Row.Links != nil {
			links = *n.Row.Links
		}
		links.Origin = &pawl.Origin{Task: p.id(), Step: "k", Kept: n.Kept}
		n.Row.Links = &links
	}
}

// begun has a new task begin with steps.
func (p *pair) begun(n *pawl.NewTask) {
	for _, key := range []string{"a", "b", "signal:go/1"}[:1+p.IntN(3)] {
		s := pawl.StepRow{Key: key, Name: "ask", Result: []byte(`"begun"`), At: p.now.Add(-time.Minute), Call: p.chance(2), Attempt: p.IntN(2)}
		if p.chance(2) {
			chain := p.chain(pawl.Hash{})
			n.Nodes = append(n.Nodes[:len(n.Nodes):len(n.Nodes)], chain...)
			s.Head = chain[len(chain)-1].Hash
			n.Row.Head = s.Head
		}
		n.Row.Steps = append(n.Row.Steps, s)
	}
}

// branch makes a new task the first of a branch of r.
func (p *pair) branch(n *pawl.NewTask, r *pawl.TaskRow, number int) {
	key := "b" + strconv.Itoa(number)
	n.Row.ID, n.Row.Run = pawl.ChildID(r.ID, key), r.Run
	n.Row.Links = &pawl.Links{Parent: r.ID, Key: key, Caught: r.Caught() || p.chance(4)}
	if !p.chance(4) {
		n.Duplicates = pawl.Keep
	}
}

// park has a task wait for some of its branches, or for a signal.
func (p *pair) park(r *pawl.TaskRow, f *pawl.Finish) {
	f.Attempt.Class, f.Attempt.Used = pawl.Parked, false
	f.Delay = oneOf(p, 0, 0, 0, 5*time.Second, 1500*time.Microsecond)
	f.Park = &pawl.Park{}
	if p.chance(4) {
		f.Park.Signal, f.Park.After = oneOf(p, "go", "stop"), p.IntN(3)
		if !p.chance(4) {
			return
		}
	}
	n := p.IntN(6)
	f.Park.All = p.chance(2)
	if p.chance(2) {
		f.Park.AtOnce, f.Park.Prefix = 1+p.IntN(2), "b"
	}
	for i := range n {
		f.Park.Branches = append(f.Park.Branches, pawl.ChildID(r.ID, "b"+strconv.Itoa(i)))
		if p.chance(6) {
			continue // it is there, or it is not
		}
		b := p.task()
		p.branch(&b, r, i)
		if !p.chance(3) { // it is soon claimed
			b.Row.Limit, b.Row.Priority, b.Delay = pawl.NoLimit, pawl.High, 0
		}
		b.InLine = f.Park.AtOnce > 0 && (i >= f.Park.AtOnce || p.chance(2))
		f.Follow = append(f.Follow, b)
	}
}

// behind has a new task be the one that follows r in its line.
func (p *pair) behind(n *pawl.NewTask, r *pawl.TaskRow) {
	n.Row.ID, n.Duplicates = pawl.FollowID(r.ID), pawl.Keep
	if !r.Parent().IsZero() {
		n.Row.Links = &pawl.Links{Parent: r.Parent(), Key: r.Links.Key, Caught: r.Caught()}
	}
}

// stage returns an operation that goes on with a task.
func (p *pair) stage() *pawl.Stage {
	return &pawl.Stage{
		Operation: oneOf(p, "work", "other"), Queue: oneOf(p, "default", "x"), Limit: oneOf(p, pawl.NoLimit, "a", "b"),
		MaxAttempts: 1 + p.IntN(3), Tokens: p.tokens(),
	}
}

// signal sends some tasks a signal.
func (p *pair) signal() {
	f := p.filter()
	f.States = nil
	if waiting := p.rows(pawl.Filter{States: []pawl.State{pawl.Blocked}}); len(waiting) > 0 && !p.chance(4) {
		f = pawl.Filter{IDs: []pawl.ID{oneOf(p, waiting...).ID}}
	}
	c := pawl.Change{Do: pawl.Signalled, Signal: pawl.Signal{
		Name: oneOf(p, "go", "go", "stop"), ID: oneOf(p, "1", "2", "3", "4"), Payload: fmt.Appendf(nil, "%d", p.IntN(9)),
	}}
	_, _ = both(p, "Change "+string(c.Do), []any{f, c}, func(s pawl.Store) ([]pawl.ID, error) { return s.Change(p.ctx, p.now, f, c) }, as)
}
