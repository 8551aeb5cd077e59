package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

const (
	raceWorkers = 64
	raceTokens  = 1000 // of the budget; it is raised by half of that, or by enough for all
	raceWrong   = 5    // the most by which a call uses more than was expected
	raceLeast   = 10   // the least that is expected of a call
	raceAfter   = 5    // calls that are stopped before it is raised
	raceEnough  = 1_000_000
)

// RunRace has 64 workers at once spend the last 1,000 tokens of a budget, in a number of
// rounds. Their calls use a little more or less than was expected, fail, are not sent, or
// are left open; when it has stopped some of them the budget is raised, and what it had
// stopped is resumed. Never may more be spent than there is, but for what calls under way used
// above what was expected; nobody may wait for what does not come, and in the end
// the budget, the ledger and the workers must have counted the same. PAWL_RUNS in the
// environment sets another number of rounds, PAWL_SEED what is random.
func RunRace(t *testing.T, open func(t *testing.T) pawl.Store, rounds int) {
	if n, ok := fromEnv(t, "PAWL_RUNS"); ok {
		rounds = int(n)
	}
	seed, ok := fromEnv(t, "PAWL_SEED")
	if !ok {
		seed = rand.Uint64()
	}
	t.Logf("PAWL_SEED=%d", seed)
	trial := newTrial(t, open(t))
	for i := 0; i < rounds && !t.Failed(); i++ {
		newRace(trial, seed, i).run()
	}
}

// race is one round.
type race struct {
	*trial
	seed, round uint64
	budget      pawl.Budget
	account     string
	operation   string
	wrong       int   // the most by which calls are wrong in this round; 0 for not at all
	more        int64 // by how much it is raised in the midst

	mu      sync.Mutex
	changed *sync.Cond
	moves   int // counts what may let others go on
	waiting int // workers that wait for a move
	holding int // and those of them that have a task
	over    bool
	settled int
	used    map[pawl.EntryKind]pawl.Sum
	stops   int // calls that were stopped
}

func newRace(t *trial, seed uint64, round int) *race {
	r := &race{trial: t, seed: seed, round: uint64(round), operation: fmt.Sprint("race ", round), used: map[pawl.EntryKind]pawl.Sum{}}
	r.changed = sync.NewCond(&r.mu)
	r.wrong = raceWrong * (round / 3 % 2)
	r.account = fmt.Sprint("ann ", round)
	if r.more = raceTokens / 2; round%2 == 1 {
		r.more = raceEnough
	}
	switch round % 3 {
	case 0:
		r.budget = pawl.Budget{Scope: pawl.OfUser, Name: r.account}
	case 1:
		r.budget = pawl.Budget{Scope: pawl.OfUser} // for each, whose rounds before this one are over
	case 2:
		r.budget, r.account = pawl.Budget{Scope: pawl.OfOperation, Name: r.operation}, r.operation
	}
	return r
}

func (r *race) run() {
	r.Helper()
	b := r.budget
	b.Tokens = raceTokens
	r.trial.budget(b)
	tasks := make([]pawl.NewTask, raceWorkers)
	for i := range tasks {
		tasks[i] = task(operation(r.operation), user(fmt.Sprint("ann ", r.round)))
	}
	r.add(tasks...)
	r.work()
	r.check()
	if r.Failed() {
		return
	}
	r.raise(raceEnough)
	r.over, r.moves, r.waiting, r.holding = false, 0, 0, 0
	r.work()
	r.agree(len(tasks) + 1)
	b.Tokens = 0
	r.configure(pawl.Setting{Budget: &b, Remove: true})
}

// work has the workers go on until none has anything to do.
func (r *race) work() {
	var all sync.WaitGroup
	for i := range raceWorkers {
		all.Go(func() {
			w := racer{r, rand.New(rand.NewPCG(r.seed, r.round<<32|uint64(i))), fmt.Sprint("w", i), 0}
			for w.one() {
			}
		})
	}
	all.Wait()
}

// seen returns how often something moved.
func (r *race) seen() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.moves
}

// moved says that others may go on.
func (r *race) moved() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moves++
	r.waiting, r.holding = 0, 0
	r.changed.Broadcast()
}

// wait waits until something has moved since it was looked at. It returns false if
// nothing will any more, for all workers wait: none of them may have a task then.
func (r *race) wait(since int, holds bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.moves != since || r.over {
		return !r.over
	}
	r.waiting++
	if holds {
		r.holding++
	}
	if r.waiting == raceWorkers {
		if r.over = true; r.holding > 0 {
			r.Errorf("%d workers wait for the budget though no call is under way, with PAWL_SEED=%d in round %d", r.holding, r.seed, r.round)
		}
		r.changed.Broadcast()
	}
	for r.moves == since && !r.over {
		r.changed.Wait()
	}
	return !r.over
}

// fail ends the round.
func (r *race) fail(what string, err any) {
	r.Errorf("%s: %v, with PAWL_SEED=%d in round %d", what, err, r.seed, r.round)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	r.changed.Broadcast()
}

// count counts a call that has ended.
func (r *race) count(kind pawl.EntryKind, tokens int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settled++
	if kind != "" {
		r.used[kind] = r.used[kind].Plus(pawl.Sum{Calls: 1, Usage: llm.Usage{Output: tokens}})
	}
}

// stop counts a call that was stopped, and reports, once, whether it is time to raise the
// budget: before the tasks are parked whose calls were stopped last.
func (r *race) stop() (raise bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stops++
	return r.stops == raceAfter
}

// raise adds to the budget and resumes what it has stopped.
func (r *race) raise(by int64) {
	b := r.budget
	b.Tokens = by
	if err := r.store.Configure(r.ctx, r.now, []pawl.Setting{{Budget: &b, Raise: true}}); err != nil {
		r.fail("Configure", err)
	}
	if _, err := r.store.Change(r.ctx, r.now, pawl.Filter{Operation: r.operation}, pawl.Change{Do: pawl.Resume, Budget: b.String()}); err != nil {
		r.fail("Change", err)
	}
}

// spent is what the budget must have spent, by what the workers have counted.
func (r *race) spent() (s pawl.Spent) {
	for kind, sum := range r.used {
		if kind != pawl.EntryRefused {
			s.Tokens += sum.Usage.Output
			s.Calls += sum.Calls
		}
	}
	return s
}

// check checks what is spent when nobody can spend more.
func (r *race) check() {
	r.Helper()
	spent := r.spent()
	r.holds(r.budget.String(), r.account, spent, pawl.Spent{})
	most := raceTokens + r.more
	underWay := most / raceLeast // at most, when the last call was let go
	if over := spent.Tokens - most; over > int64(r.wrong)*min(underWay, raceWorkers) {
		r.Errorf("%d tokens are spent of %d, with PAWL_SEED=%d in round %d", spent.Tokens, most, r.seed, r.round)
	}
	if r.stops < raceAfter {
		r.Errorf("%d calls were stopped, and %d tokens are spent; want at least %d, with PAWL_SEED=%d in round %d", r.stops, spent.Tokens, raceAfter, r.seed, r.round)
	}
	if left := r.list(pawl.Filter{Operation: r.operation, States: []pawl.State{pawl.Blocked}}); r.more == raceEnough && len(left) > 0 {
		r.Errorf("%d tasks wait for a budget that was raised to enough for all, with PAWL_SEED=%d in round %d", len(left), r.seed, r.round)
	}
	r.rest(int(most - spent.Tokens))
}

// rest checks that so many tokens are left, and not one more.
func (r *race) rest(tokens int) {
	r.Helper()
	r.put(operation(r.operation), user(fmt.Sprint("ann ", r.round)), priority(pawl.High))
	probe := ask(1)
	probe.Operations = []string{r.operation}
	row := r.claimAs(probe).Tasks[0]
	r.trial.stopped(r.call(row, "more", max(tokens, 0)+1))
	if tokens > 0 {
		if g := r.call(row, "rest", tokens); !g.OK {
			r.Errorf("Grant of the %d tokens that are left = %+v, %v; want it let go, with PAWL_SEED=%d in round %d", tokens, g, g.Stop, r.seed, r.round)
		}
		r.settle(row, pawl.Settlement{Key: "rest", Outcome: pawl.CallNotSent})
	}
	r.finish(row, pawl.Succeeded)
}

// agree checks that all tasks have succeeded, and that all have counted the same.
func (r *race) agree(tasks int) {
	r.Helper()
	done := r.list(pawl.Filter{Operation: r.operation, States: []pawl.State{pawl.Succeeded}})
	is(r.trial, "tasks that succeeded", len(done), tasks)
	r.holds(r.budget.String(), r.account, r.spent(), pawl.Spent{})
	got := map[pawl.EntryKind]pawl.Sum{}
	for _, row := range r.sums(pawl.LedgerFilter{Operation: r.operation}) {
		for kind, s := range row.Sums {
			got[kind] = got[kind].Plus(s)
		}
	}
	same(r.trial, got, r.used)
	if r.Failed() {
		r.Logf("with PAWL_SEED=%d in round %d", r.seed, r.round)
	}
}

// racer is a worker. It has one task at a time.
type racer struct {
	*race
	*rand.Rand
	name  string
	calls int
}

// one does one task, or waits for one. It returns false at the end.
func (w *racer) one() bool {
	since := w.seen()
	claimed, err := w.store.Claim(w.ctx, w.now, pawl.Claim{Worker: w.name, Operations: []string{w.operation}, Max: 1, Lease: 24 * time.Hour})
	if err != nil {
		w.fail("Claim", err)
		return false
	}
	if len(claimed.Tasks) == 0 {
		return w.wait(since, false)
	}
	r := claimed.Tasks[0]
	f := outcome(r, pawl.Succeeded)
	for range 1 + w.IntN(3) {
		stop, open, ok := w.send(r)
		if !ok {
			return false
		}
		if stop != nil {
			f = outcome(r, pawl.Blocked)
			f.Park = &pawl.Park{Stop: stop}
			break
		}
		if open {
			f = outcome(r, pawl.Pending)
			break
		}
	}
	errs, err := w.store.Finish(w.ctx, w.now, []pawl.Finish{f})
	if err != nil || errs[0] != nil {
		w.fail("Finish", []any{errs, err})
		return false
	}
	w.moved()
	return true
}

// send makes a call, once the budget lets it go. It returns what stopped it, and whether
// it is left open.
func (w *racer) send(r *pawl.TaskRow) (stop *pawl.Stop, open, ok bool) {
	w.calls++
	needs := raceLeast + w.IntN(50)
	call := pawl.Reservation{
		Lease: r.Lease(), Key: fmt.Sprint(w.name, "/", w.calls), Limit: pawl.NoLimit, Size: limit.Size{Output: needs}, Patience: patience,
	}
	for {
		since := w.seen()
		grants, err := w.store.Reserve(w.ctx, w.now, []pawl.Reservation{call})
		if err != nil || grants[0].Err != nil {
			w.fail("Reserve", []any{grants, err})
			return nil, false, false
		}
		switch g := grants[0]; {
		case g.Stop != nil:
			if w.stop() {
				w.raise(w.more)
			}
			return g.Stop, false, true
		case g.OK:
			open, ok = w.settleOne(r, call.Key, needs)
			return nil, open, ok
		}
		if !w.wait(since, true) {
			return nil, false, false
		}
	}
}

// settleOne ends a call in one way or another.
func (w *racer) settleOne(r *pawl.TaskRow, key string, needs int) (open, ok bool) {
	st := pawl.Settlement{Key: key, Outcome: pawl.CallAnswered}
	used := int64(needs)
	switch n := w.IntN(100); {
	case n < 65:
		used = int64(max(1, needs+w.IntN(2*raceWrong+1)-raceWrong))
		if w.wrong == 0 {
			used = int64(needs)
		}
		st.Usage = llm.Usage{Output: used}
	case n < 75:
		st.Outcome, used = pawl.CallFailed, 0
	case n < 80:
		st.Outcome, used = pawl.CallNotSent, 0
	case n < 85:
		st.Outcome, used = pawl.CallThrottled, 0
	case n < 95:
		st.Outcome = pawl.CallUnknown
	default:
		w.count(pawl.EntryUnknown, used) // its attempt ends without an outcome of it
		return true, true
	}
	errs, err := w.store.Save(w.ctx, w.now, []pawl.Save{{Lease: r.Lease(), Settle: &st}})
	if err != nil || errs[0] != nil {
		w.fail("Save", []any{errs, err})
		return false, false
	}
	w.count(st.Kind(), used)
	w.moved()
	return false, true
}
