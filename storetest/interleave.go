package storetest

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

const (
	modelWorkers = 4
	modelTasks   = 120
	modelTime    = 3 * time.Minute
	modelLate    = 1500 * time.Millisecond // the longest between a store's answer and what a worker does by it
)

// Interleave has several workers, each late in its own way, take tasks of a store to
// a provider, in a random order of claims, reservations, calls, settlements, crashes
// and ends of leases. The provider counts what is sent when it is sent, by buckets of
// its own, and must never have to refuse. It does so with a number of seeds; PAWL_SEED
// in the environment sets one.
func Interleave(t *testing.T, open func(t *testing.T) pawl.Store, seeds int) {
	first, n := uint64(0), uint64(seeds)
	if seed, ok := fromEnv(t, "PAWL_SEED"); ok {
		first, n = seed, 1
	}
	sent := 0
	for seed := first; seed < first+n; seed++ {
		m := &model{Rand: rand.New(rand.NewPCG(seed, 0)), T: t, ctx: t.Context(), store: open(t), now: start}
		m.run()
		if err := m.store.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if t.Failed() {
			t.Fatalf("with PAWL_SEED=%d", seed)
		}
		sent += m.sent
	}
	if least := modelTasks / 2 * int(n); sent < least {
		t.Errorf("%d calls were sent; want at least %d", sent, least)
	}
}

// model is one run of it.
type model struct {
	*rand.Rand
	*testing.T
	ctx   context.Context
	store pawl.Store
	now   time.Time
	todo  agenda
	sent  int

	requests, tokens, account bucket
}

// bucket is a provider's bucket: it holds a minute's limit.
type bucket struct {
	limit, used float64
	at          time.Time
}

// count takes what a call costs, and reports whether that was there.
func (m *bucket) count(now time.Time, cost float64) bool {
	if m.limit == 0 {
		return true
	}
	m.used = max(m.used-now.Sub(m.at).Minutes()*m.limit, 0)
	m.at = now
	m.used += cost
	return m.used <= m.limit+1e-3
}

// agenda is what is to happen, the earliest first.
type agenda []happening

type happening struct {
	at time.Time
	do func()
}

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(h any)        { *a = append(*a, h.(happening)) }
func (a *agenda) Pop() any {
	last := len(*a) - 1
	h := (*a)[last]
	*a = (*a)[:last]
	return h
}

func (m *model) after(d time.Duration, do func()) {
	heap.Push(&m.todo, happening{m.now.Add(d), do})
}

// late is how long a worker takes to act on an answer.
func (m *model) late() time.Duration { return time.Duration(m.Int64N(int64(modelLate))) }

func (m *model) must(err error) {
	if err != nil {
		m.Fatal(err)
	}
}

func (m *model) run() {
	m.requests, m.tokens, m.account = bucket{limit: 120}, bucket{limit: 6000}, bucket{limit: 9000}
	m.must(m.store.Configure(m.ctx, m.now, []pawl.Setting{
		set("lim", limit.Config{Tokens: 6000, Requests: 120, InFlight: 3 + m.IntN(20), Within: "account"}),
		set("account", limit.Config{Tokens: 9000}),
	}))
	tasks := make([]pawl.NewTask, modelTasks)
	for i := range tasks {
		tasks[i] = task(on("lim"), tokens(m.size()), user(fmt.Sprint(m.IntN(3))), priority(pawl.Priorities()[m.IntN(3)]))
		tasks[i].Row.MaxAttempts = 100
	}
	_, err := m.store.Add(m.ctx, m.now, tasks)
	m.must(err)
	for w := range modelWorkers {
		m.after(m.late(), func() { m.work(fmt.Sprint("w", w)) })
	}
	for len(m.todo) > 0 && !m.Failed() {
		next := heap.Pop(&m.todo).(happening)
		m.now = next.at
		next.do()
	}
	m.end()
}

// size is what a call is expected to use: now and then nearly half of a minute's limit.
func (m *model) size() int {
	if m.IntN(12) == 0 {
		return 500 + m.IntN(2000)
	}
	return 1 + m.IntN(200)
}

// work claims tasks, again and again.
func (m *model) work(name string) {
	if m.now.Sub(start) > modelTime {
		return
	}
	claimed, err := m.store.Claim(m.ctx, m.now, pawl.Claim{Worker: name, Operations: []string{"work"}, Max: 1 + m.IntN(4), Lease: lease})
	m.must(err)
	for _, r := range claimed.Tasks {
		m.after(m.late(), func() { m.call(r, 0) })
	}
	m.after(m.late(), func() { m.work(name) })
}

// crashes is true now and then: then nothing follows, and the lease ends.
func (m *model) crashes() bool { return m.IntN(25) == 0 }

// call makes the n-th call of a task.
func (m *model) call(r *pawl.TaskRow, n int) {
	if m.crashes() {
		return
	}
	size := r.Size
	if n > 0 || m.IntN(3) == 0 {
		size = limit.Size{Output: m.size()}
	}
	key := fmt.Sprint("call ", n)
	grants, err := m.store.Reserve(m.ctx, m.now, []pawl.Reservation{{Lease: r.Lease(), Key: key, Limit: "lim", Size: size, Patience: 5 * time.Second}})
	m.must(err)
	switch g := grants[0]; {
	case g.Err != nil: // the lease has ended
	case !g.OK:
		m.finish(r, pawl.Pending)
	default:
		m.after(g.Wait+m.late(), func() { m.send(r, n, key, float64(size.Output)) })
	}
}

// send sends a reserved call, which uses what was estimated, or less.
func (m *model) send(r *pawl.TaskRow, n int, key string, cost float64) {
	if m.crashes() {
		return
	}
	s := pawl.Settlement{Key: key, Outcome: pawl.CallAnswered}
	switch m.IntN(20) {
	case 0:
		s.Outcome = pawl.CallNotSent
	case 1:
		s.Outcome, s.Busy, s.After = pawl.CallThrottled, true, time.Duration(m.IntN(3))*time.Second
	default:
		if m.IntN(2) == 0 {
			cost *= m.Float64()
		}
		s.Usage = llm.Usage{Output: max(int64(cost), 1)}
		cost = float64(s.Usage.Output)
		m.sent++
		for name, of := range map[string]struct {
			bucket *bucket
			cost   float64
		}{"requests": {&m.requests, 1}, "tokens": {&m.tokens, cost}, "the account's tokens": {&m.account, cost}} {
			if !of.bucket.count(m.now, of.cost) {
				m.Errorf("at %v call %d of %s is refused: %v of %v %s were used", m.now.Sub(start), n, r.ID, of.bucket.used, of.bucket.limit, name)
			}
		}
	}
	m.after(m.late()*3, func() { m.settle(r, n, s) })
}

func (m *model) settle(r *pawl.TaskRow, n int, s pawl.Settlement) {
	if m.crashes() {
		return
	}
	_, err := m.store.Save(m.ctx, m.now, []pawl.Save{{Lease: r.Lease(), Settle: &s}})
	m.must(err)
	switch {
	case s.Outcome != pawl.CallAnswered:
		m.finish(r, pawl.Pending)
	case m.IntN(3) == 0:
		m.after(m.late(), func() { m.call(r, n+1) })
	default:
		m.finish(r, pawl.Succeeded)
	}
}

func (m *model) finish(r *pawl.TaskRow, to pawl.State) {
	_, err := m.store.Finish(m.ctx, m.now, []pawl.Finish{outcome(r, to)}) // whose lease may have ended
	m.must(err)
}

// end lets all leases end: then no call is in flight.
func (m *model) end() {
	m.now = m.now.Add(time.Hour)
	_, err := m.store.Claim(m.ctx, m.now, pawl.Claim{Worker: "clock", Operations: []string{"nothing"}, Lease: lease})
	m.must(err)
	status, err := m.store.Status(m.ctx, m.now)
	m.must(err)
	for _, l := range status.Limits {
		if l.State.InFlight != 0 {
			m.Errorf("in the end %d calls of %s are in flight; want none", l.State.InFlight, l.Name)
		}
	}
}
