package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// largeRules are about calls that need more than half of a bucket, and about room
// that is left for higher priorities.
var largeRules = []rule{
	{"saved for", "a large call is saved for, out of the refill, and small ones go on with the rest", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(900))
		t.take()
		big := t.put(on("lim"), tokens(900))
		t.putMany(200, on("lim"), tokens(50))
		small, went := 0, time.Duration(0)
		for went == 0 && t.now.Before(start.Add(time.Minute)) {
			t.pass(time.Second)
			for _, r := range t.long(20).Tasks {
				if r.ID == big {
					went = t.now.Sub(start)
				} else {
					small += 50
				}
			}
		}
		if went == 0 || went > 45*time.Second {
			t.Errorf("the large call went after %v; want within 45 s: a minute's limit holds 1,000, and 1/8 to 1/2 of 100 a second are saved", went)
		}
		if half := int(went.Seconds()) * 100 / 2; small < half {
			t.Errorf("small calls used %d tokens meanwhile; want at least %d, half of the refill", small, half)
		}
	}},
	{"one after another", "several large calls go in turn, and each in a bounded time", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(900))
		t.take()
		t.putMany(5, on("lim"), tokens(800))
		t.putMany(400, on("lim"), tokens(50))
		large := 0
		for range 200 {
			t.pass(time.Second)
			for _, r := range t.long(20).Tasks {
				if r.Size.Output == 800 {
					large++
				}
			}
		}
		is(t, "large calls in 200 s", large, 5)
	}},
	{"lower priorities wait", "what a large call waits for is not used up by work of lower priority", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(300))
		t.take()
		t.put(on("lim"), tokens(900))
		t.put(on("lim"), tokens(50), priority(pawl.Low))
		small := t.put(on("lim"), tokens(50))
		t.took(t.claim(9), small)
	}},
	{"cancelled", "what is saved for a call that is cancelled is everybody's again, and the next large one is saved for", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(900))
		t.long(1)
		big := t.put(on("lim"), tokens(900))
		t.none()
		is(t, "Earmark.For", t.limit("lim").State.Earmark.For, big.String())
		t.pass(5 * time.Second)
		t.none()
		t.one(pawl.Cancel, big)
		t.pass(time.Minute)
		t.put(on("lim"), tokens(700))
		t.take()
		t.level("lim", 300)
		other := t.put(on("lim"), tokens(800))
		t.none()
		is(t, "Earmark.For", t.limit("lim").State.Earmark.For, other.String())
	}},
	{"a loan", "a call larger than a full bucket is lent the rest, which half of the refill pays back", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(1400))
		t.long(1)
		t.put(on("lim"), tokens(50))
		isTime(t, "Next", t.none(), start.Add(time.Second))
		t.pass(8 * time.Second)
		t.level("lim", 400)
		t.pass(2 * time.Second) // 400 are paid back at 50 a second
		t.level("lim", 600)
	}},
	{"of two limits", "a large call that is saved for in its family waits for the account's turn; two of them must not wait for each other", func(t *trial) {
		c := limit.Config{Tokens: 6000}
		family := limit.Config{Tokens: 6000, Within: "account"}
		t.configure(set("account", c), set("fam", family), set("other", family))
		t.put(on("other"), tokens(900))
		t.long(1)
		t.put(on("other"), tokens(900)) // the account saves for it
		t.none()
		t.put(on("fam"), queue("x"), tokens(900)) // and fam for this one
		t.none()
		t.put(on("fam"), queue("y"), tokens(900))
		t.now = t.now.Add(8 * time.Second)
		done := 0
		for range 240 {
			t.pass(time.Second)
			for _, queues := range [][]string{{"default"}, {"y"}, {"x"}} {
				c := t.claimAs(pawl.Claim{Worker: "w1", Operations: []string{"work"}, Queues: queues, Max: 9, Lease: time.Hour})
				done += len(c.Tasks)
			}
		}
		is(t, "large calls in 4 minutes", done, 3)
	}},
	{"room for higher priorities", "somebody who waits need not wait for the refill that a backlog uses up as it comes", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(100), priority(pawl.High))
		t.long(1)
		t.putMany(40, on("lim"), tokens(100), priority(pawl.Low))
		is(t, "tasks of low priority", len(t.long(20).Tasks), 4)
		is(t, "and then", len(t.long(20).Tasks), 0)
		t.put(on("lim"), tokens(400), priority(pawl.High))
		is(t, "Priority", t.long(1).Tasks[0].Priority, pawl.High)
	}},
	{"room of a priority in use only", "the backlog has all of the limit when nobody else has asked for five minutes", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(100))
		t.long(1)
		t.putMany(40, on("lim"), tokens(100), priority(pawl.Low))
		t.pass(5 * time.Minute)
		is(t, "tasks of low priority", len(t.long(20).Tasks), 5)
		t.pass(time.Second)
		is(t, "a second later", len(t.long(20).Tasks), 6)
	}},
	{"no room for equals", "a priority leaves no room for itself or for lower ones", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(100))
		t.put(on("lim"), tokens(100), priority(pawl.Low))
		t.long(9)
		t.putMany(40, on("lim"), tokens(100))
		is(t, "tasks", len(t.long(20).Tasks), 8)
	}},
	{"places for higher priorities", "a tenth of the calls in flight is left for a priority that is in use", func(t *trial) {
		t.configure(set("lim", limit.Config{InFlight: 20}))
		t.put(on("lim"), priority(pawl.High))
		t.long(1)
		t.putMany(40, on("lim"), priority(pawl.Low))
		is(t, "tasks of low priority", len(t.long(40).Tasks), 17)
		t.putMany(3, on("lim"), priority(pawl.High))
		is(t, "tasks of high priority", len(t.long(40).Tasks), 2)
	}},
}

// long claims tasks for longer than any case takes.
func (t *trial) long(most int) pawl.Claimed {
	t.Helper()
	return t.claimAs(pawl.Claim{Worker: "w1", Operations: []string{"work"}, Max: most, Lease: 24 * time.Hour})
}
