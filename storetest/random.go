package storetest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

var randomRules = []rule{
	{"legal changes only", "whatever is called in whatever order, a task moves only as the table of transitions says, and its row never contradicts its state", func(t *trial) {
		seed := randomSeed(t)
		c := chaos{trial: t, Rand: rand.New(rand.NewPCG(seed, 0)), states: map[pawl.ID]pawl.State{}}
		c.watch = t.watch(pawl.EventFilter{Types: taskEvents})
		t.configure(tokensPerSecond("a"), set("b", limit.Config{InFlight: 3, Requests: 60}), set("c", limit.Config{}))
		for range 1500 {
			c.step()
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		c.finishAll()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}},
}

// randomSeed returns the seed in PAWL_SEED, or a new one, and prints it.
func randomSeed(t *trial) uint64 {
	seed := rand.Uint64()
	if text := os.Getenv("PAWL_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		t.must("PAWL_SEED", err)
	}
	t.Logf("seed %d; set PAWL_SEED to repeat it", seed)
	return seed
}

// chaos calls a store at random.
type chaos struct {
	*trial
	*rand.Rand
	watch   pawl.Watch
	running []*pawl.TaskRow        // claimed and not finished, as far as this worker knows
	states  map[pawl.ID]pawl.State // as the events told
}

func pick[V any](c *chaos, of ...V) V { return of[c.IntN(len(of))] }

func (c *chaos) step() {
	c.pass(time.Duration(c.IntN(1500)) * time.Millisecond)
	c.tick()
	switch c.IntN(10) {
	case 0, 1:
		c.addSome()
	case 2, 3, 4:
		claimed := c.claimAs(pawl.Claim{
			Worker: pick(c, "w1", "w2"), Operations: pick(c, []string{"work"}, []string{"work", "other"}),
			Queues: pick(c, nil, []string{"default"}, []string{"x", "default"}), Max: 1 + c.IntN(5), Lease: pick(c, lease, time.Minute),
		})
		c.running = append(c.running, claimed.Tasks...)
	case 5, 6:
		c.finishOne()
	case 7:
		c.callOne()
	case 8:
		c.changeSome()
	case 9:
		c.configureSome()
	}
	if c.IntN(10) == 0 {
		c.check()
	}
}

func (c *chaos) addSome() {
	tasks := make([]pawl.NewTask, 1+c.IntN(4))
	for i := range tasks {
		tasks[i] = task(user(pick(c, "", "a", "b")), operation(pick(c, "work", "work", "other")), queue(pick(c, "default", "x")),
			on(pick(c, pawl.NoLimit, "a", "b", "c")), priority(pick(c, pawl.Priorities()...)), tokens(1+c.IntN(300)),
			identity(byte(c.IntN(9))), duplicates(pick(c, pawl.Join, pawl.Reject, pawl.Replace, pawl.Keep)), reuse(pick(c, 0, time.Minute)),
			delay(pick(c, 0, 0, 0, 5*time.Second)))
		if c.IntN(5) == 0 {
			tasks[i].Row.Deadline = c.now.Add(time.Duration(c.IntN(30)) * time.Second)
		}
	}
	c.add(tasks...)
}

// finishOne ends a task that was claimed, and perhaps was lost since.
func (c *chaos) finishOne() {
	if len(c.running) == 0 {
		return
	}
	i := c.IntN(len(c.running))
	r := c.running[i]
	f := outcome(r, pick(c, pawl.Succeeded, pawl.Succeeded, pawl.Dead, pawl.Cancelled, pawl.Scheduled, pawl.Pending, pawl.Blocked, pawl.Blocked))
	switch {
	case f.To == pawl.Blocked && c.IntN(4) == 0:
		f = waiting(r, "go", c.IntN(2), func(f *pawl.Finish) { f.Delay = pick(c, 0, 5*time.Second) })
	case f.To == pawl.Blocked:
		f = c.parked(r)
	case f.To == pawl.Pending && c.IntN(3) == 0:
		f.Fallback = &pawl.Stage{Operation: pick(c, "work", "other"), Queue: pick(c, "default", "x"), Limit: pick(c, pawl.NoLimit, "a", "b"), MaxAttempts: 2, Tokens: 9}
	case c.IntN(3) == 0:
		f.Follow = []pawl.NewTask{task(behind(r), operation(pick(c, "work", "other")))}
	}
	_ = c.finishAs(f) // it may be lost
	if c.IntN(4) > 0 {
		c.running = append(c.running[:i], c.running[i+1:]...)
	}
}

// parked is the end of an attempt that waits for some branches.
func (c *chaos) parked(r *pawl.TaskRow) pawl.Finish {
	tasks := branches(r, numbered(c.IntN(5))...)
	for i := range tasks {
		tasks[i].Row.Operation, tasks[i].Row.Queue, tasks[i].Row.Limit = pick(c, "work", "other"), pick(c, "default", "x"), pick(c, pawl.NoLimit, "a", "b")
	}
	with := []func(*pawl.Finish){func(f *pawl.Finish) { f.Delay = pick(c, 0, 0, 5*time.Second) }}
	if c.IntN(2) == 0 {
		with = append(with, all)
	}
	if c.IntN(2) == 0 {
		with = append(with, atOnce(1+c.IntN(2)))
	}
	return parked(r, tasks, with...)
}

// callOne reserves, settles or beats for a task.
func (c *chaos) callOne() {
	if len(c.running) == 0 {
		return
	}
	r := pick(c, c.running...)
	key := pick(c, "a", "b", "c")
	switch c.IntN(3) {
	case 0:
		c.reserve(r, key, 1+c.IntN(2000))
	case 1:
		_ = c.saveAs(pawl.Save{ // it may be lost
			Lease: r.Lease(), Step: &pawl.StepRow{Key: key, Name: key, Result: []byte("1")},
			Settle: &pawl.Settlement{
				Key: key, Usage: llm.Usage{Output: 1 + int64(c.IntN(500))}, After: time.Duration(c.IntN(3)) * time.Second, Reason: "so",
				Outcome: pick(c, pawl.CallAnswered, pawl.CallFailed, pawl.CallUnknown, pawl.CallNotSent, pawl.CallUnreached, pawl.CallThrottled, pawl.CallBlocked),
			},
		})
	case 2:
		c.beat(r)
	}
}

func (c *chaos) changeSome() {
	f := pawl.Filter{Max: 1 + c.IntN(3), States: []pawl.State{pick(c, pawl.States()...)}, User: pick(c, "", "a")}
	if c.IntN(4) == 0 {
		_, err := c.store.Change(c.ctx, c.now, f, pawl.Change{Do: pawl.Signalled, Signal: pawl.Signal{Name: "go", ID: pick(c, "1", "2")}})
		c.must("Change", err)
		return
	}
	c.change(pick(c, pawl.Cancel, pawl.Retry, pawl.Retry, pawl.Delete), f)
}

func (c *chaos) configureSome() {
	c.configure(pick(c,
		pawl.Setting{Queue: "x", Pause: true}, pawl.Setting{Queue: "x"}, pawl.Setting{Limit: "c", Hold: "so"},
		pawl.Setting{Limit: "c", Resume: true}, set("b", limit.Config{InFlight: 1 + c.IntN(4)}),
		pawl.Setting{Budget: &pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Tokens: 1 << 40}, Remove: c.IntN(3) == 0},
		pawl.Setting{Budget: &pawl.Budget{Scope: pawl.OfUser, Name: "a", Per: pawl.PerDay, Tokens: 1 << 40}, Remove: c.IntN(2) == 0},
	))
}

// check compares all rows and counts with their states, and budgets with the ledger, and
// reads the events.
func (c *chaos) check() {
	c.asLedger(0)
	counts := map[string]map[pawl.State]int{}
	rows := c.list(pawl.Filter{Steps: true})
	for _, r := range rows {
		if problem := insane(r); problem != "" {
			c.Errorf("%s is %s: %s:\n%+v", r.ID, r.State, problem, r)
		}
		if counts[r.Queue] == nil {
			counts[r.Queue] = map[pawl.State]int{}
		}
		counts[r.Queue][r.State]++
	}
	status, err := c.store.Status(c.ctx, c.now)
	c.must("Status", err)
	for _, q := range status.Queues {
		if want := counts[q.Name]; fmt.Sprint(q.Counts) != fmt.Sprint(want) && len(q.Counts)+len(want) > 0 {
			c.Errorf("counts of %s = %v; want %v", q.Name, q.Counts, want)
		}
	}
	for _, e := range c.seen(c.watch) {
		c.moved(e)
	}
	for _, r := range rows {
		if s := c.states[r.ID]; s != r.State && !(isSilent(s) && r.State == pawl.Pending) {
			c.Errorf("%s is %s; its events say %s", r.ID, r.State, s)
		}
	}
}

// isSilent reports whether a task that is in a state becomes pending without an event.
func isSilent(s pawl.State) bool { return s == pawl.Scheduled || s == pawl.Blocked }

// moved checks that an event tells of a legal change of state. That a task is
// due, or has waited long enough, is no event.
func (c *chaos) moved(e pawl.Event) {
	from := c.states[e.Task]
	c.states[e.Task] = e.State
	if e.Type == pawl.EventJoined || e.Type == pawl.EventStep || e.Type == pawl.EventCancelling || e.Type == pawl.EventBudget {
		return
	}
	due := isSilent(from) && pawl.Pending.CanBecome(e.State)
	if !from.CanBecome(e.State) && !due {
		c.Errorf("%s of %s: from %q to %q, which is no legal change", e.Type, e.Task, from, e.State)
	}
}

// finishAll works until nothing is left but what waits for what will never come, and
// checks that no call is left in flight.
func (c *chaos) finishAll() {
	c.configure(pawl.Setting{Queue: "x"})
	for _, name := range []string{"a", "b", "c"} {
		c.configure(pawl.Setting{Limit: name, Resume: true})
	}
	all := ask(100)
	all.Operations = []string{"work", "other"}
	for range 10_000 {
		claimed := c.claimAs(all)
		for _, r := range claimed.Tasks {
			c.finish(r, pawl.Succeeded)
		}
		if len(claimed.Tasks) > 0 {
			continue
		}
		if claimed.Next.IsZero() {
			break
		}
		c.now = claimed.Next
		c.tick()
	}
	c.check()
	failed := map[pawl.ID]bool{} // tasks with a branch that would have to be mended
	for _, r := range c.list(pawl.Filter{}) {
		if r.Awaited() {
			failed[r.Parent()] = true
		}
	}
	for _, r := range c.list(pawl.Filter{}) {
		futile := r.State == pawl.Blocked && (failed[r.ID] || r.IsInLine() || r.Links.Wait.Signal != "")
		if !r.State.Ended() && !futile {
			c.Errorf("%s is %s when nothing is left to do, with the links %+v", r.ID, r.State, r.Links)
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		is(c.trial, "calls in flight on "+name, c.limit(name).State.InFlight, 0)
	}
}
