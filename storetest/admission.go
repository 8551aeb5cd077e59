package storetest

import (
	"errors"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// admissionRules are about claims, which take a task's first call from its limit.
var admissionRules = []rule{
	{"requests", "a worker is handed no more tasks than there are requests", func(t *trial) {
		t.configure(set("lim", limit.Config{Requests: 60}))
		t.putMany(20, on("lim"))
		is(t, "tasks", len(t.claim(20).Tasks), 10)
		isTime(t, "Next", t.none(), start.Add(time.Second))
		t.pass(3 * time.Second)
		is(t, "tasks", len(t.claim(20).Tasks), 3)
	}},
	{"tokens", "tasks are admitted by the tokens that they are expected to use", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.putMany(20, on("lim"), tokens(300))
		is(t, "tasks", len(t.claim(20).Tasks), 3)
		t.level("lim", 100)
		isTime(t, "Next", t.none(), start.Add(2*time.Second))
		t.pass(2 * time.Second)
		t.take()
	}},
	{"input and output", "a provider that counts input and output apart stops at the first that runs out", func(t *trial) {
		t.configure(set("lim", limit.Config{InputTokens: 6000, OutputTokens: 600}))
		t.putMany(20, on("lim"), func(n *pawl.NewTask) { n.Row.Size = limit.Size{Chars: 40, Output: 30} })
		is(t, "tasks", len(t.claim(20).Tasks), 3)
		t.levelOf("lim", "input tokens", 970)
		t.levelOf("lim", "output tokens", 10)
		isTime(t, "Next", t.none(), start.Add(2*time.Second))
	}},
	{"in flight", "a provider allows so many calls at once, and only an end makes room", func(t *trial) {
		t.configure(set("lim", limit.Config{InFlight: 3}))
		t.putMany(5, on("lim"))
		c := t.claim(5)
		is(t, "tasks", len(c.Tasks), 3)
		isTime(t, "Next", c.Next, t.now.Add(lease))
		t.finish(c.Tasks[1], pawl.Succeeded)
		is(t, "tasks", len(t.claim(5).Tasks), 1)
	}},
	{"in flight until settled", "a call has ended when it is settled: a handler may go on without one", func(t *trial) {
		t.configure(set("lim", limit.Config{InFlight: 1}))
		t.putMany(2, on("lim"))
		r := t.take()
		t.reserve(r, "a", 1)
		t.none()
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered})
		t.take()
	}},
	{"all or nothing", "a task that one bucket turns away takes nothing from the others", func(t *trial) {
		t.configure(set("lim", limit.Config{Requests: 60, Tokens: 6000}))
		t.put(on("lim"), tokens(800))
		t.put(on("lim"), tokens(800))
		is(t, "tasks", len(t.claim(5).Tasks), 1)
		t.levelOf("lim", "requests", 9)
		t.level("lim", 200)
	}},
	{"a task larger than the bucket", "what can never fit runs alone, from a full bucket", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(1))
		t.put(on("lim"), tokens(3000))
		t.take()
		next := t.none()
		t.now = next
		t.take()
		t.level("lim", 0)
		is(t, "Saved", t.limit("lim").State.Tokens.Saved, -2000)
	}},
	{"limits are apart", "what one limit uses another one does not miss", func(t *trial) {
		t.configure(tokensPerSecond("a"), tokensPerSecond("b"))
		t.put(on("a"), tokens(900))
		t.take()
		t.level("a", 100)
		t.level("b", 1000)
	}},
	{"a limit that nobody configured", "nothing configured at all must work: it counts, and stops nothing", func(t *trial) {
		t.putMany(100, on("new"), tokens(1e6))
		is(t, "tasks", len(t.claim(100).Tasks), 100)
		is(t, "InFlight", t.limit("new").State.InFlight, 100)
	}},
	{"no limit", "work that calls no model is gated by nothing", func(t *trial) {
		t.putMany(100, tokens(1e9))
		is(t, "tasks", len(t.claim(100).Tasks), 100)
	}},
	{"no limit has no settings", "an operator must not believe that unlimited work can be held", func(t *trial) {
		if err := t.store.Configure(t.ctx, t.now, []pawl.Setting{{Limit: pawl.NoLimit, Hold: "stop"}}); err == nil {
			t.Error("Configure of no limit = nil; want an error")
		}
	}},
	{"settings are checked", "a mistake in one setting must not leave half of the others in force", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		for _, wrong := range []pawl.Setting{
			{}, {Queue: "q", Limit: "lim"}, set("lim", limit.Config{Tokens: -1}), set("lim", limit.Config{InFlight: -1}),
		} {
			if err := t.store.Configure(t.ctx, t.now, []pawl.Setting{set("lim", limit.Config{Tokens: 60}), wrong}); err == nil {
				t.Errorf("Configure of %+v = nil; want an error", wrong)
			}
		}
		is(t, "Config", t.limit("lim").Config, limit.Config{Tokens: 6000})
	}},
	{"configured as expected", "two operators who change parts of one limit must not undo each other's change", func(t *trial) {
		first, second, third := limit.Config{InFlight: 1}, limit.Config{InFlight: 1, Tokens: 60}, limit.Config{Requests: 30}
		change := func(was, now limit.Config) error {
			return t.store.Configure(t.ctx, t.now, []pawl.Setting{{Queue: "q", Pause: true}, {Limit: "lim", Config: &now, Was: &was}})
		}
		t.must("Configure of a new limit", change(limit.Config{}, first))
		t.must("Configure", change(first, second))
		t.must("Configure again", change(first, second))
		if err := change(first, third); !errors.Is(err, pawl.ErrConflict) {
			t.Errorf("Configure of what was changed = %v; want ErrConflict", err)
		}
		if err := change(third, first); !errors.Is(err, pawl.ErrConflict) {
			t.Errorf("Configure of what it never was = %v; want ErrConflict", err)
		}
		is(t, "Config", t.limit("lim").Config, second)
	}},
	{"configured live", "an operator changes a limit and the next claim keeps to it", func(t *trial) {
		t.configure(set("lim", limit.Config{InFlight: 1}))
		t.putMany(10, on("lim"), tokens(100))
		t.take()
		t.none()
		t.configure(set("lim", limit.Config{InFlight: 4}))
		is(t, "tasks", len(t.claim(10).Tasks), 3)
		t.configure(set("lim", limit.Config{InFlight: 2}))
		t.none()
		t.configure(tokensPerSecond("lim"))
		is(t, "tasks", len(t.claim(10).Tasks), 6)
		is(t, "Config", t.limit("lim").Config, limit.Config{Tokens: 6000})
	}},
	{"a bucket is kept", "setting what is set already, as each worker does when it starts, must not refill a bucket", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(700))
		t.take()
		t.configure(tokensPerSecond("lim"))
		t.level("lim", 300)
	}},
	{"status", "an operator sees every queue and limit, sorted, with what is in it", func(t *trial) {
		t.configure(tokensPerSecond("b"), tokensPerSecond("a"), pawl.Setting{Queue: "z", Pause: true})
		t.putMany(2, queue("y"))
		t.reach(pawl.Cancelled, queue("y"))
		status, err := t.store.Status(t.ctx, t.now)
		t.must("Status", err)
		if len(status.Limits) != 2 || status.Limits[0].Name != "a" || status.Limits[1].Name != "b" {
			t.Errorf("Limits = %+v; want a and b", status.Limits)
		}
		if len(status.Queues) != 2 || status.Queues[0].Name != "y" || status.Queues[1].Name != "z" {
			t.Fatalf("Queues = %+v; want y and z", status.Queues)
		}
		y, z := status.Queues[0], status.Queues[1]
		is(t, "Paused", z.Paused && !y.Paused, true)
		is(t, "kinds of state in y", len(y.Counts), 2)
		is(t, "pending in y", y.Counts[pawl.Pending], 2)
		is(t, "cancelled in y", y.Counts[pawl.Cancelled], 1)
		is(t, "kinds of state in z", len(z.Counts), 0)
	}},
}
