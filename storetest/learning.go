package storetest

import (
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// learningRules are about limits of which nothing is configured, or not all.
var learningRules = []rule{
	{"from headers", "nothing needs to be configured: the first response tells the limit", func(t *trial) {
		t.told(llm.Limits{Tokens: known(6000, 5900), Requests: known(600, 599)})
		t.level("lim", 1000)
		t.levelOf("lim", "requests", 100)
		t.putMany(9, on("lim"), tokens(300))
		is(t, "tasks", len(t.long(9).Tasks), 3)
	}},
	{"changed", "a provider that lowers or raises a limit is believed at once", func(t *trial) {
		t.told(llm.Limits{Tokens: known(6000, 5900)})
		t.told(llm.Limits{Tokens: known(3000, 2900)})
		t.level("lim", 500)
		is(t, "limit in force", t.inForce("tokens"), 3000)
		t.told(llm.Limits{Tokens: known(60_000, 59_900)})
		is(t, "limit in force", t.inForce("tokens"), 60_000)
		t.configure(set("lim", limit.Config{Tokens: 1200}))
		is(t, "limit in force, of which the configured is the lower", t.inForce("tokens"), 1200)
	}},
	{"input and output", "where headers tell input and output apart, these are the limits", func(t *trial) {
		t.told(llm.Limits{Tokens: known(6000, 5900), InputTokens: known(5000, 4990), OutputTokens: known(1200, 1190)})
		t.levelOf("lim", "output tokens", 200)
		t.putMany(9, on("lim"), tokens(60))
		is(t, "tasks", len(t.long(9).Tasks), 3)
	}},
	{"of a day", "a day's limit is learned as a minute's is", func(t *trial) {
		t.told(llm.Limits{RequestsPerDay: known(1000, 3), TokensPerDay: known(100_000, 99_990)})
		t.putMany(9, on("lim"))
		is(t, "tasks", len(t.long(9).Tasks), 3)
	}},
	{"missing, late, past and rounded", "a header that tells nothing, or something old, must not close or open a limit", func(t *trial) {
		says := func(l llm.Level, ago time.Duration) {
			t.callOf("lim", func(s *pawl.Settlement) { s.Seen.Tokens, s.SentAgo = l, ago }) // which uses one token
		}
		says(known(60_000, 59_990), 0)
		says(llm.Level{}, 0)
		t.level("lim", 9999)
		says(llm.Level{Limit: 60_000, Remaining: 7000, Reset: t.now.Add(-time.Hour), Known: true}, 0)
		t.level("lim", 6500) // which may have been rounded up
		says(known(600, 1), time.Second)
		t.level("lim", 6499)
		is(t, "limit in force", t.inForce("tokens"), 60_000)
		says(llm.Level{Limit: 60_000, Reset: t.now.Add(-time.Hour), Known: true}, 0)
		t.level("lim", 0)
		t.pass(time.Second)
		says(llm.Level{Limit: 60_000, Reset: t.now.Add(90 * time.Second), Known: true}, 0)
		t.level("lim", -30_000)
	}},
	{"a few calls try it", "before anything is known only a few calls are sent, and more as they are answered", func(t *trial) {
		t.putMany(12, on("lim"))
		rows := t.long(12).Tasks
		is(t, "tasks", len(rows), 12)
		for i, r := range rows[:5] {
			g := t.reserve(r, "a", 1)
			t.must("Reserve", g.Err)
			is(t, fmt.Sprint("OK of call ", i), g.OK, i < 4)
			if i == 4 {
				is(t, "Gate", g.Gate.Name, "learning")
				is(t, "Wait", g.Wait, 5*time.Second)
			}
		}
		t.settle(rows[0], pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered})
		is(t, "OK after an answer", t.reserve(rows[4], "a", 1).OK, true)
		is(t, "OK of one more", t.reserve(rows[5], "a", 1).OK, true)
		is(t, "OK of yet another", t.reserve(rows[6], "a", 1).OK, false)
		t.settle(rows[1], pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered, Seen: llm.Limits{Requests: known(600, 590)}})
		for _, r := range rows[6:] {
			is(t, "OK when the limit is known", t.reserve(r, "a", 1).OK, true)
		}
	}},
	{"it paces itself", "a throttle that no header explains halves what was served, and that grows back", func(t *trial) {
		t.served(20)
		t.callOf("lim", throttled(func(*pawl.Settlement) {}))
		first := t.inForce("requests")
		if first < 5 || first > 15 {
			t.Errorf("the pace is %v requests a minute after 20 in one; want about half", first)
		}
		t.pass(30 * time.Second)
		t.callOf("lim", func(*pawl.Settlement) {})
		if grown := t.inForce("requests"); grown < 1.5*first {
			t.Errorf("the pace is %v requests a minute, half a minute later; want more than %v", grown, 1.5*first)
		}
	}},
	{"no pace for others' trouble", "a provider without room for anybody, and a limit that headers tell, are no reason to go slower", func(t *trial) {
		t.served(20)
		t.callOf("lim", throttled(func(s *pawl.Settlement) { s.Busy = true }))
		is(t, "Pace", t.limit("lim").State.Requests.Pace, 0)
		t.pass(time.Minute)
		t.callOf("lim", throttled(func(s *pawl.Settlement) { s.Seen = llm.Limits{Tokens: known(6000, 0)} }))
		is(t, "Pace", t.limit("lim").State.Requests.Pace, 0)
	}},
	{"too fast", "where traffic grew too fast, the limit goes slower although headers tell of room", func(t *trial) {
		t.served(20)
		t.callOf("lim", throttled(func(s *pawl.Settlement) { s.TooFast, s.Seen = true, llm.Limits{Tokens: known(60_000, 50_000)} }))
		is(t, "paced", t.limit("lim").State.Requests.Pace > 0, true)
	}},
	{"not reached", "when a host cannot be reached every call fails: the third in a row pauses the limit, and one probe at a time tries it", func(t *trial) {
		missed := func(s *pawl.Settlement) { s.Outcome, s.Reason = pawl.CallUnreached, "no route" }
		t.callOf("lim", missed)
		t.callOf("lim", missed)
		t.callOf("lim", func(*pawl.Settlement) {})
		t.callOf("lim", missed)
		t.callOf("lim", missed)
		isTime(t, "PausedUntil after two", t.limit("lim").State.PausedUntil, time.Time{})
		t.callOf("lim", missed)
		isTime(t, "PausedUntil after three", t.limit("lim").State.PausedUntil, start.Add(time.Second))
		t.putMany(3, on("lim"))
		isTime(t, "Next", t.none(), start.Add(time.Second))
		t.pass(time.Second)
		probe := t.take()
		t.none()
		t.reserve(probe, "p", 1)
		t.settle(probe, pawl.Settlement{Key: "p", Outcome: pawl.CallUnreached})
		t.finish(probe, pawl.Pending)
		isTime(t, "PausedUntil after four", t.limit("lim").State.PausedUntil, start.Add(3*time.Second))
		t.pass(2 * time.Second)
		probe = t.take()
		t.reserve(probe, "p", 1)
		t.settle(probe, pawl.Settlement{Key: "p", Outcome: pawl.CallAnswered})
		is(t, "tasks after the probe's success", len(t.claim(9).Tasks), 2)
		is(t, "Unreached", t.limit("lim").State.Unreached, 0)
	}},
	{"too large", "a call that a provider charges by its maximum, and that needs more than the whole limit, is never let in: it is told so at once", func(t *trial) {
		t.configure(set("lim", limit.Config{Charge: limit.MaxOrChars}), set("other", limit.Config{}))
		for _, name := range []string{"lim", "other"} {
			t.callOf(name, func(s *pawl.Settlement) { s.Seen = llm.Limits{Tokens: known(6000, 5900)} })
			t.put(on(name), func(n *pawl.NewTask) { n.Row.Size = limit.Size{MaxTokens: 9000} })
			r := t.take()
			g := t.reserveAs(pawl.Reservation{Lease: r.Lease(), Key: "a", Limit: name, Size: limit.Size{MaxTokens: 9000}, Patience: patience})
			is(t, "OK on "+name, g.OK, name == "other")
			if name == "lim" {
				want := limit.Gate{Name: "too large", Reason: "tokens", Level: 6000, Need: 9000}
				is(t, "Gate", g.Gate, want)
			}
			t.finish(r, pawl.Dead)
		}
		t.level("lim", 1000)
	}},
	{"estimates", "what was learned of an operation's calls is for all to see, and for each operation apart", func(t *trial) {
		t.callOf("lim", func(s *pawl.Settlement) { s.Usage = llm.Usage{Input: 100, Output: 70} })
		t.put(on("lim"), operation("other"))
		c := t.claimAs(pawl.Claim{Worker: "w1", Operations: []string{"other"}, Max: 1, Lease: lease})
		t.reserve(c.Tasks[0], "a", 1)
		t.settle(c.Tasks[0], pawl.Settlement{Key: "a", Outcome: pawl.CallFailed})
		fits := t.limit("lim").Fits
		is(t, "calls learned from", fits["work"].Calls, 1)
		is(t, "calls of the other operation", fits["other"].Calls, 0)
	}},
	{"estimates are used", "after some answers a call is charged what such calls use, and not what it may use at most", func(t *trial) {
		for range 10 {
			t.callOf("lim", func(s *pawl.Settlement) { s.Usage = llm.Usage{Input: 100, Output: 50} })
		}
		t.configure(set("lim", limit.Config{Tokens: 6000}))
		t.put(on("lim"), func(n *pawl.NewTask) { n.Row.Size = limit.Size{MaxTokens: 5000} })
		t.take()
		l := t.limit("lim")
		if left := l.State.Levels(t.now, l.Config)[0].Level; left < 600 || left > 980 {
			t.Errorf("%v of 1,000 tokens are left; want those off that calls used: 100 of input and 50 of output", left)
		}
	}},
}

func known(most, remaining int64) llm.Level {
	return llm.Level{Limit: most, Remaining: remaining, Known: true}
}

// callOf has a task of a limit make one call, which is answered if with says nothing
// else.
func (t *trial) callOf(name string, with func(*pawl.Settlement)) {
	t.Helper()
	t.put(on(name))
	r := t.take()
	t.must("Reserve", t.reserve(r, "a", 1).Err)
	s := pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 1}}
	with(&s)
	t.settle(r, s)
	t.finish(r, pawl.Succeeded)
}

// told has a response tell of limits.
func (t *trial) told(seen llm.Limits) {
	t.Helper()
	t.pass(time.Second)
	t.callOf("lim", func(s *pawl.Settlement) { s.Seen = seen })
	t.pass(20 * time.Second)
	t.tick()
}

// served has so many calls answered, within 10 s.
func (t *trial) served(calls int) {
	t.Helper()
	for range calls {
		t.pass(10 * time.Second / time.Duration(calls))
		t.callOf("lim", func(s *pawl.Settlement) { s.Usage = llm.Usage{Input: 50, Output: 50} })
	}
}

func throttled(with func(*pawl.Settlement)) func(*pawl.Settlement) {
	return func(s *pawl.Settlement) {
		s.Outcome, s.Usage, s.After = pawl.CallThrottled, llm.Usage{}, time.Second
		with(s)
	}
}

// inForce returns the limit of a bucket of lim.
func (t *trial) inForce(bucket string) float64 {
	t.Helper()
	l := t.limit("lim")
	for _, level := range l.State.Levels(t.now, l.Config) {
		if level.Name == bucket {
			return level.Limit
		}
	}
	t.Fatalf("lim has no %s", bucket)
	return 0
}
