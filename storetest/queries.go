package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

var queryRules = []rule{
	{"a row comes back whole", "what a caller gave is what its handler gets: no field may be forgotten, no byte changed", func(t *trial) {
		n := wholeTask(t)
		t.add(n)
		want := n.Row
		want.State, want.Added, want.Seq = pawl.Pending, t.now, t.row(n.Row.ID).Seq
		same(t, *t.row(n.Row.ID), want)
		got := t.take()
		want.State, want.Attempt, want.Worker = pawl.Running, 1, "w1"
		want.Started, want.LeaseUntil = t.now, t.now.Add(lease)
		same(t, *got, want)
	}},
	{"filters", "an operator finds tasks by what they are", func(t *trial) {
		dead := t.put(queue("q"), operation("o"), user("u"), on("l"))
		all := ask(1)
		all.Operations = []string{"o"}
		t.finish(t.claimAs(all).Tasks[0], pawl.Dead)
		other := t.reach(pawl.Scheduled)
		for _, f := range []pawl.Filter{
			{IDs: []pawl.ID{dead}}, {Run: dead}, {States: []pawl.State{pawl.Dead}}, {Queue: "q"}, {Operation: "o"},
			{User: "u"}, {Limit: "l"}, {Class: "permanent"}, {Fingerprint: "f1"},
			{Queue: "q", Operation: "o", User: "u", Limit: "l", Class: "permanent", Fingerprint: "f1", Run: dead, IDs: []pawl.ID{other, dead}},
		} {
			t.found(f, dead)
		}
		t.found(pawl.Filter{}, dead, other)
		t.found(pawl.Filter{States: []pawl.State{pawl.Dead, pawl.Scheduled}}, dead, other)
		t.found(pawl.Filter{States: []pawl.State{pawl.Scheduled}}, other)
		t.found(pawl.Filter{Queue: "q", User: "v"})
		t.found(pawl.Filter{IDs: []pawl.ID{pawl.NewID()}})
		t.found(pawl.Filter{Run: pawl.NewID()})
	}},
	{"class of the last attempt", "what failed before and was mended since is no longer found by its failure", func(t *trial) {
		id := t.put()
		t.finish(t.take(), pawl.Pending)
		t.found(pawl.Filter{Class: llm.Throttled}, id)
		t.finish(t.take(), pawl.Dead)
		t.found(pawl.Filter{Class: llm.Throttled})
		t.found(pawl.Filter{Class: llm.Permanent}, id)
	}},
	{"by id", "ids may come in any order, twice, or be unknown; the answer is oldest first", func(t *trial) {
		three := t.putMany(3)
		t.found(pawl.Filter{IDs: []pawl.ID{three[2], three[0], pawl.NewID(), three[2]}}, three[0], three[2])
	}},
	{"paging", "a page is what comes after the last id of the one before: nothing twice, nothing left out", func(t *trial) {
		want := t.putMany(25)
		var got []pawl.ID
		f := pawl.Filter{Max: 10}
		for {
			rows := t.list(f)
			if len(rows) == 0 {
				break
			}
			got = append(got, ids(rows)...)
			f.After = got[len(got)-1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages have\n%v; want\n%v", got, want)
		}
		t.found(pawl.Filter{After: want[20], IDs: want[15:23]}, want[21], want[22])
		t.found(pawl.Filter{After: want[24]})
	}},
	{"steps on request", "a list of a thousand tasks must not carry what all their models answered", func(t *trial) {
		id := t.put()
		r := t.take()
		step := pawl.StepRow{
			Key: "k", Name: "n", Result: []byte{0, 1, 255}, Call: true, Usage: llm.Usage{Input: 1, Output: 2, CacheRead: 3, CacheWrite: 4, Reasoning: 2},
			Took: time.Second, Attempt: 1, Head: t.nodes(pawl.Hash{}, "a")[0].Hash,
		}
		t.pass(time.Second)
		t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &step, Nodes: t.nodes(pawl.Hash{}, "a")}))
		is(t, "steps in a list", len(t.list(pawl.Filter{})[0].Steps), 0)
		step.At = t.now
		same(t, t.row(id).Steps, []pawl.StepRow{step})
	}},
	{"bare rows on request", "whoever asks how ten thousand tasks ended must not be sent their inputs, nor miss anything else", func(t *trial) {
		whole := pawl.Filter{Steps: true}
		bare := func(f pawl.Filter) []pawl.TaskRow {
			rows := []pawl.TaskRow{}
			for _, r := range t.list(f) {
				r.BeBare()
				rows = append(rows, *r)
			}
			return rows
		}
		listed := func(f pawl.Filter) []pawl.TaskRow {
			f.Bare = true
			rows := []pawl.TaskRow{}
			for _, r := range t.list(f) {
				rows = append(rows, *r)
			}
			return rows
		}
		n := wholeTask(t)
		t.add(n)
		r := t.take()
		t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &pawl.StepRow{Key: "k", Name: "n", Result: []byte("1"), Attempt: 1}}))
		same(t, listed(whole), bare(whole))
		t.must("Finish", t.finishAs(pawl.Finish{Lease: r.Lease(), To: pawl.Succeeded, Output: []byte(`{"a": 1}`)}))
		t.reach(pawl.Dead)
		nothing := t.put()
		t.must("Finish", t.finishAs(pawl.Finish{Lease: t.take().Lease(), To: pawl.Succeeded}))
		same(t, listed(whole), bare(whole))
		is(t, "output", string(listed(pawl.Filter{IDs: []pawl.ID{n.Row.ID}})[0].Output), `{"a": 1}`)
		is(t, "input", string(listed(pawl.Filter{IDs: []pawl.ID{n.Row.ID}})[0].Input), "")
		is(t, "tasks without an output", len(listed(pawl.Filter{IDs: []pawl.ID{nothing}})), 1)
		for _, f := range []pawl.Filter{{Max: 1}, {After: n.Row.ID}, {States: []pawl.State{pawl.Dead}}, {Run: n.Row.Run}, {Queue: "a queue"}} {
			same(t, listed(f), bare(f))
		}
		same(t, t.row(n.Row.ID).Input, n.Row.Input) // it is the caller's copy that is bare
	}},
	{"a change sees whole rows", "a bare filter says how rows are listed; a retry with an input must still know how long the old one was", func(t *trial) {
		id := t.reach(pawl.Dead)
		before := t.row(id)
		f := pawl.Filter{IDs: []pawl.ID{id}, Bare: true}
		_, err := t.store.Change(t.ctx, t.now, f, pawl.Change{Do: pawl.Retry, Input: []byte(`"another one"`)})
		t.must("Change", err)
		after := t.row(id)
		is(t, "input", string(after.Input), `"another one"`)
		is(t, "characters", after.Size.Chars, before.Size.Chars+len(after.Input)-len(before.Input))
		is(t, "attempts allowed", after.MaxAttempts, before.MaxAttempts)
		is(t, "added", after.Added.Equal(before.Added), true)
	}},
	{"nothing is no nil", "a list without tasks is an empty one, in JSON too", func(t *trial) {
		rows, groups := t.list(pawl.Filter{}), t.groups(pawl.Filter{})
		changed := t.change(pawl.Cancel, pawl.Filter{})
		if rows == nil || groups == nil || changed == nil {
			t.Errorf("List, Groups, Change = %#v, %#v, %#v; want empty slices", rows, groups, changed)
		}
	}},
	{"rows are copies", "what a caller does to a row must not change what is stored", func(t *trial) {
		n := wholeTask(t)
		t.add(n)
		r := t.take()
		t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &pawl.StepRow{Key: "k", Name: "k", Result: []byte("1")}}))
		t.finish(r, pawl.Pending)
		again := t.take()
		stored := func() string {
			b, err := json.Marshal(t.row(n.Row.ID))
			t.must("Marshal", err)
			return string(b)
		}
		before := stored()
		listed := t.row(n.Row.ID)
		for i := range listed.Attempts {
			listed.Attempts[i].Message = "spoilt"
		}
		for i := range listed.Steps {
			listed.Steps[i].Key = "spoilt"
		}
		for i := range listed.Next {
			listed.Next[i].Operation = "spoilt"
		}
		clear(listed.Data)
		for _, row := range []*pawl.TaskRow{listed, r, again} {
			row.Attempts = append(row.Attempts, pawl.Attempt{})
			row.Steps = append(row.Steps, pawl.StepRow{})
			*row = pawl.TaskRow{}
		}
		is(t, "row", stored(), before)
	}},
	{"a run", "a run is found by its first task, in the order in which its tasks were made", func(t *trial) {
		first := t.put()
		t.put()
		second, third := t.put(inRun(first)), t.put(inRun(first))
		t.found(pawl.Filter{Run: first}, first, second, third)
		t.one(pawl.Cancel, first)
		t.one(pawl.Delete, first)
		t.found(pawl.Filter{Run: first}, second, third)
	}},
	{"many", "a list without a bound holds all that there is", func(t *trial) {
		want := t.putMany(1500)
		t.found(pawl.Filter{}, want...)
	}},
}

// wholeTask returns a task with every field set that a caller may set.
func wholeTask(t *trial) pawl.NewTask {
	chain := t.nodes(pawl.Hash{}, "hello")
	n := task(talk(chain), inRun(pawl.NewID()), identity(7))
	r := &n.Row
	r.Queue, r.Limit, r.User, r.Priority, r.MaxAttempts = "a queue", "a limit", "a user's näme", pawl.Low, 9
	r.Input = []byte("{ \"text\" : \"it's \\u0000 <&> ü\", \"n\":1.50 }")
	r.Data = pawl.Data{"k": []byte(`{"x": [1]}`), "é": []byte("null")}
	r.Next = []pawl.Stage{{Operation: "o", Queue: "q", Limit: "l", Priority: pawl.High, MaxAttempts: 2, Tokens: 3}, {Operation: "p"}}
	r.Size = limit.Size{Chars: 1, MaxTokens: 2, Output: 3}
	r.Deadline = t.now.Add(time.Hour)
	return n
}

// found checks which tasks a filter selects, in order.
func (t *trial) found(f pawl.Filter, want ...pawl.ID) {
	t.Helper()
	if got := ids(t.list(f)); !slices.Equal(got, want) {
		t.Errorf("List(%s) gave\n%v; want\n%v", describe(f), got, want)
	}
}

func describe(f pawl.Filter) string {
	return fmt.Sprintf("%d ids, run %v, %v, queue %q, operation %q, user %q, limit %q, class %q, fingerprint %q, after %v, max %d",
		len(f.IDs), f.Run, f.States, f.Queue, f.Operation, f.User, f.Limit, f.Class, f.Fingerprint, f.After, f.Max)
}

// same checks that two values are equal in all that they hold; nothing and an
// empty list are equal.
func same[V any](t *trial, got, want V) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
