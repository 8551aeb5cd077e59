package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

var turnRules = []rule{
	{"a new user is next", "one user with 10,000 waiting tasks must not delay another one's first", func(t *trial) {
		for range 10 {
			t.putMany(1000, user("a"), tokens(100))
		}
		t.claim(500)
		t.put(user("b"), tokens(100))
		if got := usersOf(t.claim(2)); !strings.Contains(got, "b") {
			t.Errorf("the next two tasks are of %s; want b among them", got)
		}
	}},
	{"users alternate", "users with equal tasks take turns one by one", func(t *trial) {
		for _, u := range []string{"a", "b", "c"} {
			t.putMany(3, user(u), tokens(10))
		}
		is(t, "users", usersOf(t.claim(9)), "abcabcabc")
	}},
	{"nobody named is a user", "tasks without a user share one turn, as those of one user do", func(t *trial) {
		t.putMany(100, tokens(10))
		t.put(user("b"), tokens(10))
		is(t, "users of the first two", usersOf(t.claim(2)), "b")
	}},
	{"a claim goes on in a line", "a claim that comes back to a user's line must go on behind what it has taken", func(t *trial) {
		t.putMany(300, user("a"), tokens(1))
		seen := map[pawl.ID]bool{}
		for most := 1; most <= 20; most++ {
			t.put(user("b"), tokens(1))
			for _, n := range []int{1, most} { // a store may read ahead what it read the last time
				rows := t.claim(n).Tasks
				is(t, "tasks that were claimed", len(rows), n)
				for _, r := range rows {
					if seen[r.ID] {
						t.Fatalf("%s was claimed twice, the second time by a claim of %d", r.ID, n)
					}
					seen[r.ID] = true
				}
			}
		}
	}},
	{"equal tokens", "turns are counted in tokens, not in tasks: large tasks must not buy a larger share", func(t *trial) {
		t.putMany(100, user("a"), tokens(100))
		t.putMany(1000, user("b"), tokens(10))
		spent := map[string]int{}
		for range 22 {
			for _, r := range t.claim(10).Tasks {
				spent[r.User] += r.Size.Output
			}
		}
		near(t, spent["a"], spent["b"], 110)
	}},
	{"input counts", "what a call reads is paid for as well: characters count as tokens", func(t *trial) {
		large := func(n *pawl.NewTask) { n.Row.Size.Chars = 396 }
		t.putMany(100, user("a"), large)
		t.putMany(1000, user("b"), tokens(10))
		count := strings.Count(usersOf(t.claim(220)), "a")
		near(t, count, 20, 1)
	}},
	{"real usage corrects the turn", "an estimate that is too low must not give a user more than the others", func(t *trial) {
		t.putMany(300, user("a"), tokens(10))
		t.putMany(300, user("b"), tokens(10))
		spent := map[string]int{}
		for range 220 {
			r := t.take()
			used := 10
			if r.User == "a" {
				used = 100
			}
			spent[r.User] += used
			t.finish(r, pawl.Succeeded, usage(used))
		}
		near(t, spent["a"], spent["b"], 110)
	}},
	{"less used, sooner next", "an estimate that is too high is given back", func(t *trial) {
		t.putMany(300, user("a"), tokens(100))
		t.putMany(300, user("b"), tokens(100))
		count := map[string]int{}
		for range 110 {
			r := t.take()
			count[r.User]++
			used := 100
			if r.User == "a" {
				used = 10
			}
			t.finish(r, pawl.Succeeded, usage(used))
		}
		near(t, count["a"], 100, 2)
	}},
	{"a throttled task is not charged", "a user whose call was turned away has used nothing", func(t *trial) {
		t.putMany(3, user("a"), tokens(1000))
		t.putMany(30, user("b"), tokens(100))
		for range 5 {
			r := t.take()
			for r.User != "a" {
				t.finish(r, pawl.Succeeded, usage(100))
				r = t.take()
			}
			t.finish(r, pawl.Pending)
		}
		is(t, "tasks of b that were done", len(t.list(pawl.Filter{User: "b", States: []pawl.State{pawl.Succeeded}})) <= 5, true)
	}},
	{"turned away gives no credit", "a task that returns larger than it was must not pay its user for it", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.putMany(20, user("a"), on("lim"), tokens(10))
		t.putMany(60, user("b"), on("lim"), tokens(10))
		c := t.claim(4)
		is(t, "users", usersOf(c), "abab")
		t.finish(c.Tasks[0], pawl.Succeeded, usage(500))
		away := c.Tasks[2]
		if g := t.reserveAs(pawl.Reservation{Lease: away.Lease(), Key: "k", Limit: "lim", Size: limit.Size{Output: 5000}}); g.OK {
			t.Fatalf("Reserve of more than there is, without patience = %+v; want not OK", g)
		}
		t.finish(away, pawl.Pending)
		t.one(pawl.Cancel, away.ID)
		near(t, strings.Count(usersOf(t.claim(20)), "a"), 0, 1)
	}},
	{"no credit for idle time", "a user who was away must not push all others aside on coming back", func(t *trial) {
		t.put(user("a"), tokens(10))
		t.take()
		t.putMany(100, user("b"), tokens(10))
		t.claim(50)
		t.putMany(100, user("a"), tokens(10))
		near(t, strings.Count(usersOf(t.claim(40)), "a"), 20, 1)
	}},
	{"debts are kept", "a user must not get rid of a charge by waiting until the line is empty", func(t *trial) {
		t.put(user("b"), tokens(10))
		t.put(user("a"), tokens(10))
		for range 2 {
			r := t.take()
			used := 10
			if r.User == "a" {
				used = 500
			}
			t.finish(r, pawl.Succeeded, usage(used))
		}
		t.putMany(60, user("a"), tokens(10))
		t.putMany(60, user("b"), tokens(10))
		near(t, strings.Count(usersOf(t.claim(40)), "a"), 0, 1)
	}},
	{"newcomers starve nobody", "a stream of users with one task each must not pass a waiting user for ever", func(t *trial) {
		t.putMany(2, user("old"), tokens(100))
		t.take()
		for i := range 20 {
			t.put(user(fmt.Sprint("new ", i)), tokens(100))
			if t.take().User == "old" {
				return
			}
		}
		t.Error("20 users who came later went before the second task of one who waited")
	}},
	{"a lost attempt's calls count", "tokens were used even if the worker died afterwards", func(t *trial) {
		t.put(user("a"), tokens(10))
		r := t.take()
		err := t.saveAs(pawl.Save{Lease: r.Lease(), Step: &pawl.StepRow{Key: "k", Name: "ask", Call: true, Attempt: r.Attempt, Usage: llm.Usage{Output: 1000}}})
		t.must("Save", err)
		t.pass(time.Hour)
		t.tick()
		t.putMany(2, user("b"), tokens(10))
		is(t, "users", usersOf(t.claim(3)), "bba")
	}},
	{"turns are of a queue and limit", "what a user does in one queue does not count in another", func(t *trial) {
		t.putMany(10, user("a"), queue("x"), tokens(1000))
		t.claim(10)
		t.putMany(10, user("a"), queue("y"), tokens(10))
		t.putMany(10, user("b"), queue("y"), tokens(10))
		is(t, "users", usersOf(t.claim(6)), "ababab")
	}},
}

// usage says that an attempt made a call that used so many tokens.
func usage(tokens int) func(*pawl.Finish) {
	return func(f *pawl.Finish) {
		f.Attempt.Calls, f.Attempt.Usage = 1, llm.Usage{Output: int64(tokens)}
	}
}

// near checks that two numbers differ by no more than within.
func near(t *trial, got, want, within int) {
	t.Helper()
	if got < want-within || got > want+within {
		t.Errorf("%d; want %d, give or take %d", got, want, within)
	}
}
