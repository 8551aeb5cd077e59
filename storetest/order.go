package storetest

import (
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

var orderRules = []rule{
	{"priority", "within a queue and a limit, higher priority always starts first", func(t *trial) {
		low := t.putMany(3, priority(pawl.Low))
		normal := t.putMany(3)
		high := t.putMany(3, priority(pawl.High))
		t.took(t.claim(4), append(slices.Clone(high), normal[0])...)
		late := t.put(priority(pawl.High))
		t.took(t.claim(9), append([]pawl.ID{late, normal[1], normal[2]}, low...)...)
	}},
	{"priority before turns", "a user's turn counts only within a priority", func(t *trial) {
		for range 3 {
			t.put(user("a"), priority(pawl.High), tokens(1000))
		}
		t.put(user("b"))
		is(t, "users", usersOf(t.claim(4)), "aaab")
	}},
	{"first in first out", "within a user, first in is first out", func(t *trial) {
		var want []pawl.ID
		for range 3 {
			want = append(want, t.putMany(5, user("a"))...)
		}
		t.took(t.claim(100), want...)
	}},
	{"by arrival, not by id", "ids are made by callers and may be of any age when they are added", func(t *trial) {
		older, newer := task(), task()
		t.add(newer)
		t.add(older)
		t.took(t.claim(2), newer.Row.ID, older.Row.ID)
	}},
	{"a retry keeps its place", "what has waited once does not wait again behind what came later", func(t *trial) {
		first, second := t.put(), t.put()
		t.finish(t.take(), pawl.Scheduled)
		t.pass(time.Minute)
		t.tick()
		third := t.put()
		t.took(t.claim(3), first, second, third)
	}},
	{"a throttled task keeps its place", "its limit is what waits; the task did nothing wrong", keepsPlace(pawl.Pending)},
	{"what is given back keeps its place", "a worker that drains must not cost its tasks their turn", func(t *trial) {
		first, second := t.put(), t.put()
		t.finish(t.take(), pawl.Pending, func(f *pawl.Finish) { f.Attempt.Class = pawl.Released })
		t.took(t.claim(2), first, second)
	}},
	{"a lost task keeps its place", "a worker that died must not cost its tasks their turn", func(t *trial) {
		first, second := t.put(), t.put()
		t.take()
		t.pass(lease)
		t.took(t.claim(2), first, second)
	}},
	{"a dead letter keeps its place", "a retry on request is the same task, and it has waited longest", func(t *trial) {
		first, second := t.put(), t.put()
		t.finish(t.take(), pawl.Dead)
		t.one(pawl.Retry, first)
		t.took(t.claim(2), first, second)
	}},
	{"cancelled and retried before it ran", "a task stands in its line once, however often it leaves and returns", func(t *trial) {
		waiting := t.putMany(3)
		for range 3 {
			t.one(pawl.Cancel, waiting[1])
			t.one(pawl.Retry, waiting[1])
		}
		t.took(t.claim(10), waiting...)
	}},
	{"many return", "several that return at once stand in the order in which they were added", func(t *trial) {
		waiting := t.putMany(20)
		taken := t.claim(10).Tasks
		for _, i := range []int{7, 2, 9, 0, 5, 1, 8, 3, 6, 4} {
			t.finish(taken[i], pawl.Pending)
		}
		t.took(t.claim(100), waiting...)
	}},
	{"operations of other workers", "what this worker cannot do must not stand in the way of what it can", func(t *trial) {
		t.put(operation("other"), priority(pawl.High))
		t.put(operation("other"), user("b"))
		t.put()
		t.put(user("b"))
		is(t, "tasks for this worker", len(t.claim(10).Tasks), 2)
		other := ask(10)
		other.Operations = []string{"other"}
		is(t, "tasks for the other worker", len(t.claimAs(other).Tasks), 2)
	}},
	{"several operations", "a user's tasks of different operations stand in one line", func(t *trial) {
		a := t.put(operation("a"))
		b := t.put(operation("b"))
		c := t.put(operation("a"))
		all := ask(10)
		all.Operations = []string{"b", "a"}
		t.took(t.claimAs(all), a, b, c)
	}},
	{"queues", "a worker gets tasks of its queues only, and of all if it names none", func(t *trial) {
		x, y, z := t.put(queue("x")), t.put(queue("y")), t.put(queue("z"))
		some := ask(10)
		some.Queues = []string{"z", "x"}
		got := ids(t.claimAs(some).Tasks)
		slices.SortFunc(got, compare)
		if !slices.Equal(got, []pawl.ID{x, z}) {
			t.Errorf("Claim of x and z gave %v; want %s and %s", got, x, z)
		}
		t.took(t.claim(10), y)
	}},
	{"queues take turns", "a queue with much to do must not keep another one of equal priority waiting", func(t *trial) {
		t.putMany(20, queue("x"))
		t.putMany(20, queue("y"))
		count := map[string]int{}
		for range 10 {
			for _, r := range t.claim(2).Tasks {
				count[r.Queue]++
			}
		}
		is(t, "tasks of x", count["x"], 10)
	}},
	{"paused queue", "an operator stops a queue; its tasks wait, and those of others go on", func(t *trial) {
		x, y := t.put(queue("x")), t.put(queue("y"))
		t.configure(pawl.Setting{Queue: "x", Pause: true})
		t.took(t.claim(10), y)
		later := t.put(queue("x"))
		if next := t.none(); !next.IsZero() && next.Before(t.now.Add(lease)) {
			t.Errorf("Next = %v; nothing happens before the lease ends", next)
		}
		t.configure(pawl.Setting{Queue: "x"})
		t.took(t.claim(10), x, later)
	}},
	{"closed limit", "only the limit that is exhausted stops: tasks on other limits run on", func(t *trial) {
		t.configure(tokensPerSecond("slow"), tokensPerSecond("fast"))
		t.put(on("slow"), tokens(1000), priority(pawl.High))
		t.put(on("slow"), priority(pawl.High))
		fast := t.put(on("fast"))
		free := t.put(priority(pawl.Low))
		got := ids(t.claim(10).Tasks)
		if len(got) != 3 || got[1] != fast || got[2] != free {
			t.Errorf("Claim gave %v; want the large one, %s and %s", got, fast, free)
		}
	}},
	{"no overtaking", "the first task that does not fit waits for its limit, and nothing goes past it into the same limit", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		first, second := t.put(on("lim"), tokens(500)), t.put(on("lim"), tokens(490))
		third := t.put(on("lim"), tokens(490))
		small := t.put(on("lim"))
		t.put(on("lim"), priority(pawl.Low))
		t.took(t.claim(10), first, second)
		t.pass(time.Second)
		isTime(t, "Next", t.none(), start.Add(4800*time.Millisecond))
		t.pass(3800 * time.Millisecond)
		t.took(t.claim(10), third)
		t.pass(3 * time.Second)
		t.took(t.claim(10), small) // the low one leaves half of the bucket
	}},
	{"no overtaking from another queue", "a limit that two queues share must not starve a large task in one of them", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(1000))
		t.take()
		large := t.put(on("lim"), queue("x"), tokens(450))
		t.none()
		for range 90 {
			t.put(on("lim"), queue("y"), tokens(50))
		}
		for range 9 {
			t.pass(time.Second)
			for _, r := range t.claim(10).Tasks {
				if r.ID == large {
					return
				}
			}
		}
		t.Errorf("the large task did not start by the time that its limit held enough for it")
	}},
}

// keepsPlace is the case of a task that goes back and is claimed before what
// came after it.
func keepsPlace(to pawl.State) func(*trial) {
	return func(t *trial) {
		first, second := t.put(), t.put()
		t.finish(t.take(), to)
		third := t.put()
		t.took(t.claim(3), first, second, third)
	}
}

// tokensPerSecond sets a limit of 100 tokens a second, of which it holds 1,000.
func tokensPerSecond(name string) pawl.Setting {
	return pawl.Setting{Limit: name, Config: &limit.Config{Tokens: 6000}}
}

func compare(a, b pawl.ID) int { return slices.Compare(a[:], b[:]) }

// usersOf returns the users of claimed tasks, in order.
func usersOf(c pawl.Claimed) string {
	users := ""
	for _, r := range c.Tasks {
		users += r.User
	}
	return users
}
