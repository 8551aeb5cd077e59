package storetest

import (
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// withinRules are about limits within each other: an account and model families.
var withinRules = []rule{
	{"charged to both", "a family's call uses up the account too: what either turns away takes nothing of the other", func(t *trial) {
		t.account(1000, "fam", 600, "other", 5000)
		t.put(on("fam"), tokens(400))
		t.take()
		t.levels(600, "fam", 200)
		t.put(on("fam"), tokens(400))
		t.none()
		t.levels(600, "fam", 200)
		t.put(on("other"), tokens(700))
		t.none()
		t.levels(600, "other", 5000)
	}},
	{"a later call is charged to both", "a running task's call that one of the limits turns away is charged to none", func(t *trial) {
		t.account(1000, "fam", 5000)
		t.put(on("fam"), tokens(400))
		r := t.take()
		t.wantGrant(t.reserve(r, "a", 400), true, 0, "")
		g := t.reserveAs(impatient(r, "b", 700))
		is(t, "OK", g.OK, false)
		is(t, "Gate", g.Gate.Limit+" "+g.Gate.Name, "account tokens")
		t.levels(600, "fam", 4600)
		t.wantGrant(t.reserve(r, "b", 300), true, 0, "")
		t.levels(300, "fam", 4300)
	}},
	{"a smaller first call", "the difference to what the claim took goes back to both", func(t *trial) {
		t.account(1000, "fam", 5000)
		t.put(on("fam"), tokens(400))
		t.wantGrant(t.reserve(t.take(), "a", 100), true, 0, "")
		t.levels(900, "fam", 4900)
	}},
	{"a larger first call", "what the account does not hold is taken of neither, and what the claim took stays", func(t *trial) {
		t.account(1000, "fam", 5000)
		t.put(on("fam"), tokens(400))
		t.put(on("fam"), tokens(200))
		r := t.claim(2).Tasks[0]
		is(t, "OK", t.reserveAs(impatient(r, "a", 900)).OK, false)
		t.levels(400, "fam", 4400)
		t.wantGrant(t.reserve(r, "a", 800), true, 0, "")
		t.levels(0, "fam", 4000)
	}},
	{"settled with both", "real usage corrects both, and what was not sent goes back to both", func(t *trial) {
		t.account(1000, "fam", 5000)
		t.put(on("fam"), tokens(400))
		r := t.take()
		t.reserve(r, "a", 400)
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 150}})
		t.levels(850, "fam", 4850)
		t.reserve(r, "b", 400)
		t.settle(r, pawl.Settlement{Key: "b", Outcome: pawl.CallNotSent})
		t.reserve(r, "c", 400)
		t.settle(r, pawl.Settlement{Key: "c", Outcome: pawl.CallThrottled, After: time.Second, Busy: true})
		t.levels(850, "fam", 4850)
		is(t, "InFlight", t.limit("account").State.InFlight, 0)
		isTime(t, "PausedUntil of the account", t.limit("account").State.PausedUntil, time.Time{})
	}},
	{"given back to both", "a task that made no call, and one that was lost, leave nothing charged to the account that is not charged to the family", func(t *trial) {
		t.account(1000, "fam", 900)
		t.put(on("fam"), tokens(400))
		t.finish(t.take(), pawl.Succeeded)
		t.levels(1000, "fam", 900)
		id := t.put(on("fam"), tokens(300))
		r := t.take()
		t.reserve(r, "a", 300)
		t.pass(lease)
		t.tick()
		t.one(pawl.Cancel, id)
		t.levels(700, "fam", 600)
		is(t, "InFlight", t.limit("account").State.InFlight, 0)
	}},
	{"a held account", "an account without credit stops all of its families", func(t *trial) {
		t.account(1000, "fam", 1000, "other", 1000)
		t.putMany(2, on("fam"))
		r := t.take()
		t.configure(pawl.Setting{Limit: "account", Hold: "bill"})
		t.put(on("other"))
		isTime(t, "Next", t.claim(1).Next, start.Add(lease)) // of the task that runs
		g := t.reserve(r, "a", 1)
		t.wantGrant(g, false, 0, "held")
		is(t, "Gate", g.Gate.Limit+" "+g.Gate.Reason, "account bill")
		t.configure(pawl.Setting{Limit: "account", Resume: true})
		is(t, "tasks", len(t.claim(5).Tasks), 2)
	}},
	{"a family that is used up", "only the limit that is exhausted stops: other families of the account go on", func(t *trial) {
		t.account(10_000, "fam", 100, "other", 5000)
		t.putMany(3, on("fam"), tokens(100))
		t.putMany(3, on("other"), tokens(100))
		is(t, "tasks", len(t.claim(9).Tasks), 4)
		t.levels(9600, "fam", 0)
		t.levels(9600, "other", 4700)
	}},
	{"places of the account", "calls in flight are counted where they are limited, whichever family they are of", func(t *trial) {
		t.account(1000, "fam", 1000, "other", 1000)
		t.configure(set("account", limit.Config{InFlight: 1}))
		t.put(on("fam"))
		t.put(on("other"))
		r := t.take()
		t.none()
		t.finish(r, pawl.Succeeded)
		t.take()
	}},
	{"a blocked account holds all", "credit is the account's: the outermost limit is held, until the time that the provider named", func(t *trial) {
		t.account(1000, "fam", 1000, "other", 1000)
		t.put(on("fam"))
		r := t.take()
		t.reserve(r, "a", 1)
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallBlocked, After: time.Hour, Reason: "credit"})
		t.finish(r, pawl.Pending)
		t.put(on("other"))
		isTime(t, "Next", t.none(), start.Add(time.Hour))
		is(t, "Held", t.limit("fam").State.Held, false)
		is(t, "HoldReason", t.limit("account").State.HoldReason, "credit")
		t.levels(1000, "fam", 1000)
		t.pass(time.Hour)
		is(t, "tasks", len(t.claim(5).Tasks), 2)
	}},
	{"three deep", "a chain is charged to its end", func(t *trial) {
		t.configure(within("a", "b"), within("b", "c"), pawl.Setting{Limit: "c", Config: slow(500)})
		t.put(on("a"), tokens(200))
		t.take()
		t.level("c", 300)
		t.put(on("a"), tokens(400))
		t.none()
	}},
	{"moved out of the account", "a call that was charged to an account is settled there, whatever is configured since", func(t *trial) {
		t.account(1000, "fam", 1000)
		t.put(on("fam"), tokens(400))
		t.put(on("fam"), tokens(400))
		c := t.claim(2)
		is(t, "tasks", len(c.Tasks), 2)
		t.reserve(c.Tasks[0], "a", 400)
		t.configure(pawl.Setting{Limit: "fam", Config: slow(1000)})
		t.settle(c.Tasks[0], pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 100}})
		t.levels(500, "fam", 500)
		t.wantGrant(t.reserve(c.Tasks[1], "a", 300), true, 0, "")
		t.levels(900, "fam", 600)
		is(t, "InFlight", t.limit("account").State.InFlight, 0)
	}},
	{"no circles", "a limit within itself would be charged for ever", func(t *trial) {
		t.refused(within("a", "a"))
		t.refused(within("a", "b"), within("b", "a"))
		t.configure(within("a", "b"), within("b", "c"))
		t.refused(within("c", "a"))
		t.refused(within("c", pawl.NoLimit))
		t.configure(within("b", ""), within("c", "a"))
	}},
	{"no endless chains", "each call is charged to all of a chain, so that is short", func(t *trial) {
		t.configure(chain("l", 4)...)
		t.configure(chain("r", 5)...)
		t.refused(chain("x", 9)...)
		t.configure(chain("x", 8)...)
		t.refused(within("l3", "r0")) // nine from l0 to r4
		t.configure(within("l3", "r1"))
		t.refused(within("r4", "y"))
	}},
}

// account configures an account that holds so many tokens, and families within it,
// each with what it holds. None refills so that a case sees it.
func (t *trial) account(holds float64, families ...any) {
	t.Helper()
	settings := []pawl.Setting{{Limit: "account", Config: slow(holds)}}
	for i := 0; i < len(families); i += 2 {
		c := slow(float64(families[i+1].(int)))
		c.Within = "account"
		settings = append(settings, pawl.Setting{Limit: families[i].(string), Config: c})
	}
	t.configure(settings...)
}

// levels checks what is left of the account and of one family.
func (t *trial) levels(account float64, family string, want float64) {
	t.Helper()
	t.level("account", account)
	t.level(family, want)
}

// impatient is a call that does not wait.
func impatient(r *pawl.TaskRow, key string, tokens int) pawl.Reservation {
	return pawl.Reservation{Lease: r.Lease(), Key: key, Limit: r.Limit, Size: limit.Size{Output: tokens}}
}

func within(name, other string) pawl.Setting { return set(name, limit.Config{Within: other}) }

// chain returns n limits within each other; the first is the innermost.
func chain(name string, n int) []pawl.Setting {
	settings := make([]pawl.Setting, n-1)
	for i := range settings {
		settings[i] = within(fmt.Sprint(name, i), fmt.Sprint(name, i+1))
	}
	return settings
}

// refused checks that settings are not made true, none of them.
func (t *trial) refused(settings ...pawl.Setting) {
	t.Helper()
	before, err := t.store.Status(t.ctx, t.now)
	t.must("Status", err)
	if err := t.store.Configure(t.ctx, t.now, settings); err == nil {
		t.Errorf("Configure of %+v = nil; want an error", settings)
	}
	after, err := t.store.Status(t.ctx, t.now)
	t.must("Status", err)
	is(t, "limits", fmt.Sprint(after.Limits), fmt.Sprint(before.Limits))
}
