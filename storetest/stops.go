package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

// stopRules are about tasks that budgets have stopped, and the budgets of runs.
var stopRules = []rule{
	{"blocked by a budget", "a task whose budget is used up waits with all that it has stored, and costs no attempt", func(t *trial) {
		id, r, stop := t.stoppedTask(pawl.ForGood)
		t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &pawl.StepRow{Key: "ask#1", Name: "ask", Result: []byte("1")}}))
		t.stop(r, stop)
		row := t.row(id)
		is(t, "State", row.State, pawl.Blocked)
		is(t, "Due", row.Due.IsZero(), true)
		if row.Links == nil || row.Links.Wait == nil || row.Links.Wait.Budget != "user/*" || row.Links.Wait.Account != "ann" {
			t.Errorf("Links = %+v; want it to wait for ann's part of user/*", row.Links)
		}
		is(t, "steps", len(row.Steps), 1)
		t.pass(1000 * time.Hour)
		t.none()
	}},
	{"the next period", "what the budget of a day has stopped goes on when the next day begins, without anybody's doing", func(t *trial) {
		id, r, stop := t.stoppedTask(pawl.PerDay)
		t.stop(r, stop)
		isTime(t, "Due", t.row(id).Due, stop.Until)
		isTime(t, "Next", t.none(), stop.Until)
		t.now = stop.Until
		r = t.take()
		is(t, "ID", r.ID, id)
		is(t, "OK", t.call(r, "b/2", 300).OK, true)
	}},
	{"resume", "whoever raises a budget has what waits for it go on, and nothing else", func(t *trial) {
		id, r, stop := t.stoppedTask(pawl.ForGood)
		t.stop(r, stop)
		signal := t.put()
		t.await(t.take(), "go", 0)
		pending, done := t.put(priority(pawl.Low)), t.reach(pawl.Succeeded)
		t.configure(pawl.Setting{Raise: true, Budget: &pawl.Budget{Scope: pawl.OfUser, Tokens: 1000}})
		t.in(id, pawl.Blocked)
		is(t, "resumed by the name of another budget", len(t.resume("user/ann", pawl.Filter{})), 0)
		is(t, "resumed by no name", len(t.resume("", pawl.Filter{})), 0)
		is(t, "resumed of another user", len(t.resume("user/*", pawl.Filter{User: "bob"})), 0)
		same(t, t.resume("user/*", pawl.Filter{}), []pawl.ID{id})
		is(t, "resumed again", len(t.resume("user/*", pawl.Filter{})), 0)
		t.in(id, pawl.Pending)
		t.in(signal, pawl.Blocked)
		t.in(done, pawl.Succeeded)
		t.took(t.claim(5), id, pending)
		r = t.row(id)
		is(t, "OK", t.call(r, "b/2", 300).OK, true)
	}},
	{"raised meanwhile", "a budget that was raised after it stopped a call, and before its task was parked, is not waited for: nobody would say so again", func(t *trial) {
		for name, raise := range map[string]func(){
			"raised":    func() { t.configure(pawl.Setting{Raise: true, Budget: &pawl.Budget{Scope: pawl.OfUser, Tokens: 1000}}) },
			"set":       func() { t.budget(pawl.Budget{Scope: pawl.OfUser, Tokens: 9000}) },
			"removed":   func() { t.configure(pawl.Setting{Remove: true, Budget: &pawl.Budget{Scope: pawl.OfUser}}) },
			"set again": func() { t.removeAndSet(pawl.Budget{Scope: pawl.OfUser, Tokens: 1000}) },
			"by name":   func() { t.budget(pawl.Budget{Scope: pawl.OfUser, Name: "ann", Tokens: 9000}) },
		} {
			id, r, stop := t.stoppedTask(pawl.ForGood)
			raise()
			is(t, name+": resumed", len(t.resume("user/*", pawl.Filter{})), 0)
			t.stop(r, stop)
			t.in(id, pawl.Pending)
			r = t.take()
			is(t, name+": ID", r.ID, id)
			t.finish(r, pawl.Succeeded)
			t.configure(pawl.Setting{Remove: true, Budget: &pawl.Budget{Scope: pawl.OfUser}},
				pawl.Setting{Remove: true, Budget: &pawl.Budget{Scope: pawl.OfUser, Name: "ann"}})
		}
	}},
	{"the day ended meanwhile", "a task that is parked for the rest of a day which is over by then need not wait", func(t *trial) {
		id, r, stop := t.stoppedTask(pawl.PerDay)
		t.now = stop.Until
		t.stop(r, stop)
		t.in(id, pawl.Pending)
	}},
	{"cancelled while it waits", "an operator may give up what a budget has stopped", func(t *trial) {
		id, r, stop := t.stoppedTask(pawl.PerDay)
		t.stop(r, stop)
		t.one(pawl.Cancel, id)
		is(t, "resumed", len(t.resume("user/* per day", pawl.Filter{})), 0)
		t.in(id, pawl.Cancelled)
	}},
	{"a run's budget", "one number caps all that comes of a request: its task, what that adds, and what follows", func(t *trial) {
		n := task(func(n *pawl.NewTask) { n.Budget = &pawl.Budget{Tokens: 1000} })
		run := n.Row.ID
		t.add(n)
		t.add(n) // whose answer was lost
		r := t.take()
		t.spend(r, "ask#1/1", 100)
		child := task(branch(r, "c"), func(n *pawl.NewTask) { n.By = r.Lease() })
		t.add(child)
		c := t.begin("c")
		t.spend(c, "ask#1/1", 200)
		t.finish(c, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(behind(c))} })
		t.spend(t.begin("c"), "ask#1/1", 300)
		name := "run/" + run.String()
		t.holds(name, run.String(), pawl.Spent{Tokens: 600, Money: 9000, Calls: 3}, pawl.Spent{})
		s := t.stopped(t.call(r, "ask#2/1", 401))
		is(t, "Budget", s.Budget, name)
		is(t, "OK", t.call(r, "ask#3/1", 400).OK, true)
		t.put()
		t.spend(t.take(), "ask#1/1", 9000) // of another run
	}},
	{"a budget of its own", "a request may have more or less than each run has, and who joins another one's run changes nothing of it", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfRun, Tokens: 500})
		own := func(n *pawl.NewTask) {
			n.Budget = &pawl.Budget{Tokens: 1000, Scope: pawl.OfUser, Name: "x", Per: pawl.PerDay}
		}
		id := t.put(identity(1), own)
		t.joins(task(identity(1), func(n *pawl.NewTask) { n.Budget = &pawl.Budget{Tokens: 1} }), id)
		r := t.take()
		t.spend(r, "a/1", 900)
		is(t, "Budget", t.budgetOf("run/"+id.String()).Budget, pawl.Budget{Scope: pawl.OfRun, Name: id.String(), Tokens: 1000})
		t.put()
		other := t.take()
		is(t, "Never", t.stopped(t.call(other, "a/1", 501)).Never, true)
		is(t, "budgets", len(t.status().Budgets), 2)
	}},
	{"a run's budget that is none", "a mistake in what caps a run must be found when the run is added, and not let it spend without end", func(t *trial) {
		for _, b := range []pawl.Budget{{}, {Tokens: -1, Calls: 2}, {Repeats: -1, Calls: 2}, {Calls: 2, Warn: 2}} {
			n := task(func(n *pawl.NewTask) { n.Budget = &b })
			if _, err := t.store.Add(t.ctx, t.now, []pawl.NewTask{task(), n}); err == nil || !strings.Contains(err.Error(), "run/"+n.Row.ID.String()) {
				t.Errorf("Add with %+v = %v; want an error that names the budget", b, err)
			}
		}
		is(t, "tasks", len(t.list(pawl.Filter{})), 0)
		is(t, "budgets", len(t.status().Budgets), 0)
	}},
	{"forgotten with its run", "what a run's budget had used goes with the last of the run's tasks, and not before: a store does not fill with budgets of what is long gone", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfRun, Calls: 50})
		var all []pawl.ID
		for i := range 6 {
			n := task()
			if i%2 == 0 {
				n.Budget = &pawl.Budget{Tokens: 1000}
			}
			t.add(n)
			all = append(all, n.Row.ID)
			r := t.take()
			t.spend(r, "a/1", 10)
			t.finish(r, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(behind(r))} })
			r = t.take()
			t.spend(r, "a/1", 10)
			t.finish(r, pawl.Succeeded)
		}
		is(t, "budgets", len(t.status().Budgets), 4)
		is(t, "accounts", t.budgetOf("run/*").Of, 3)
		t.one(pawl.Delete, pawl.FollowID(all[0]))
		is(t, "budgets after a later task is removed", len(t.status().Budgets), 4)
		t.change(pawl.Delete, pawl.Filter{IDs: all[:4]})
		is(t, "budgets after the first run is removed, and three in part", len(t.status().Budgets), 3)
		is(t, "accounts after that", t.budgetOf("run/*").Of, 3)
		for _, first := range all[1:4] {
			t.one(pawl.Delete, pawl.FollowID(first))
		}
		is(t, "budgets after four runs are removed", len(t.status().Budgets), 2)
		is(t, "accounts after four runs are removed", t.budgetOf("run/*").Of, 1)
	}},
	{"repeats", "an agent that asks the same again and again is stopped, whichever of its run's tasks asks, until somebody lets it go on", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfRun, Repeats: 2})
		t.put()
		r := t.keep()
		asks := func(key string, state uint64) pawl.Grant {
			return t.call(r, key, 10, func(v *pawl.Reservation) { v.State = state })
		}
		for i, state := range []uint64{1 << 40, 2 << 40, 1 << 40, 0, 0, 0, 2 << 40, 3 << 40} {
			key := fmt.Sprint("ask/", i)
			is(t, "OK", asks(key, state).OK, true)
			t.answer(r, key, 10)
		}
		asks("failed", 3<<40)
		t.settle(r, pawl.Settlement{Key: "failed", Outcome: pawl.CallFailed})
		s := t.stopped(asks("x", 1<<40))
		if s.Budget != "run/*" || s.Never || !s.Until.IsZero() || !strings.Contains(s.Why, "2 times") {
			t.Errorf("Stop = %+v; want one of run/* that says 2 times, and no end", s)
		}
		t.stopped(asks("y", 4<<40))
		is(t, "Stopped", t.budgetOf("run/*").Accounts[0].Stopped, s.Why)
		t.configure(pawl.Setting{Raise: true, Budget: &pawl.Budget{Scope: pawl.OfRun, Repeats: 1}})
		is(t, "Stopped", t.budgetOf("run/*").Accounts[0].Stopped, "")
		is(t, "OK", asks("x", 1<<40).OK, true)
		t.answer(r, "x", 10)
		t.stopped(asks("z", 1<<40))
		t.put()
		is(t, "OK in another run", t.call(t.take(), "x", 10, func(v *pawl.Reservation) { v.State = 1 << 40 }).OK, true)
	}},
	{"repeats of calls under way", "those who ask the same at the same time are not let past the guard because none of them has its answer yet", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfRun, Repeats: 2})
		run := t.put()
		t.put(inRun(run))
		tasks := t.claim(2).Tasks
		r, other := tasks[0], tasks[1]
		asks := func(r *pawl.TaskRow, key string, state uint64) pawl.Grant {
			return t.call(r, key, 10, func(v *pawl.Reservation) { v.State = state })
		}
		waits := func(g pawl.Grant) {
			t.Helper()
			if g.OK || g.Stop != nil || g.Wait <= 0 || g.Gate.Name != pawl.GateBudget || !strings.Contains(g.Gate.Reason, "2 calls under way") {
				t.Errorf("Grant = %+v; want it to wait for 2 calls under way", g)
			}
		}
		is(t, "OK", asks(r, "a/1", 1<<40).OK, true)
		is(t, "OK, asked once more", asks(r, "a/1", 1<<40).OK, true)
		is(t, "OK", asks(other, "b/1", 1<<40).OK, true)
		waits(asks(r, "c/1", 1<<40))
		waits(asks(other, "c/1", 1<<40))
		is(t, "OK of another state", asks(r, "d/1", 2<<40).OK, true)
		for i, o := range []pawl.CallOutcome{pawl.CallNotSent, pawl.CallThrottled, pawl.CallFailed, pawl.CallUnknown} { // which are no answers
			t.settle(r, pawl.Settlement{Key: "a/1", Outcome: o, Reason: "so"})
			is(t, "OK after one that is "+string(o), asks(r, "a/1", 1<<40).OK, true)
			waits(asks(r, fmt.Sprint("c/", i), 1<<40))
		}
		t.answer(r, "a/1", 10)
		g := asks(r, "c/1", 1<<40)
		is(t, "OK, or Stop, with one answered and one under way", g.OK || g.Stop != nil, false)
		t.answer(other, "b/1", 10)
		t.stopped(asks(r, "c/1", 1<<40))
		t.answer(r, "d/1", 10)
		t.stopped(asks(other, "c/1", 1<<40))
	}},
	{"repeats of what ends by itself", "calls that die with their worker, and those of a budget that is set meanwhile, are under way no longer than they are", func(t *trial) {
		run := t.put()
		r := t.take()
		asks := func(r *pawl.TaskRow, key string) pawl.Grant {
			return t.call(r, key, 10, func(v *pawl.Reservation) { v.State = 1 << 40 })
		}
		b := pawl.Budget{Scope: pawl.OfRun, Calls: 100}
		t.budget(b)
		is(t, "OK", asks(r, "a/1").OK, true)
		b.Repeats = 1
		t.budget(b)
		is(t, "OK while one is under way", asks(r, "b/1").OK, false)
		t.settle(r, pawl.Settlement{Key: "a/1", Outcome: pawl.CallNotSent})
		is(t, "OK", asks(r, "b/1").OK, true)
		t.configure(pawl.Setting{Budget: &b, Remove: true})
		t.budget(b)
		is(t, "OK while one of the budget before is under way", asks(r, "c/1").OK, false)
		t.pass(lease)
		t.tick()
		r = t.take()
		is(t, "Run", r.Run, run)
		is(t, "OK", asks(r, "a/2").OK, true)
		t.answer(r, "a/2", 10)
		t.stopped(asks(r, "b/2"))
	}},
}

// stoppedTask sets a budget of 1,000 tokens for each user, and returns a task of ann's
// that has used 800 of them and was stopped at 300 more.
func (t *trial) stoppedTask(per pawl.Period) (pawl.ID, *pawl.TaskRow, *pawl.Stop) {
	t.Helper()
	t.budget(pawl.Budget{Scope: pawl.OfUser, Per: per, Tokens: 1000})
	id := t.put(user("ann"))
	r := t.keep()
	t.spend(r, "a/1", 800)
	return id, r, t.stopped(t.call(r, "b/1", 300))
}

// spend makes a call that uses what was expected.
func (t *trial) spend(r *pawl.TaskRow, key string, tokens int) {
	t.Helper()
	is(t, "OK", t.call(r, key, tokens).OK, true)
	t.answer(r, key, tokens)
}

// stop ends an attempt that a budget has stopped.
func (t *trial) stop(r *pawl.TaskRow, s *pawl.Stop) {
	t.Helper()
	t.finish(r, pawl.Blocked, func(f *pawl.Finish) {
		f.Park = &pawl.Park{Stop: s}
		if !s.Until.IsZero() {
			f.Delay = max(s.Until.Sub(t.now), time.Microsecond)
		}
	})
}

func (t *trial) resume(budget string, f pawl.Filter) []pawl.ID {
	t.Helper()
	resumed, err := t.store.Change(t.ctx, t.now, f, pawl.Change{Do: pawl.Resume, Budget: budget})
	t.must("Change", err)
	return resumed
}

func (t *trial) removeAndSet(b pawl.Budget) {
	t.Helper()
	t.configure(pawl.Setting{Remove: true, Budget: &b})
	t.pass(time.Millisecond)
	t.budget(b)
}
