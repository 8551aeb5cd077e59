package storetest

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// begin watches both stores and sets limits.
func (p *pair) begin() {
	for i, s := range []pawl.Store{p.want, p.got} {
		w, err := s.Watch(p.ctx, pawl.EventFilter{Types: taskEvents})
		if err != nil {
			panic(difference{text: fmt.Sprintf("Watch = %v", err)})
		}
		p.watches[i] = w
	}
	p.configure(tokensPerSecond("a"), set("b", limit.Config{InFlight: 2, Requests: 60, Within: "e"}),
		set("c", limit.Config{InputTokens: 6000, OutputTokens: 3000, Within: "e"}),
		set("e", limit.Config{Tokens: 9000, User: limit.Ceiling{Tokens: 4000}}), pawl.Setting{Budget: &pawl.Budget{Scope: pawl.OfRun, Repeats: 1}})
}

// step does one random operation, perhaps after some time.
func (p *pair) step() {
	if now := p.now; !p.pass().Equal(now) {
		p.tick()
	}
	switch n := p.IntN(100); {
	case n < 18:
		p.add()
	case n < 42:
		p.claim()
	case n < 57:
		p.finish()
	case n < 68:
		p.save()
	case n < 77:
		p.reserve()
	case n < 82:
		p.beat()
	case n < 87:
		p.change()
	case n < 89:
		p.signal()
	case n < 90:
		p.resume()
	case n < 92:
		p.look()
	case n < 95:
		p.configureOne()
	case n < 96:
		p.list(p.filter())
	case n < 97:
		p.groups(p.filter())
	case n < 98:
		p.ledger(p.ledgerFilter(), p.dimensions()...)
	case n < 99:
		p.read()
	default:
		p.all()
	}
	if p.due {
		p.tick()
	}
	p.forget()
}

// tick has both stores do what is due: some do so in Claim only.
func (p *pair) tick() {
	p.ask("Claim nothing", pawl.Claim{Worker: "clock", Operations: []string{"nothing"}, Max: p.IntN(2), Lease: lease})
	p.due = false
}

// pass lets time pass, often to a moment at which something happens, and returns
// what time it is.
func (p *pair) pass() time.Time {
	switch n := p.IntN(100); {
	case n < 50:
	case n < 88:
		p.now = p.now.Add(time.Duration(p.IntN(800_000)) * time.Microsecond)
	case n < 91:
		p.now = p.now.Add(time.Duration(p.IntN(20_000)) * time.Millisecond)
	case n < 95:
		if moments := p.moments(); len(moments) > 0 {
			p.now = oneOf(p, moments...)
		}
	case n < 99:
		if p.next.After(p.now) {
			p.now = p.next.Truncate(time.Millisecond).Add(time.Millisecond)
		}
	default:
		p.now = p.now.Add(time.Hour)
	}
	return p.now
}

// moments returns the times to come at which something falls due.
func (p *pair) moments() (all []time.Time) {
	for _, r := range p.rows(pawl.Filter{}) {
		for _, at := range []time.Time{r.LeaseUntil, r.Due, r.Deadline} {
			if at.After(p.now) {
				all = append(all, at)
			}
		}
	}
	return all
}

// rows returns tasks of the reference, when nothing is due.
func (p *pair) rows(f pawl.Filter) []*pawl.TaskRow {
	rows, err := p.want.List(p.ctx, p.now, f)
	if err != nil {
		panic(err)
	}
	return rows
}

// oneOf returns one of several values.
func oneOf[V any](p *pair, of ...V) V { return of[p.IntN(len(of))] }

// chance is true once in n times.
func (p *pair) chance(n int) bool { return p.IntN(n) == 0 }

// id returns a new id, which sorts by the millisecond and in it as chance will.
func (p *pair) id() (id pawl.ID) {
	binary.BigEndian.PutUint64(id[:], uint64(p.now.UnixMilli())<<16|0x7000|p.Uint64N(1<<12))
	binary.BigEndian.PutUint64(id[8:], 1<<63|p.Uint64N(1<<62))
	return id
}

// chain returns nodes behind a parent, of few different messages.
func (p *pair) chain(parent pawl.Hash) []pawl.Node {
	all := make([]pawl.Node, 1+p.IntN(3))
	for i := range all {
		n, err := pawl.NewNode(parent, llm.Text("user", fmt.Sprint("message ", p.IntN(6))))
		if err != nil {
			panic(err)
		}
		all[i], parent = n, n.Hash
		p.heads = append(p.heads, n.Hash)
	}
	return all
}

// task returns a new task of any kind.
func (p *pair) task() pawl.NewTask {
	n := task(user(oneOf(p, "", "ann", "bob", "cy")), operation(oneOf(p, "work", "work", "other")), queue(oneOf(p, "default", "default", "x")),
		on(oneOf(p, pawl.NoLimit, "a", "b", "c", "d")), priority(oneOf(p, pawl.Priorities()...)), tokens(p.tokens()),
		duplicates(oneOf(p, pawl.Join, pawl.Join, pawl.Reject, pawl.Replace, pawl.Keep)), reuse(oneOf(p, 0, 0, time.Minute)),
		delay(oneOf(p, 0, 0, 0, 0, 5*time.Second, time.Minute)))
	r := &n.Row
	r.ID = p.id()
	r.Run = r.ID
	r.Input = fmt.Appendf(nil, `{"n": %d}`, p.IntN(100))
	r.Size.Chars, r.Size.MaxTokens, r.MaxAttempts = p.IntN(400), oneOf(p, 0, 0, 500, 9000), 1+p.IntN(5)
	if p.chance(2) {
		r.Identity = pawl.Hash{byte(1 + p.IntN(6))}
	}
	if p.chance(6) {
		r.Deadline = p.now.Add(time.Duration(p.IntN(40)-3) * time.Second)
	}
	if p.chance(4) {
		r.Data, r.Next = pawl.Data{"k": []byte(`"v"`)}, []pawl.Stage{{Operation: "other", Queue: "x", Limit: "a", MaxAttempts: 2}}
	}
	return n
}

// tokens returns the output of a call: most are small, some need more than half of a
// bucket, or more than all of it.
func (p *pair) tokens() int {
	if p.chance(8) {
		return 500 + p.IntN(2000)
	}
	return 1 + p.IntN(300)
}

// converse has a task start from a conversation: a new one, one that another task
// has reached, or a new one behind that.
func (p *pair) converse(n *pawl.NewTask, rows []*pawl.TaskRow) {
	var parent pawl.Hash
	if len(rows) > 0 {
		parent = headOf(oneOf(p, rows...))
	}
	if !parent.IsZero() && p.chance(3) {
		n.Row.Conversation = parent
		return
	}
	talk(p.chain(parent))(n)
}

// headOf returns where a task's conversation stands.
func headOf(r *pawl.TaskRow) pawl.Hash {
	if r.Head.IsZero() {
		return r.Conversation
	}
	return r.Head
}

// filter selects some tasks.
func (p *pair) filter() (f pawl.Filter) {
	rows := p.rows(pawl.Filter{})
	if len(rows) > 0 && p.chance(3) {
		for range 1 + p.IntN(4) {
			f.IDs = append(f.IDs, oneOf(p, rows...).ID)
		}
	}
	if len(rows) > 0 && p.chance(6) {
		f.Run = oneOf(p, rows...).Run
	}
	if len(rows) > 0 && p.chance(6) {
		f.After = oneOf(p, rows...).ID
	}
	if p.chance(3) {
		f.States = []pawl.State{oneOf(p, pawl.States()...), oneOf(p, pawl.States()...)}
	}
	f.Queue = oneOf(p, "", "", "", "x")
	f.Operation = oneOf(p, "", "", "", "work")
	f.User = oneOf(p, "", "", "", "ann")
	f.Limit = oneOf(p, "", "", "", "a", pawl.NoLimit)
	f.Class = oneOf(p, "", "", "", "", "", "permanent", pawl.Expired, pawl.Lost)
	f.Fingerprint = oneOf(p, "", "", "", "", "f1")
	f.EndedFor = oneOf(p, 0, 0, 0, time.Microsecond, 5*time.Second, time.Minute)
	f.Max = oneOf(p, 0, 1, 3)
	f.Steps = p.chance(2)
	f.Bare = p.chance(4)
	return f
}
