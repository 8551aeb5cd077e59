package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
)

const (
	joinWorkers = 4
	joinClaims  = 2000 // of one run, at most, before it is taken to hang
)

// RunJoins has several workers at once do a number of runs whose tasks wait for
// branches, one wait after the other, with waits below waits. The workers die before
// they record an outcome, record outcomes again, at once and much later, and lose
// leases to each other; what died is tried again by an operator. No wait may end before
// its branches have, each must end once, and none may hang. PAWL_RUNS in the
// environment sets another number of runs, PAWL_SEED what is random.
func RunJoins(t *testing.T, open func(t *testing.T) pawl.Store, runs int) {
	if n, ok := fromEnv(t, "PAWL_RUNS"); ok {
		runs = int(n)
	}
	store := open(t)
	defer func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}()
	doJoins(t, []pawl.Store{store}, runs)
}

// joins is such work, at some handles of one store.
type joins struct {
	*testing.T
	ctx    context.Context
	stores []pawl.Store
	clock  atomic.Int64 // what time it is, in milliseconds since the start
	left   atomic.Int64 // runs that have not succeeded
	claims atomic.Int64 // that may still be made

	runs map[pawl.ID]bool // by their first tasks

	mu  sync.Mutex
	old []pawl.Finish // what was recorded before
}

// waits is the input of a task: the branches that it waits for, one wait after the
// other; none for a task that waits for nothing.
type waits struct {
	Waits [][]waits `json:"waits,omitempty"`
	All   bool      `json:"all,omitempty"`
	Most  int       `json:"most,omitempty"` // branches that may be under way at a time
	More  int       `json:"more,omitempty"` // tasks that follow in its branch
}

func doJoins(t *testing.T, stores []pawl.Store, runs int) {
	seed, ok := fromEnv(t, "PAWL_SEED")
	if !ok {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	j := &joins{T: t, ctx: t.Context(), stores: stores, runs: map[pawl.ID]bool{}}
	j.left.Store(int64(runs))
	j.claims.Store(int64(runs * joinClaims))
	r := rand.New(rand.NewPCG(seed, 0))
	for range runs {
		n := task()
		n.Row.Input = j.input(randomWaits(r, 2))
		j.runs[n.Row.ID] = true
		if _, err := stores[0].Add(j.ctx, j.now(), []pawl.NewTask{n}); err != nil {
			t.Fatalf("Add: %v", err)
		}
	}
	var all sync.WaitGroup
	for i := range joinWorkers {
		w := &joiner{joins: j, Rand: rand.New(rand.NewPCG(seed, uint64(i+1))), store: stores[i%len(stores)], name: fmt.Sprint("w", i)}
		all.Go(w.work)
	}
	all.Wait()
	joined := 0
	for run := range j.runs {
		joined += j.check(run)
	}
	if t.Failed() {
		t.Fatalf("with PAWL_SEED=%d", seed)
	}
	t.Logf("%d waits of %d runs ended once each; %d claims were made", joined, runs, int64(runs*joinClaims)-j.claims.Load())
}

// randomWaits returns the work of a task that has others below it, so many levels deep.
func randomWaits(r *rand.Rand, depth int) waits {
	w := waits{All: r.IntN(2) == 0, Most: r.IntN(3)}
	for range 1 + r.IntN(2) {
		branches := make([]waits, 1+r.IntN(4))
		for i := range branches {
			if branches[i].More = max(r.IntN(4)-1, 0); depth > 1 && r.IntN(4) == 0 {
				branches[i] = randomWaits(r, depth-1)
			}
		}
		w.Waits = append(w.Waits, branches)
	}
	return w
}

func (j *joins) now() time.Time { return start.Add(time.Duration(j.clock.Load()) * time.Millisecond) }

func (j *joins) input(w waits) []byte {
	b, err := json.Marshal(w)
	if err != nil {
		j.Errorf("Marshal: %v", err)
	}
	return b
}

// joiner is one worker.
type joiner struct {
	*joins
	*rand.Rand
	store pawl.Store
	name  string
}

func (w *joiner) work() {
	for w.mayGoOn() && !w.Failed() {
		if w.claims.Add(-1) < 0 {
			w.Errorf("%d runs have not ended, or tasks of runs that have; want all", w.left.Load())
			return
		}
		claimed, err := w.store.Claim(w.ctx, w.now(), pawl.Claim{
			Worker: w.name, Operations: []string{"work"}, Max: 1 + w.IntN(8), Lease: lease,
		})
		if err != nil {
			w.Errorf("Claim: %v", err)
			return
		}
		if len(claimed.Tasks) == 0 {
			w.clock.Add(500)
			w.mend()
		}
		var ends []pawl.Finish
		for _, r := range claimed.Tasks {
			if w.IntN(12) > 0 { // else the worker dies here
				ends = append(ends, w.do(r))
			}
		}
		w.record(ends)
	}
}

// mayGoOn reports whether there is something left to do: runs, or, when these have ended,
// what is left of branches that had failed, so that nobody waits for them, and were tried
// again.
func (w *joiner) mayGoOn() bool {
	if w.left.Load() > 0 {
		return true
	}
	rows, err := w.store.List(w.ctx, w.now(), pawl.Filter{States: []pawl.State{pawl.Blocked, pawl.Scheduled, pawl.Pending, pawl.Running}, Max: 1})
	if err != nil {
		w.Errorf("List: %v", err)
	}
	return len(rows) > 0
}

// mend tries what is dead again.
func (w *joiner) mend() {
	dead := pawl.Filter{States: []pawl.State{pawl.Dead}}
	if _, err := w.store.Change(w.ctx, w.now(), dead, pawl.Change{Do: pawl.Retry}); err != nil {
		w.Errorf("Change: %v", err)
	}
}

// record records outcomes, together with some that were recorded before, and perhaps
// again.
func (w *joiner) record(ends []pawl.Finish) {
	fresh := len(ends)
	w.mu.Lock()
	for range min(len(w.old), w.IntN(3)) {
		ends = append(ends, w.old[w.IntN(len(w.old))])
	}
	w.mu.Unlock()
	if fresh > 0 && w.IntN(4) == 0 {
		ends = append(ends, ends[w.IntN(fresh)])
	}
	if len(ends) == 0 {
		return
	}
	var errs []error
	for range 1 + w.IntN(5)/4 {
		var err error
		if errs, err = w.store.Finish(w.ctx, w.now(), ends); err != nil {
			w.Errorf("Finish: %v", err)
			return
		}
	}
	w.mu.Lock()
	w.old = append(w.old, ends[:fresh]...)
	w.mu.Unlock()
	for i, f := range ends[:fresh] {
		if errs[i] == nil && f.To == pawl.Succeeded && w.runs[f.Lease.Task] {
			w.left.Add(-1)
		}
	}
}

// do is what the handler of a task does.
func (w *joiner) do(r *pawl.TaskRow) pawl.Finish {
	var in waits
	if err := json.Unmarshal(r.Input, &in); err != nil {
		w.Errorf("input of %s: %v", r.ID, err)
	}
	if len(in.Waits) == 0 {
		return w.leaf(r, in)
	}
	done := parks(r)
	rows, err := w.store.List(w.ctx, w.now(), pawl.Filter{Run: r.Run})
	if err != nil {
		w.Errorf("List: %v", err)
	}
	for i := range min(done, len(in.Waits)) {
		for n := range in.Waits[i] {
			if !hasEnded(rows, pawl.ChildID(r.ID, keyOf(i, n)), in.All) {
				w.Errorf("%s goes on for the %d. time, and its branch %s has not ended", r.ID, done, keyOf(i, n))
			}
		}
	}
	if done >= len(in.Waits) {
		return outcome(r, pawl.Succeeded)
	}
	return w.wait(r, in, done)
}

// leaf is what a task does that waits for nothing: now and then it fails.
func (w *joiner) leaf(r *pawl.TaskRow, in waits) pawl.Finish {
	switch w.IntN(12) {
	case 0:
		return outcome(r, pawl.Dead)
	case 1:
		return outcome(r, pawl.Pending)
	}
	f := outcome(r, pawl.Succeeded)
	if in.More > 0 {
		n := task(behind(r))
		n.Row.Input = w.input(waits{More: in.More - 1})
		f.Follow = []pawl.NewTask{n}
	}
	return f
}

// wait has a task wait for its i-th branches.
func (w *joiner) wait(r *pawl.TaskRow, in waits, i int) pawl.Finish {
	var tasks []pawl.NewTask
	for n, below := range in.Waits[i] {
		b := task(branch(r, keyOf(i, n)), operation("work"))
		b.Row.Input, b.InLine = w.input(below), in.Most > 0
		tasks = append(tasks, b)
	}
	f := parked(r, tasks)
	f.Park.All, f.Park.AtOnce, f.Park.Prefix = in.All, in.Most, keyOf(i, -1)
	return f
}

// keyOf is the key of the n-th branch of a task's i-th wait, or what all of these
// begin with.
func keyOf(i, n int) string {
	prefix := strconv.Itoa(i) + "."
	if n < 0 {
		return prefix
	}
	return prefix + strconv.Itoa(n)
}

// parks is how often a task has waited.
func parks(r *pawl.TaskRow) (n int) {
	for i := range r.Attempts {
		if r.Attempts[i].Class == pawl.Parked {
			n++
		}
	}
	return n
}

// hasEnded reports whether a branch has ended; well, if all must. One that was dead
// once has ended even if it is tried again.
func hasEnded(rows []*pawl.TaskRow, first pawl.ID, well bool) bool {
	died := func(a pawl.Attempt) bool { return a.Class == "permanent" || a.Class == pawl.Poisoned }
	ended := false
	for {
		i := slices.IndexFunc(rows, func(r *pawl.TaskRow) bool { return r.ID == first })
		if i < 0 {
			return ended
		}
		if !well && slices.ContainsFunc(rows[i].Attempts, died) {
			return true
		}
		ended, first = rows[i].State == pawl.Succeeded, pawl.FollowID(first)
	}
}

// check checks what a run has come to, and returns how many waits there were.
func (j *joins) check(run pawl.ID) (joined int) {
	rows, err := j.stores[0].List(j.ctx, j.now(), pawl.Filter{Run: run})
	if err != nil {
		j.Fatalf("List: %v", err)
	}
	for _, r := range rows {
		var in waits
		if err := json.Unmarshal(r.Input, &in); err != nil {
			j.Fatalf("input of %s: %v", r.ID, err)
		}
		successes := 0
		for i := range r.Attempts {
			if r.Attempts[i].Class == "" {
				successes++
			}
		}
		if problem := insane(r); problem != "" || r.State == pawl.Blocked || successes > 1 || r.ID == run && successes != 1 {
			j.Errorf("%s is %s in the end, with %d outcomes: %s", r.ID, r.State, successes, problem)
		}
		if n := parks(r); r.State == pawl.Succeeded && n != len(in.Waits) {
			j.Errorf("%s waited %d times; want %d", r.ID, n, len(in.Waits))
		}
		joined += parks(r)
	}
	return joined
}
