package storetest

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// explainRules are about what a store says of a task that waits. Where a case
// foretells what comes first, it then looks at what does.
var explainRules = []rule{
	{"a task that there is not", "a mistyped id must be told from a task that waits", func(t *trial) {
		if _, err := t.store.Explain(t.ctx, t.now, pawl.NewID()); !errors.Is(err, pawl.ErrNotFound) {
			t.Errorf("Explain = %v; want ErrNotFound", err)
		}
	}},
	{"a task that is next", "nothing keeps it, and so nothing must be said to", func(t *trial) {
		t.claimAs(busy)
		id := t.put(on("lim"))
		s := t.explain(id)
		is(t, "ID", s.Row.ID, id)
		isTime(t, "Now", s.Now, t.now)
		is(t, "Workers", s.Workers, 1)
		is(t, "Ahead", s.Ahead, 0)
		isTime(t, "Next", s.Next, t.now)
		t.gates(s)
	}},
	{"explaining changes nothing", "who looks must not be in the way of who works", func(t *trial) {
		t.configure(set("lim", limit.Config{Tokens: 60000, User: limit.Ceiling{Tokens: 1000}}))
		id := t.put(on("lim"), user("ann"), tokens(3000))
		before := t.status()
		for range 3 {
			t.explain(id)
		}
		same(t, t.status(), before)
		other := t.put(on("other"))
		t.explain(other)
		for _, l := range t.status().Limits {
			if l.Name == "other" {
				t.Errorf("there is a limit %q now", l.Name)
			}
		}
	}},
	{"a running task", "it waits for no claim", func(t *trial) {
		t.put()
		s := t.explain(t.take().ID)
		is(t, "State", s.Row.State, pawl.Running)
		isTime(t, "Next", s.Next, time.Time{})
	}},
	{"an ended task", "it waits for nothing", func(t *trial) {
		t.put()
		r := t.take()
		t.finish(r, pawl.Succeeded)
		s := t.explain(r.ID)
		is(t, "State", s.Row.State, pawl.Succeeded)
		isTime(t, "Next", s.Next, time.Time{})
	}},
	{"a scheduled task", "it starts when it is due, and no sooner", func(t *trial) {
		t.claimAs(busy)
		id := t.put(delay(time.Hour))
		s := t.explain(id)
		isTime(t, "Next", s.Next, start.Add(time.Hour))
		t.configure(set("lim", limit.Config{Tokens: 60000}), pawl.Setting{Limit: "held", Hold: "bill"})
		isTime(t, "Next on a limit", t.explain(t.put(delay(time.Hour), on("lim"))).Next, start.Add(time.Hour))
		isTime(t, "Next on a held limit", t.explain(t.put(delay(time.Hour), on("held"))).Next, time.Time{})
	}},
	{"a paused queue", "nobody but an operator changes that", func(t *trial) {
		t.claimAs(busy)
		id := t.put()
		t.configure(pawl.Setting{Queue: "default", Pause: true})
		s := t.explain(id)
		is(t, "Paused", s.Paused, true)
		isTime(t, "Next", s.Next, time.Time{})
		t.configure(pawl.Setting{Queue: "default"})
		is(t, "Paused", t.explain(id).Paused, false)
	}},
	{"no worker", "a task whose operation nobody handles waits for ever", func(t *trial) {
		id := t.put()
		is(t, "Workers", t.explain(id).Workers, 0)
		isTime(t, "Next", t.explain(id).Next, time.Time{})
		other := busy
		other.Worker, other.Operations = "w2", []string{"other"}
		t.claimAs(other)
		elsewhere := busy
		elsewhere.Worker, elsewhere.Queues = "w3", []string{"nightly"}
		t.claimAs(elsewhere)
		is(t, "Workers", t.explain(id).Workers, 0)
		t.claimAs(busy)
		is(t, "Workers", t.explain(id).Workers, 1)
		t.pass(pawl.WorkerTime + time.Millisecond)
		is(t, "Workers after a silence", t.explain(id).Workers, 0)
	}},
	{"a held limit", "an operator's reason is what the operator must read", func(t *trial) {
		t.claimAs(busy)
		id := t.put(on("lim"))
		t.configure(pawl.Setting{Limit: "lim", Hold: "bill"})
		s := t.explain(id)
		t.gates(s, limit.Gate{Name: "held", Reason: "bill"})
		isTime(t, "Next", s.Next, time.Time{})
	}},
	{"a paused limit", "it goes on by itself, and says when", func(t *trial) {
		t.configure(set("lim", limit.Config{Tokens: 60000}))
		t.put(on("lim"))
		r := t.take()
		t.reserve(r, "a", 1)
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallThrottled, After: 20 * time.Second, Reason: "slow down"})
		s := t.explain(t.put(on("lim")))
		t.gates(s, limit.Gate{Name: "paused", Until: start.Add(20 * time.Second), Reason: "slow down"})
		isTime(t, "Next", s.Next, start.Add(20*time.Second))
	}},
	{"a bucket that is used up", "the numbers say how much is there, how much it needs, and when", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(900))
		t.take()
		id := t.put(on("lim"), tokens(400))
		s := t.explain(id)
		t.gates(s, limit.Gate{Name: "tokens", Until: start.Add(3 * time.Second), Level: 100, Need: 400})
		isTime(t, "Next", s.Next, start.Add(3*time.Second))
		t.now = s.Next.Add(-time.Millisecond)
		t.none()
		t.now = s.Next
		is(t, "ID", t.take().ID, id)
	}},
	{"calls in flight", "only an end makes room, and nobody knows when that is", func(t *trial) {
		t.configure(set("lim", limit.Config{InFlight: 1}))
		t.put(on("lim"))
		t.take()
		s := t.explain(t.put(on("lim")))
		t.gates(s, limit.Gate{Name: "in flight"})
		isTime(t, "Next", s.Next, time.Time{})
	}},
	{"a user's ceiling", "it is that user's tasks that wait, and the user should know why", func(t *trial) {
		t.configure(set("lim", limit.Config{Tokens: 600_000, User: limit.Ceiling{Tokens: 6000}}))
		t.put(on("lim"), user("ann"), tokens(6000))
		t.take()
		s := t.explain(t.put(on("lim"), user("ann"), tokens(1000)))
		t.gates(s, limit.Gate{Name: "tokens", Limit: "lim", User: "ann", Until: start.Add(10 * time.Second), Need: 1000})
		isTime(t, "Next", s.Next, start.Add(10*time.Second))
		t.gates(t.explain(t.put(on("lim"), user("bob"), tokens(1000))))
	}},
	{"a limit around it", "what an account has used up stops its families, and is named", func(t *trial) {
		t.configure(tokensPerSecond("account"), set("lim", limit.Config{Within: "account"}))
		t.put(on("account"), tokens(1000))
		t.take()
		s := t.explain(t.put(on("lim"), tokens(500)))
		t.gates(s, limit.Gate{Name: "tokens", Limit: "account", Until: start.Add(5 * time.Second), Need: 500})
		isTime(t, "Next", s.Next, start.Add(5*time.Second))
	}},
	{"a budget that is used up", "the next call of a task that starts will be stopped: whoever asks must not be told that nothing keeps it", func(t *trial) {
		b := pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Calls: 2}
		t.budget(b)
		t.put(user("ann"))
		r := t.take()
		id := t.put(user("ann"))
		t.spend(r, "a/1", 10)
		t.noStop(id)
		is(t, "OK", t.call(r, "b/1", 10).OK, true)
		t.noStop(id) // the call under way may not be sent
		t.answer(r, "b/1", 10)
		end := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
		t.foretells(id, "user/* per day", end, "of ann", "2 of 2 calls are spent")
		t.foretells(t.put(user("ann"), delay(time.Hour)), "user/* per day", end)
		t.noStop(t.put(user("ann"), delay(end.Sub(t.now))))
		t.noStop(t.put(user("bob")))
		t.noStop(r.ID) // what a running task waits for, its worker knows
		b.Calls = 1
		t.configure(pawl.Setting{Budget: &b, Raise: true})
		t.noStop(id)
	}},
	{"it is as it was foretold", "of a task that is told to be stopped each call is, whatever it needs; of one that is not the smallest goes", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfAll, Tokens: 100})
		t.put(priority(pawl.High))
		r := t.take()
		id := t.put()
		t.spend(r, "a/1", 99)
		t.noStop(id)
		t.spend(r, "b/1", 1)
		s := t.foretells(id, "all", time.Time{}, "100 of 100 tokens are spent")
		next := t.take()
		is(t, "ID", next.ID, id)
		stop := t.stopped(t.call(next, "a/1", 1))
		stop.Why = s.Why
		same(t, stop, s)
	}},
	{"of several budgets", "a task goes on when the last of them lets it", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfAll, Per: pawl.PerDay, Money: 15})
		t.budget(pawl.Budget{Scope: pawl.OfQueue, Name: "default", Per: pawl.PerMonth, Tokens: 10})
		t.budget(pawl.Budget{Scope: pawl.OfUser, Name: "ann", Per: pawl.PerDay, Calls: 1})
		t.put(user("ann"))
		r := t.take()
		is(t, "OK", t.call(r, "a/1", 1, priced).OK, true)
		t.answer(r, "a/1", 10)
		t.finish(r, pawl.Succeeded)
		end := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
		t.foretells(t.put(user("ann"), queue("other")), "all per day", end, "of 0.000000015 are spent")
		t.foretells(t.put(user("ann")), "all per day", end)
		t.now = end
		id := t.put(user("ann"))
		t.noStop(id)
		t.budget(pawl.Budget{Scope: pawl.OfOperation, Name: "work", Calls: 1})
		r = t.take()
		is(t, "OK", t.call(r, "a/1", 1, priced).OK, true)
		t.answer(r, "a/1", 10)
		t.foretells(t.put(user("ann")), "operation/work", time.Time{})
	}},
	{"a run that repeats itself", "it is stopped, and so is whatever it asks next", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfRun, Repeats: 1})
		t.put()
		r := t.take()
		id := t.put(inRun(r.Run))
		asks := func(key string) pawl.Grant {
			return t.call(r, key, 10, func(v *pawl.Reservation) { v.State = 1 << 40 })
		}
		is(t, "OK", asks("a/1").OK, true)
		t.answer(r, "a/1", 10)
		t.noStop(id)
		stop := t.stopped(asks("b/1"))
		same(t, t.foretells(id, "run/*", time.Time{}, "asked 1 times"), stop)
		t.noStop(t.put())
	}},
	{"its user's own come first", "each user's tasks start in the order in which they were added", func(t *trial) {
		t.claimAs(busy)
		ids := t.putMany(5, on("lim"))
		for i, id := range ids {
			is(t, "Ahead", t.explain(id).Ahead, i)
		}
		t.change(pawl.Cancel, pawl.Filter{IDs: ids[1:2]})
		is(t, "Ahead of the last", t.explain(ids[4]).Ahead, 3)
		t.take()
		is(t, "Ahead of the last", t.explain(ids[4]).Ahead, 2)
	}},
	{"a retry is in its old place", "who looks where it stands must find it there", func(t *trial) {
		ids := t.putMany(3)
		t.finish(t.take(), pawl.Pending)
		for i, id := range ids {
			is(t, "Ahead", t.explain(id).Ahead, i)
		}
	}},
	{"what was retried counts once", "a store may keep a trace of where a task stood before it was cancelled", func(t *trial) {
		ids := t.putMany(4)
		for range 2 {
			t.change(pawl.Cancel, pawl.Filter{IDs: ids[1:3]})
			t.change(pawl.Retry, pawl.Filter{IDs: ids[1:3]})
		}
		for i, id := range ids {
			is(t, "Ahead", t.explain(id).Ahead, i)
		}
	}},
	{"higher priorities come first", "all of them, from whatever queue, and none that is lower", func(t *trial) {
		t.claimAs(busy)
		t.putMany(3, on("lim"), priority(pawl.High))
		t.putMany(2, on("lim"), priority(pawl.High), queue("x"))
		t.putMany(4, on("other"), priority(pawl.High))
		t.putMany(5, on("lim"), priority(pawl.Low))
		id := t.put(on("lim"))
		is(t, "Ahead", t.explain(id).Ahead, 5)
		t.configure(pawl.Setting{Queue: "x", Pause: true})
		is(t, "Ahead with a paused queue", t.explain(id).Ahead, 3)
	}},
	{"what nobody handles does not come first", "a forgotten backlog delays nothing", func(t *trial) {
		t.claimAs(busy)
		t.putMany(7, on("lim"), operation("forgotten"))
		t.putMany(7, on("lim"), operation("forgotten"), user("ann"), priority(pawl.High))
		is(t, "Ahead", t.explain(t.put(on("lim"))).Ahead, 0)
	}},
	{"users take turns", "who has one task does not wait for another's hundred", func(t *trial) {
		t.claimAs(busy)
		many := t.putMany(100, on("lim"), user("ann"), tokens(10))
		few := t.putMany(3, on("lim"), user("bob"), tokens(10))
		foretold := map[pawl.ID]int{}
		for _, id := range []pawl.ID{few[0], few[2], many[1], many[50]} {
			foretold[id] = t.explain(id).Ahead
		}
		for n := range 103 {
			id := t.take().ID
			if want, ok := foretold[id]; ok {
				is(t, "Ahead", want, n)
			}
		}
	}},
	{"queues take turns", "a task of another queue passes no more often than in turn", func(t *trial) {
		t.claimAs(busy)
		t.putMany(20, on("lim"))
		id := t.put(on("lim"), queue("x"), user("ann"))
		for range 3 {
			t.put(on("lim"), queue("x"))
		}
		if got := t.explain(id).Ahead; got > 2 {
			t.Errorf("Ahead = %d; want 2 at most", got)
		}
	}},
	{"when it starts", "a backlog is worked off at the limit's rate", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.claimAs(busy)
		ids := t.putMany(50, on("lim"), tokens(100))
		last := ids[49]
		s := t.explain(last)
		is(t, "Ahead", s.Ahead, 49)
		isTime(t, "Next", s.Next, start.Add(40*time.Second))
		for t.row(last).State == pawl.Pending {
			long := ask(9)
			long.Lease = time.Hour
			if c := t.claimAs(long); len(c.Tasks) == 0 {
				t.now = c.Next
			}
		}
		isTime(t, "its start", t.now, s.Next)
	}},
}

func (t *trial) explain(id pawl.ID) pawl.Standing {
	t.Helper()
	s, err := t.store.Explain(t.ctx, t.now, id)
	t.must("Explain", err)
	return s
}

// gates checks what stands in a task's way.
func (t *trial) gates(s pawl.Standing, want ...limit.Gate) {
	t.Helper()
	same(t, slices.Clip(s.Gates), slices.Clip(want))
}

// foretells checks which budget is said to stop a task's next call.
func (t *trial) foretells(id pawl.ID, budget string, until time.Time, says ...string) *pawl.Stop {
	t.Helper()
	s := t.explain(id).Stop
	if s == nil {
		t.Fatalf("Stop of %s = nil; want budget %s", id, budget)
	}
	is(t, "Budget", s.Budget, budget)
	isTime(t, "Until", s.Until, until)
	for _, part := range says {
		if !strings.Contains(s.Why, part) {
			t.Errorf("Why = %q; want it to say %q", s.Why, part)
		}
	}
	return s
}

// noStop checks that no budget is said to stop a task's next call.
func (t *trial) noStop(id pawl.ID) {
	t.Helper()
	if s := t.explain(id).Stop; s != nil {
		t.Errorf("Stop of %s = %+v; want none", id, *s)
	}
}
