package storetest

import (
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// ceilingRules are about what each user may use of a limit, and about days.
var ceilingRules = []rule{
	{"tokens a minute", "at a ceiling that user's tasks wait, and no other's", func(t *trial) {
		t.ceiling(limit.Ceiling{Tokens: 1000})
		t.waitsFor(36 * time.Second)
	}},
	{"tokens a day", "a ceiling of a day gives all of it at once, and comes back with the day", func(t *trial) {
		t.ceiling(limit.Ceiling{TokensPerDay: 1000})
		t.waitsFor(14*time.Hour + 24*time.Minute)
	}},
	{"money a day", "what a user may spend is money, whatever it is spent on", func(t *trial) {
		t.ceiling(limit.Ceiling{CostPerDay: 0.01}) // 1,000 tokens of output
		t.waitsFor(14*time.Hour + 24*time.Minute)
	}},
	{"nobody's tasks", "a task without a user has no ceiling", func(t *trial) {
		t.ceiling(limit.Ceiling{Tokens: 1000, TokensPerDay: 1000, CostPerDay: 0.01})
		t.putMany(9, on("lim"), tokens(800))
		is(t, "tasks", len(t.claim(9).Tasks), 9)
		is(t, "Users", t.limit("lim").Users, 0)
	}},
	{"it keeps accounts", "real usage counts, what was not sent is given back, and Status tells how many users have used something", func(t *trial) {
		t.ceiling(limit.Ceiling{TokensPerDay: 1000})
		t.putMany(3, on("lim"), user("ann"), tokens(800))
		r := t.take()
		t.reserve(r, "a", 800)
		t.none()
		is(t, "Users", t.limit("lim").Users, 1)
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 100}})
		r = t.take()
		t.reserve(r, "a", 800)
		t.none()
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallNotSent})
		t.take()
	}},
	{"a running task's call", "a later call waits for its user's ceiling as well, and says so", func(t *trial) {
		t.ceiling(limit.Ceiling{Tokens: 1000})
		t.put(on("lim"), user("ann"), tokens(800))
		r := t.take()
		t.reserve(r, "a", 800)
		g := t.reserveAs(impatient(r, "b", 500))
		t.wantGrant(g, false, 18*time.Second, "tokens")
		is(t, "User", g.Gate.User, "ann")
		is(t, "Limit", g.Gate.Limit, "lim")
		t.level("lim", 9200)
		t.wantGrant(t.reserve(r, "b", 500), true, 18*time.Second, "tokens")
	}},
	{"more than the ceiling", "a call larger than a user's ceiling is not refused for ever: it goes when all of it is there", func(t *trial) {
		t.ceiling(limit.Ceiling{Tokens: 1000})
		t.put(on("lim"), user("ann"), tokens(3000))
		t.put(on("lim"), user("ann"), tokens(100))
		is(t, "tasks", len(t.claim(9).Tasks), 1)
		is(t, "Size", t.list(pawl.Filter{States: []pawl.State{pawl.Running}})[0].Size.Output, 3000)
	}},
	{"of the account", "a user's ceiling of an account counts what goes through all of its families", func(t *trial) {
		t.account(10_000, "fam", 5000, "other", 5000)
		c := slow(10_000)
		c.User.TokensPerDay = 1000
		t.configure(pawl.Setting{Limit: "account", Config: c})
		t.put(on("fam"), user("ann"), tokens(800))
		t.take()
		t.put(on("other"), user("ann"), tokens(800))
		t.put(on("other"), user("bob"), tokens(800))
		is(t, "users", usersOf(t.claim(9)), "bob")
		t.levels(8400, "other", 4200)
	}},
	{"ceilings that are full are forgotten", "a limit with a million users must not keep a page for each of them for ever", func(t *trial) {
		t.configure(set("lim", limit.Config{Tokens: 6e6, User: limit.Ceiling{Tokens: 1000}}))
		users := func(name string, n int) {
			tasks := make([]pawl.NewTask, n)
			for i := range tasks {
				tasks[i] = task(on("lim"), user(fmt.Sprint(name, i)), tokens(100))
			}
			t.add(tasks...)
			var finishes []pawl.Finish
			for _, r := range t.claim(n).Tasks {
				finishes = append(finishes, outcome(r, pawl.Succeeded))
			}
			is(t, "tasks", len(finishes), n)
			is(t, "Users", t.limit("lim").Users, n)
			_, err := t.store.Finish(t.ctx, t.now, finishes)
			t.must("Finish", err)
		}
		users("early ", 1000)
		t.pass(time.Minute)
		users("late ", 100) // and the early ones are forgotten
		t.put(on("lim"), user("early 1"), tokens(1000))
		t.take()
		t.put(on("lim"), user("early 1"), tokens(100))
		t.none()
	}},
	{"requests a day", "a day's limit gives all of its calls at once, beside the minute's", func(t *trial) {
		t.configure(set("lim", limit.Config{RequestsPerDay: 12, Requests: 60}))
		t.putMany(20, on("lim"))
		is(t, "tasks", len(t.claim(20).Tasks), 10) // 10 s of 60 a minute
		t.pass(5 * time.Second)
		is(t, "tasks", len(t.claim(20).Tasks), 2)
		t.levelOf("lim", "requests a day", 5./3600/2)
	}},
	{"all tokens of a day", "a day's tokens stop all that is new, exactly until there are enough again", func(t *trial) {
		t.configure(set("lim", limit.Config{TokensPerDay: 1000}))
		t.usedUp(14*time.Hour + 24*time.Minute)
	}},
	{"all money of a day", "so does a day's money", func(t *trial) {
		t.configure(set("lim", limit.Config{CostPerDay: 0.01, Price: limit.Price{Output: 10}}))
		t.usedUp(14*time.Hour + 24*time.Minute)
	}},
}

// ceiling configures a limit with room for all, and a ceiling of each user.
func (t *trial) ceiling(c limit.Ceiling) {
	t.Helper()
	t.configure(set("lim", limit.Config{Tokens: 60_000, User: c, Price: limit.Price{Output: 10}}))
}

// waitsFor checks that the second of two tasks of 800 tokens has to wait for so long
// at a ceiling, and others' do not.
func (t *trial) waitsFor(d time.Duration) {
	t.Helper()
	t.usedBy("ann")
	isTime(t, "Next", t.none(), start.Add(d))
	t.usedBy("bob")
	t.now = start.Add(d - time.Second)
	t.none()
	t.pass(time.Second)
	is(t, "users", usersOf(t.claim(9)), "annbob")
}

// usedUp checks that the second of two tasks of 800 tokens has to wait for so long,
// whoever's it is.
func (t *trial) usedUp(d time.Duration) {
	t.Helper()
	t.usedBy("ann")
	t.put(on("lim"), user("bob"), tokens(800))
	isTime(t, "Next", t.none(), start.Add(d))
	t.now = start.Add(d - time.Second)
	t.none()
	t.pass(time.Second)
	is(t, "tasks", len(t.claim(9).Tasks), 1)
}

// usedBy adds two tasks of 800 tokens of a user, and one of them is done.
func (t *trial) usedBy(name string) {
	t.Helper()
	t.putMany(2, on("lim"), user(name), tokens(800))
	r := t.take()
	is(t, "user", r.User, name)
	t.reserve(r, "a", 800)
	t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 800}})
	t.finish(r, pawl.Succeeded)
}
