package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

var groupRules = []rule{
	{"by cause", "a thousand dead letters of one cause are one thing to mend", func(t *trial) {
		a := t.deaths(3, "f-a", "permanent")
		b := t.deaths(5, "f-b", "transient")
		same(t, t.groups(pawl.Filter{}), []pawl.Group{
			{Fingerprint: "f-b", Class: "transient", Count: 5, First: start.Add(4 * time.Second), Last: start.Add(8 * time.Second), Sample: b[4], Message: "message of f-b"},
			{Fingerprint: "f-a", Class: "permanent", Count: 3, First: start.Add(time.Second), Last: start.Add(3 * time.Second), Sample: a[2], Message: "message of f-a"},
		})
	}},
	{"class and fingerprint", "equal messages of different classes are different causes", func(t *trial) {
		t.deaths(1, "f", "permanent")
		t.deaths(2, "f", "transient")
		groups := t.groups(pawl.Filter{})
		if len(groups) != 2 || groups[0].Class != "transient" || groups[1].Class != "permanent" {
			t.Errorf("Groups = %+v; want transient, then permanent", groups)
		}
	}},
	{"dead letters only", "what was retried, cancelled or succeeded is nobody's trouble", func(t *trial) {
		for _, s := range []pawl.State{pawl.Succeeded, pawl.Cancelled, pawl.Dead, pawl.Scheduled} {
			t.reach(s)
		}
		is(t, "groups", len(t.groups(pawl.Filter{})), 1)
		is(t, "groups of all states", len(t.groups(pawl.Filter{States: pawl.States()})), 1)
		t.change(pawl.Retry, pawl.Filter{States: []pawl.State{pawl.Dead}})
		is(t, "groups after a retry", len(t.groups(pawl.Filter{})), 0)
	}},
	{"filtered", "an operator looks at the trouble of one user or queue", func(t *trial) {
		t.deaths(3, "f", "permanent", user("a"))
		t.deaths(2, "f", "permanent", user("b"), queue("q"))
		for _, f := range []pawl.Filter{{User: "b"}, {Queue: "q"}, {User: "b", Max: 1}} {
			groups := t.groups(f)
			if len(groups) != 1 || groups[0].Count != 2 {
				t.Errorf("Groups(%s) = %+v; want one of 2", describe(f), groups)
			}
		}
		is(t, "groups of another class", len(t.groups(pawl.Filter{Class: "transient"})), 0)
	}},
	{"poisoned and expired", "dead letters that the queue made itself have a cause as well", func(t *trial) {
		t.reach(pawl.Pending, deadline(t.now))
		t.tick()
		groups := t.groups(pawl.Filter{})
		if len(groups) != 1 || groups[0].Class != pawl.Expired || groups[0].Fingerprint == "" || groups[0].Message == "" {
			t.Errorf("Groups = %+v; want one of class expired, with fingerprint and message", groups)
		}
	}},
}

// deaths makes n dead letters of one cause, a second after each other.
func (t *trial) deaths(n int, fingerprint string, class llm.Class, with ...change) []pawl.ID {
	t.Helper()
	var dead []pawl.ID
	for range n {
		dead = append(dead, t.put(with...))
		r := t.take()
		t.pass(time.Second)
		t.finish(r, pawl.Dead, func(f *pawl.Finish) {
			f.Fingerprint = fingerprint
			f.Attempt.Class, f.Attempt.Message = class, "message of "+fingerprint
		})
	}
	return dead
}

func (t *trial) groups(f pawl.Filter) []pawl.Group {
	t.Helper()
	groups, err := t.store.Groups(t.ctx, t.now, f)
	t.must("Groups", err)
	return groups
}
