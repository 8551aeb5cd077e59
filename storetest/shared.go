package storetest

import (
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// RunShared holds a store that several processes share to the same contract when
// they do. Each case gets two handles of one empty store from open, as two
// processes would open it, and closes both.
func RunShared(t *testing.T, open func(t *testing.T) (a, b pawl.Store)) {
	for _, g := range []struct {
		name  string
		rules []sharedRule
	}{{"shared", sharedRules}, {"workers", sharedWorkerRules}, {"events of others", sharedEventRules}, {"at once", raceRules}, {"waits at once", waitRaces}} {
		t.Run(g.name, func(t *testing.T) {
			for _, r := range g.rules {
				t.Run(r.name, func(t *testing.T) {
					defer func() {
						if t.Failed() {
							t.Logf("why this is so: %s", r.why)
						}
					}()
					a, b := open(t)
					r.run(&shared{newTrial(t, a), newTrial(t, b)})
				})
			}
		})
	}
}

// sharedRule is one case of what two processes may rely on.
type sharedRule struct {
	name, why string
	run       func(*shared)
}

// shared is one case at work, at two handles of one store.
type shared struct{ a, b *trial }

// pass lets time pass for both.
func (s *shared) pass(d time.Duration) {
	s.a.pass(d)
	s.b.pass(d)
}

var sharedRules = []sharedRule{
	{"one store", "what one process writes the other one reads, to the last field", func(s *shared) {
		n := wholeTask(s.a)
		s.a.add(n)
		s.b.reach(pawl.Dead)
		all := pawl.Filter{Steps: true}
		same(s.a, s.a.list(all), s.b.list(all))
		is(s.a, "tasks", len(s.a.list(all)), 2)
		same(s.a, s.a.groups(pawl.Filter{}), s.b.groups(pawl.Filter{}))
		status, err := s.a.store.Status(s.a.ctx, s.a.now)
		s.a.must("Status", err)
		other, err := s.b.store.Status(s.b.ctx, s.b.now)
		s.b.must("Status", err)
		same(s.a, status, other)
	}},
	{"one line", "priority and age hold across processes: whoever asks gets what comes first", func(s *shared) {
		low := s.a.put(priority(pawl.Low))
		first := s.b.put()
		high := s.a.put(priority(pawl.High))
		second := s.a.put()
		third := s.b.put()
		s.b.took(s.b.claim(1), high)
		s.a.took(s.a.claim(2), first, second)
		s.b.took(s.b.claim(9), third, low)
	}},
	{"one turn", "users take turns in the whole store, not in each process", func(s *shared) {
		s.a.putMany(20, user("x"), tokens(10))
		s.b.putMany(20, user("y"), tokens(10))
		users := ""
		for range 4 {
			users += usersOf(s.a.claim(1)) + usersOf(s.b.claim(1))
		}
		is(s.a, "users", users, "xyxyxyxy")
	}},
	{"usage counts everywhere", "what a task used at one process is charged to its user at the other one", func(s *shared) {
		s.a.putMany(10, user("x"), tokens(10))
		s.a.putMany(10, user("y"), tokens(10))
		r := s.a.take()
		is(s.a, "User", r.User, "x")
		s.a.finish(r, pawl.Succeeded, usage(50))
		is(s.b, "users", usersOf(s.b.claim(5)), "yyyyy")
	}},
	{"lines take turns everywhere", "queues of equal priority take turns by the claims of all", func(s *shared) {
		s.a.putMany(20, queue("x"))
		s.b.putMany(20, queue("y"))
		count := map[string]int{}
		for range 5 {
			for _, r := range append(s.a.claim(1).Tasks, s.b.claim(1).Tasks...) {
				count[r.Queue]++
			}
		}
		is(s.a, "tasks of x", count["x"], 5)
	}},
	{"one limit", "two processes together get what the limit allows, and not each", func(s *shared) {
		s.a.configure(tokensPerSecond("lim"))
		s.b.configure(tokensPerSecond("lim"))
		s.a.putMany(20, on("lim"), tokens(300))
		is(s.a, "tasks at a", len(s.a.claim(2).Tasks), 2)
		is(s.b, "tasks at b", len(s.b.claim(9).Tasks), 1)
		s.a.level("lim", 100)
		s.b.level("lim", 100)
		isTime(s.b, "Next", s.b.none(), start.Add(2*time.Second))
	}},
	{"calls in flight", "a call that ends at one process makes room at the other one", func(s *shared) {
		s.a.configure(set("lim", limit.Config{InFlight: 1}))
		s.a.putMany(2, on("lim"))
		r := s.a.take()
		s.b.none()
		s.a.finish(r, pawl.Succeeded)
		s.b.take()
	}},
	{"later calls wait for all", "a call's turn is behind those of both processes", func(s *shared) {
		s.a.configure(tokensPerSecond("lim"))
		s.a.putMany(2, on("lim"), tokens(500))
		r, q := s.a.take(), s.b.take()
		s.a.reserve(r, "a", 500)
		s.b.reserve(q, "a", 500)
		s.a.wantGrant(s.a.reserve(r, "b", 300), true, 3*time.Second, "tokens")
		s.b.wantGrant(s.b.reserve(q, "b", 200), true, 5*time.Second, "tokens")
	}},
	{"a throttle", "what the provider tells one process the other one keeps to; one probe goes first", func(s *shared) {
		s.a.throttle(30 * time.Second)
		s.b.put(on("lim"))
		isTime(s.b, "Next", s.b.none(), start.Add(30*time.Second))
		s.pass(30 * time.Second)
		is(s.b, "tasks at b after the pause", len(s.b.claim(9).Tasks), 1)
		s.a.none()
	}},
	{"pauses and holds", "an operator stops a queue or a limit for all workers, from anywhere", func(s *shared) {
		x, y := s.a.put(queue("x")), s.a.put(on("lim"))
		s.a.configure(pawl.Setting{Queue: "x", Pause: true}, pawl.Setting{Limit: "lim", Hold: "budget"})
		s.b.none()
		is(s.b, "HoldReason", s.b.limit("lim").State.HoldReason, "budget")
		s.b.configure(pawl.Setting{Queue: "x"})
		s.a.took(s.a.claim(9), x)
		s.b.configure(pawl.Setting{Limit: "lim", Resume: true})
		s.a.took(s.a.claim(9), y)
	}},
	{"opening budgets", "a budget that one process sets opens with what the other one has spent, and spends what that one has under way", func(s *shared) {
		r := s.a.begun(user("ann"))
		s.a.paidCall(r, "a", 100)
		s.a.call(r, "b", 50, priced)
		b := pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Tokens: 1000}
		s.b.budget(b)
		s.b.holds("user/* per day", "ann", pawl.Spent{Tokens: 100, Money: 1500, Calls: 1}, pawl.Spent{})
		s.a.answer(r, "b", 40)
		s.a.holds("user/* per day", "ann", pawl.Spent{Tokens: 140, Money: 2100, Calls: 2}, pawl.Spent{})
		s.b.holds("user/* per day", "ann", pawl.Spent{Tokens: 140, Money: 2100, Calls: 2}, pawl.Spent{})
	}},
	{"joined", "the same question asked of two processes is answered once", func(s *shared) {
		id := s.a.put(identity(1))
		s.b.joins(task(identity(1)), id)
		rejected := s.b.add(task(identity(1), duplicates(pawl.Reject)))[0]
		is(s.b, "Added", rejected, pawl.Added{ID: id, Run: id, As: pawl.AsRejected})
		s.b.finish(s.b.take(), pawl.Succeeded)
		again := s.a.add(task(identity(1), reuse(time.Minute)))[0]
		is(s.a, "Added", again, pawl.Added{ID: id, Run: id, As: pawl.AsReused})
	}},
	{"replaced", "a task that waits at one process is cancelled for a newer one of the other", func(s *shared) {
		old := s.a.put(identity(1))
		n := task(identity(1), duplicates(pawl.Replace))
		is(s.b, "As", s.b.add(n)[0].As, pawl.AsReplacement)
		s.a.in(old, pawl.Cancelled)
		s.a.took(s.a.claim(9), n.Row.ID)
	}},
	{"added again elsewhere", "a caller that lost its connection may ask another process: it is still one task", func(s *shared) {
		n := task()
		s.a.add(n)
		is(s.b, "As", s.b.add(n)[0].As, pawl.AsNew)
		is(s.b, "tasks", len(s.b.claim(9).Tasks), 1)
	}},
	{"leases", "a task is one worker's, wherever the others are", func(s *shared) {
		id := s.a.put()
		r := s.a.take()
		s.b.none()
		s.pass(lease - time.Second)
		is(s.a, "Beat", s.a.beat(r), pawl.Beat{})
		s.pass(lease - time.Second)
		isTime(s.b, "Next", s.b.none(), s.b.now.Add(time.Second))
		s.pass(time.Second)
		again := s.b.take()
		is(s.b, "ID", again.ID, id)
		is(s.b, "Attempt", again.Attempt, 2)
		s.a.lost("Finish", s.a.finishAs(outcome(r, pawl.Succeeded)))
		is(s.a, "Lost", s.a.beat(r).Lost, true)
		s.b.finish(again, pawl.Succeeded)
		s.a.in(id, pawl.Succeeded)
	}},
	{"another handle of one worker", "a lease belongs to whoever knows it: a worker that connects anew goes on", func(s *shared) {
		id := s.a.put()
		r := s.a.take()
		is(s.b, "Beat", s.b.beat(r), pawl.Beat{})
		s.b.must("Save", s.b.saveAs(pawl.Save{Lease: r.Lease(), Step: &pawl.StepRow{Key: "k", Name: "k", Result: []byte("1")}}))
		s.b.finish(r, pawl.Succeeded)
		s.a.must("Finish again", s.a.finishAs(outcome(r, pawl.Succeeded)))
		is(s.a, "attempts", len(s.a.row(id).Attempts), 1)
		is(s.a, "steps", len(s.a.row(id).Steps), 1)
	}},
	{"a claim that failed", "a worker that connects anew is told what its lost claim took", func(s *shared) {
		id := s.a.put()
		r := s.a.take()
		again := s.b.claimKnowing(9)
		s.b.took(again, id)
		same(s.b, again.Tasks[0], r)
	}},
	{"steps of a dead worker", "what one process stored another one goes on from", func(s *shared) {
		s.a.put(talk(s.a.nodes(pawl.Hash{}, "a")))
		r := s.a.take()
		said := s.a.steps(r, r.Conversation, "b")
		s.pass(lease)
		again := s.b.take()
		is(s.b, "steps", len(again.Steps), 1)
		is(s.b, "Head", again.Head, said[0].Hash)
		s.b.talk(again.Head, "a", "b")
	}},
	{"conversations", "messages are stored once for all, and a task may start from what another process stored", func(s *shared) {
		chain := s.a.nodes(pawl.Hash{}, "a", "b")
		first := s.a.put(talk(chain))
		n := task()
		n.Row.Conversation = chain[0].Hash
		s.b.add(n)
		s.b.talk(chain[1].Hash, "a", "b")
		s.b.remove(first)
		s.a.forgotten(chain[1].Hash)
		s.a.talk(chain[0].Hash, "a")
	}},
	{"cancelled elsewhere", "an operator stops a task that runs at another process", func(s *shared) {
		id := s.a.put()
		r := s.a.take()
		s.b.one(pawl.Cancel, id)
		is(s.a, "Beat", s.a.beat(r), pawl.Beat{Cancelled: true})
		s.a.finish(r, pawl.Pending)
		s.b.in(id, pawl.Cancelled)
	}},
	{"what falls due", "any process's claim brings about what is due, for all", func(s *shared) {
		due, late := s.a.put(delay(time.Minute)), s.a.put(deadline(start.Add(time.Minute)))
		s.pass(time.Minute)
		s.b.tick()
		s.a.in(due, pawl.Pending)
		s.a.in(late, pawl.Dead)
	}},
	{"usage of a lost attempt", "a task poisoned by workers of two processes is dead for both", func(s *shared) {
		id := s.a.put()
		for _, t := range []*trial{s.a, s.b, s.a} {
			r := t.take()
			step := pawl.StepRow{Key: "k" + r.Worker, Name: "ask", Call: true, Attempt: r.Attempt, Usage: llm.Usage{Output: 7}}
			t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &step}))
			s.pass(lease)
			t.tick()
		}
		r := s.b.row(id)
		is(s.b, "State", r.State, pawl.Dead)
		is(s.b, "Class", r.LastAttempt().Class, pawl.Poisoned)
	}},
	{"removed elsewhere", "what one process removed is gone for the other", func(s *shared) {
		id := s.a.reach(pawl.Succeeded, identity(1))
		s.pass(time.Hour)
		is(s.b, "removed", len(s.b.change(pawl.Delete, pawl.Filter{EndedFor: time.Minute})), 1)
		s.a.found(pawl.Filter{IDs: []pawl.ID{id}})
		s.a.put(identity(1), reuse(2*time.Hour))
	}},
}
