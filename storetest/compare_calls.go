package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

func (p *pair) add() {
	rows := p.rows(pawl.Filter{})
	var tasks []pawl.NewTask
	for range 1 + p.IntN(4) {
		n := p.task()
		if p.chance(3) {
			p.converse(&n, rows)
		}
		if len(rows) > 0 && p.chance(5) {
			n.Row.Run = oneOf(p, rows...).Run
		}
		if p.chance(4) {
			p.linked(&n)
		}
		if p.chance(8) {
			n.Budget = p.caps(pawl.Budget{})
		}
		tasks = append(tasks, n)
	}
	if len(p.added) > 0 && p.chance(6) {
		again := oneOf(p, p.added...)
		if !p.orphans || again.Row.Conversation.IsZero() || len(again.Nodes) > 0 && again.Nodes[0].Parent.IsZero() {
			tasks = append(tasks, again)
		}
	}
	if p.chance(8) {
		tasks = append(tasks, tasks[0])
	}
	if p.chance(30) {
		n := p.task()
		n.Row.Conversation = pawl.Hash{99, byte(p.IntN(9))} // which is not stored
		tasks = append(tasks, n)
	}
	p.due = true
	_, err := both(p, "Add", tasks, func(s pawl.Store) ([]pawl.Added, error) { return s.Add(p.ctx, p.now, tasks) }, as)
	if err == nil {
		p.added = append(p.added, tasks...)
	}
}

func (p *pair) claim() {
	ask := pawl.Claim{
		Worker: oneOf(p, "w1", "w2"), Operations: oneOf(p, []string{"work"}, []string{"work", "other"}, []string{"other"}),
		Queues: oneOf(p, nil, nil, []string{"default"}, []string{"x", "default"}), Max: p.IntN(7), Lease: oneOf(p, 5*time.Second, lease, time.Minute),
		Leaving: p.chance(8),
	}
	if p.chance(5) {
		ask.Known = []pawl.Lease{}
		for _, r := range p.held {
			if p.chance(2) {
				ask.Known = append(ask.Known, r.Lease())
			}
		}
	}
	claimed := p.ask("Claim", ask)
	p.held = append(p.held, claimed.Tasks...)
}

// ask makes a claim. A store may name an earlier time than the reference to look
// again at, but none that is over, and no later one.
func (p *pair) ask(what string, ask pawl.Claim) pawl.Claimed {
	var nexts []time.Time
	claim := func(s pawl.Store) (pawl.Claimed, error) {
		c, err := s.Claim(p.ctx, p.now, ask)
		nexts = append(nexts, c.Next)
		return c, err
	}
	view := func(c pawl.Claimed) claimedView { return claimedView{withoutSeq(c.Tasks), c.Now} }
	claimed, _ := both(p, what, ask, claim, view)
	want, got := nexts[0], nexts[1]
	late := !want.IsZero() && (got.IsZero() || got.After(want))
	over := !got.IsZero() && !got.After(p.now)
	if late || over {
		panic(difference{text: fmt.Sprintf("%s: Next = %v; want %v, or earlier but after now", what, got, want)})
	}
	p.next = claimed.Next
	return claimed
}

// some returns a task that was claimed, and that may have been lost since; nil if
// there is none.
func (p *pair) some() *pawl.TaskRow {
	if len(p.held) == 0 {
		return nil
	}
	if !p.chance(20) {
		return oneOf(p, p.held...)
	}
	r := *oneOf(p, p.held...)
	r.Attempt++ // a lease that may never have been
	return &r
}

// forget drops most of the leases that are no longer held.
func (p *pair) forget() {
	p.held = slices.DeleteFunc(p.held, func(r *pawl.TaskRow) bool {
		rows := p.rows(pawl.Filter{IDs: []pawl.ID{r.ID}})
		return (len(rows) == 0 || !rows[0].Holds(r.Lease())) && !p.chance(5)
	})
}

func (p *pair) finish() {
	var all []pawl.Finish
	for range 1 + p.IntN(3) {
		r := p.some()
		if r == nil {
			return
		}
		f := outcome(r, oneOf(p, pawl.Succeeded, pawl.Succeeded, pawl.Dead, pawl.Cancelled, pawl.Scheduled, pawl.Pending, pawl.Blocked, pawl.Blocked))
		f.Attempt.Calls, f.Attempt.Failed = p.IntN(3), p.IntN(2)
		f.Attempt.Saved, f.Attempt.Waited = p.IntN(2), time.Duration(p.IntN(9))*time.Second
		f.Attempt.Usage, f.Attempt.Spared = llm.Usage{Input: p.Int64N(99), Output: p.Int64N(400)}, llm.Usage{CacheRead: p.Int64N(9)}
		switch {
		case p.chance(3):
			f.Attempt.Model = oneOf(p, "m0", "m1")
		case p.chance(3):
			f.Attempt.Models = p.models()
		}
		f.NotSent = p.chance(5)
		if f.To == pawl.Scheduled {
			f.Delay = oneOf(p, 0, time.Second, 1500*time.Microsecond, time.Minute)
		}
		if f.To == pawl.Dead {
			f.Fingerprint = oneOf(p, "f1", "f2")
		}
		if p.chance(4) {
			f.Follow = []pawl.NewTask{p.follow(r)}
		}
		if p.chance(4) {
			f.Savings = p.savings(r)
		}
		switch {
		case len(p.stops) > 0 && p.chance(3):
			f = p.parkStopped()
		case f.To == pawl.Succeeded && p.chance(4):
			p.answer(&f)
		case f.To == pawl.Blocked && p.chance(4):
			p.parkBehind(r, &f)
		case f.To == pawl.Blocked:
			p.park(r, &f)
		case f.To == pawl.Pending && p.chance(3):
			f.Fallback = p.stage()
		}
		all = append(all, f)
	}
	p.due = true
	_, _ = both(p, "Finish", all, func(s pawl.Store) ([]error, error) { return s.Finish(p.ctx, p.now, all) }, kinds)
}

// follow returns the task behind r in its run.
func (p *pair) follow(r *pawl.TaskRow) pawl.NewTask {
	n := p.task()
	n.Row.Run = r.Run
	if rows := p.rows(pawl.Filter{IDs: []pawl.ID{r.ID}}); len(rows) > 0 && p.chance(2) {
		p.converse(&n, rows)
	}
	if !r.Parent().IsZero() || p.chance(3) {
		p.behind(&n, r)
	}
	return n
}

func (p *pair) save() {
	var all []pawl.Save
	for range 1 + p.IntN(2) {
		r := p.some()
		if r == nil {
			return
		}
		key := oneOf(p, "a", "b", "c")
		if n := len(p.calls); n > 0 && p.chance(2) {
			call := oneOf(p, p.calls[max(0, n-8):]...)
			r, key = call.row, call.key
		}
		v := pawl.Save{Lease: r.Lease()}
		if !p.chance(4) {
			v.Step = &pawl.StepRow{
				Key: oneOf(p, "a", "b", "c", "d", "e"), Name: "ask", Result: []byte{byte(p.IntN(256)), 0}, Call: p.chance(2),
				Usage: llm.Usage{Output: p.Int64N(500)}, Took: time.Duration(p.IntN(5000)) * time.Millisecond, Attempt: r.Attempt,
				Model: oneOf(p, "", "m"), Cost: price.Money(p.IntN(3)), Currency: oneOf(p, "", "USD"),
			}
			if now := p.rows(pawl.Filter{IDs: []pawl.ID{r.ID}}); len(now) > 0 && p.chance(2) {
				v.Nodes = p.chain(headOf(now[0]))
				v.Step.Head = v.Nodes[len(v.Nodes)-1].Hash
			}
		}
		if !p.chance(3) {
			v.Settle = p.settlement(key)
		}
		all = append(all, v)
	}
	_, _ = both(p, "Save", all, func(s pawl.Store) ([]error, error) { return s.Save(p.ctx, p.now, all) }, kinds)
}

func (p *pair) reserve() {
	var all []pawl.Reservation
	var rows []*pawl.TaskRow
	for range 1 + p.IntN(2) {
		r := p.some()
		if r == nil {
			return
		}
		key := oneOf(p, "a", "b", "c")
		p.calls = append(p.calls, call{r, key})
		rows = append(rows, r)
		all = append(all, pawl.Reservation{
			Lease: r.Lease(), Key: key, Limit: oneOf(p, r.Limit, r.Limit, r.Limit, "a", pawl.NoLimit),
			Size: limit.Size{Chars: p.IntN(400), Output: 1 + p.IntN(900), MaxTokens: oneOf(p, 0, 0, 1000, 9000)}, Patience: oneOf(p, 0, time.Second, time.Minute),
		})
		p.priced(&all[len(all)-1])
	}
	grants, _ := both(p, "Reserve", all, func(s pawl.Store) ([]pawl.Grant, error) { return s.Reserve(p.ctx, p.now, all) }, viewGrants)
	for i, g := range grants {
		if g.Stop != nil {
			p.stops = append(p.stops, stopped{rows[i], g.Stop})
		}
	}
}

func (p *pair) beat() {
	var held []pawl.Lease
	for range 1 + p.IntN(9) {
		if r := p.some(); r != nil {
			held = append(held, r.Lease())
		}
	}
	length := oneOf(p, time.Second, lease, time.Minute)
	_, _ = both(p, fmt.Sprint("Beat ", length), held, func(s pawl.Store) ([]pawl.Beat, error) { return s.Beat(p.ctx, p.now, length, held) }, as)
}

func (p *pair) change() {
	f := p.filter()
	if r := p.some(); r != nil && p.chance(3) {
		f = pawl.Filter{IDs: []pawl.ID{r.ID}}
	}
	c := pawl.Change{Do: oneOf(p, pawl.Cancel, pawl.Cancel, pawl.Retry, pawl.Retry, pawl.Delete, pawl.Delete)}
	if c.Do == pawl.Retry && p.chance(6) {
		c.Input, c.Identity = []byte(`{"n": 1234}`), pawl.Hash{byte(p.IntN(6))}
		p.orphans = true
	}
	p.due = true
	_, _ = both(p, fmt.Sprintf("Change %+v", c.Do), []any{f, c}, func(s pawl.Store) ([]pawl.ID, error) { return s.Change(p.ctx, p.now, f, c) }, as)
}

func (p *pair) list(f pawl.Filter) []*pawl.TaskRow {
	rows, _ := both(p, "List", f, func(s pawl.Store) ([]*pawl.TaskRow, error) {
		rows, err := s.List(p.ctx, p.now, f)
		return rows, err
	}, func(rows []*pawl.TaskRow) any { return []any{withoutSeq(rows), bySeq(rows)} })
	return rows
}

func (p *pair) groups(f pawl.Filter) {
	_, _ = both(p, "Groups", f, func(s pawl.Store) ([]pawl.Group, error) { return s.Groups(p.ctx, p.now, f) }, as)
}

// read reads a conversation that is stored, or that was.
func (p *pair) read() {
	if len(p.heads) == 0 || p.orphans {
		return
	}
	p.conversation(oneOf(p, p.heads...))
}

func (p *pair) conversation(head pawl.Hash) {
	_, _ = both(p, "Conversation", head, func(s pawl.Store) ([]pawl.Node, error) { return s.Conversation(p.ctx, head) }, as)
}

// all compares all that the stores hold.
func (p *pair) all() {
	seen := map[pawl.Hash]bool{{}: true}
	for _, r := range p.list(pawl.Filter{Steps: true}) {
		if !r.State.Ended() && p.chance(3) || p.chance(30) {
			p.explain(r.ID)
		}
		for _, head := range []pawl.Hash{r.Conversation, r.Head} {
			if !seen[head] {
				seen[head] = true
				p.conversation(head)
			}
		}
	}
	p.groups(pawl.Filter{})
	p.near(pawl.Look{Scope: pawl.Hash{1}}, pawl.Look{Scope: pawl.Hash{2}})
	p.ledger(pawl.LedgerFilter{}, every()...)
	_, _ = both(p, "Status", nil, func(s pawl.Store) (pawl.Status, error) { return s.Status(p.ctx, p.now) }, viewStatus(p.now))
}

// explain compares what is said of a task, but for a row that list compares.
func (p *pair) explain(id pawl.ID) {
	_, _ = both(p, "Explain", id, func(s pawl.Store) (pawl.Standing, error) { return s.Explain(p.ctx, p.now, id) }, func(s pawl.Standing) pawl.Standing {
		s.Row = nil
		return s
	})
}

// end compares all that the stores hold, and what they told.
func (p *pair) end() {
	p.all()
	fence := task()
	p.log = append(p.log, entry{p.now, "Watch.Next", nil})
	var events [2][]pawl.Event
	for i, s := range []pawl.Store{p.want, p.got} {
		_, err := s.Add(p.ctx, p.now, []pawl.NewTask{fence})
		for err == nil && (len(events[i]) == 0 || events[i][len(events[i])-1].Task != fence.Row.ID) {
			var more []pawl.Event
			more, err = nextEvents(p.ctx, p.watches[i])
			events[i] = append(events[i], more...)
		}
		if err = errors.Join(err); err != nil {
			panic(difference{text: fmt.Sprintf("events of store %d after %d: %v", i, len(events[i]), err)})
		}
		p.watches[i].Close()
	}
	p.equal("events", viewEvents(events[1]), viewEvents(events[0]))
}
