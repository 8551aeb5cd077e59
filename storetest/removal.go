package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
)

// removalRules are about what is kept, for how long, and what goes with a task.
var removalRules = []rule{
	{"ended for", "retention removes what ended long ago, to the microsecond", func(t *trial) {
		id := t.reach(pawl.Succeeded)
		t.pass(time.Minute - time.Microsecond)
		t.found(pawl.Filter{EndedFor: time.Minute})
		t.pass(time.Microsecond)
		t.found(pawl.Filter{EndedFor: time.Minute}, id)
	}},
	{"only what has ended", "a task that waits or runs has not ended, however old it is", func(t *trial) {
		for _, s := range []pawl.State{pawl.Running, pawl.Pending, pawl.Scheduled} {
			t.reach(s, deadline(t.now.Add(1000*time.Hour)))
		}
		gone := []pawl.ID{t.reach(pawl.Cancelled)}
		t.pass(time.Second)
		t.found(pawl.Filter{EndedFor: time.Second}, gone...)
		t.found(pawl.Filter{EndedFor: time.Second, States: []pawl.State{pawl.Pending, pawl.Running, pawl.Scheduled}})
	}},
	{"from the end, not from the start", "a task that took long is as old as its end", func(t *trial) {
		id := t.put()
		a := ask(1)
		a.Lease = 2 * time.Hour
		r := t.claimAs(a).Tasks[0]
		t.pass(time.Hour)
		t.finish(r, pawl.Dead)
		t.found(pawl.Filter{EndedFor: time.Minute})
		t.pass(time.Minute)
		t.found(pawl.Filter{EndedFor: time.Minute}, id)
	}},
	{"age and other filters", "each kind of end is kept for a time of its own", func(t *trial) {
		dead, done := t.reach(pawl.Dead, user("a")), t.reach(pawl.Succeeded)
		t.pass(time.Hour)
		t.reach(pawl.Dead)
		old := pawl.Filter{EndedFor: time.Hour}
		t.found(old, dead, done)
		old.States = []pawl.State{pawl.Dead}
		t.found(old, dead)
		old.States, old.User = nil, "b"
		t.found(old)
		is(t, "groups", t.groups(pawl.Filter{EndedFor: time.Hour})[0].Count, 1)
	}},
	{"retried is not ended", "a dead letter that is tried again must not be removed by its age", func(t *trial) {
		id := t.reach(pawl.Dead)
		t.pass(time.Hour)
		t.one(pawl.Retry, id)
		t.found(pawl.Filter{EndedFor: time.Second})
	}},
	{"in small batches", "a removal of a million tasks is many short writes: each takes the oldest, by id, up to its bound", func(t *trial) {
		all := t.putMany(25)
		t.change(pawl.Cancel, pawl.Filter{})
		t.pass(time.Hour)
		kept := t.reach(pawl.Cancelled)
		for _, want := range []int{10, 10, 5, 0} {
			f := pawl.Filter{EndedFor: time.Minute, States: []pawl.State{pawl.Cancelled}, Max: 10}
			is(t, "removed", len(t.change(pawl.Delete, f)), want)
		}
		t.found(pawl.Filter{}, kept)
		t.found(pawl.Filter{IDs: all})
	}},
	{"messages go with their task", "what nothing refers to any more would fill the store for ever", func(t *trial) {
		chain := t.nodes(pawl.Hash{}, "a", "b")
		id := t.put(talk(chain))
		r := t.take()
		more := t.steps(r, chain[1].Hash, "c", "d")
		t.finish(r, pawl.Succeeded)
		t.one(pawl.Delete, id)
		for _, n := range append(chain, more...) {
			t.forgotten(n.Hash)
		}
	}},
	{"messages of each step", "a step's messages are its task's, even if the conversation took another way", func(t *trial) {
		id := t.put()
		r := t.take()
		side := t.steps(r, pawl.Hash{}, "side")
		end := t.steps(r, pawl.Hash{}, "end")
		t.finish(r, pawl.Succeeded)
		t.talk(side[0].Hash, "side")
		t.one(pawl.Delete, id)
		t.forgotten(side[0].Hash)
		t.forgotten(end[0].Hash)
	}},
	{"up to what others share", "conversations that begin alike keep what they share until the last of them is gone", func(t *trial) {
		trunk := t.nodes(pawl.Hash{}, "a", "b")
		left, right := t.nodes(trunk[1].Hash, "left"), t.nodes(trunk[1].Hash, "right")
		l, r := t.put(talk(append(trunk, left...))), t.put(talk(append(trunk, right...)))
		t.remove(l)
		t.forgotten(left[0].Hash)
		t.talk(right[0].Hash, "a", "b", "right")
		t.remove(r)
		t.forgotten(trunk[0].Hash)
	}},
	{"for a task that starts from it", "a task that starts where another one stopped needs all that was said", func(t *trial) {
		first := t.put(talk(t.nodes(pawl.Hash{}, "a")))
		r := t.take()
		said := t.steps(r, t.row(first).Conversation, "b")
		next := task(inRun(first))
		next.Row.Conversation = said[0].Hash
		t.finish(r, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{next} })
		t.one(pawl.Delete, first)
		t.talk(said[0].Hash, "a", "b")
		t.remove(next.Row.ID)
		t.forgotten(said[0].Hash)
	}},
	{"for a step that has it", "a conversation that another task's step has reached is that task's too", func(t *trial) {
		first := t.put(talk(t.nodes(pawl.Hash{}, "a")))
		second := t.put(talk(t.nodes(pawl.Hash{}, "a")))
		rows := t.claim(2).Tasks
		said := t.steps(rows[0], rows[0].Conversation, "b")
		t.steps(rows[1], rows[1].Conversation, "b")
		for _, r := range rows {
			t.finish(r, pawl.Succeeded)
		}
		t.one(pawl.Delete, first)
		t.talk(said[0].Hash, "a", "b")
		t.one(pawl.Delete, second)
		t.forgotten(said[0].Hash)
	}},
	{"one message in two places", "a message is stored once, and stays as long as it stands anywhere", func(t *trial) {
		one, two := t.nodes(pawl.Hash{}, "yes", "no"), t.nodes(pawl.Hash{}, "no", "yes")
		a, b := t.put(talk(one)), t.put(talk(two))
		t.remove(a)
		t.talk(two[1].Hash, "no", "yes")
		t.remove(b)
		t.put(talk(one))
		t.talk(one[1].Hash, "yes", "no")
	}},
	{"several at once", "tasks of one conversation that are removed together leave nothing", func(t *trial) {
		chain := t.nodes(pawl.Hash{}, "a", "b", "c", "d")
		for i := range chain {
			t.put(talk(chain[:i+1]))
		}
		t.change(pawl.Cancel, pawl.Filter{})
		is(t, "removed", len(t.change(pawl.Delete, pawl.Filter{})), 4)
		for _, n := range chain {
			t.forgotten(n.Hash)
		}
	}},
	{"long conversations", "a conversation of a thousand messages goes like one of two", func(t *trial) {
		texts := make([]string, 1000)
		for i := range texts {
			texts[i] = fmt.Sprint("message ", i)
		}
		chain := t.nodes(pawl.Hash{}, texts...)
		t.remove(t.put(talk(chain)))
		t.forgotten(chain[0].Hash)
		t.forgotten(chain[999].Hash)
	}},
	{"said again after it was removed", "what was removed and comes again is stored again", func(t *trial) {
		chain := t.nodes(pawl.Hash{}, "a", "b")
		t.remove(t.put(talk(chain)))
		t.put(talk(chain))
		t.talk(chain[1].Hash, "a", "b")
	}},
	{"what cannot be removed keeps its messages", "a removal that does not apply changes nothing", func(t *trial) {
		chain := t.nodes(pawl.Hash{}, "a")
		id := t.put(talk(chain))
		is(t, "removed", len(t.change(pawl.Delete, pawl.Filter{IDs: []pawl.ID{id}})), 0)
		t.talk(chain[0].Hash, "a")
	}},
	{"removed while others add", "a task that was accepted has its conversation, whoever removes another one of it at that moment", addWhileRemoving},
}

// steps stores a step that appends messages to a conversation, and returns their nodes.
func (t *trial) steps(r *pawl.TaskRow, parent pawl.Hash, texts ...string) []pawl.Node {
	t.Helper()
	said := t.nodes(parent, texts...)
	head := said[len(said)-1].Hash
	t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Nodes: said, Step: &pawl.StepRow{
		Key: "ask " + texts[0], Name: "ask", Result: []byte("{}"), Head: head, Attempt: r.Attempt,
	}}))
	return said
}

// remove ends a task that waits, and removes it.
func (t *trial) remove(id pawl.ID) {
	t.Helper()
	t.one(pawl.Cancel, id)
	t.one(pawl.Delete, id)
}

// forgotten checks that a conversation is not stored any more.
func (t *trial) forgotten(head pawl.Hash) {
	t.Helper()
	if nodes, err := t.store.Conversation(t.ctx, head); !errors.Is(err, pawl.ErrNotFound) {
		t.Errorf("Conversation = %d messages, %v; want ErrNotFound", len(nodes), err)
	}
}

// addWhileRemoving has callers add and remove tasks of the same few conversations.
func addWhileRemoving(t *trial) {
	const callers, rounds = 4, 40
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := range rounds {
				chain := t.nodes(pawl.Hash{}, "a", "b", fmt.Sprint(i%2))
				n := task(talk(chain))
				if _, err := t.store.Add(t.ctx, t.now, []pawl.NewTask{n}); err != nil {
					t.Errorf("Add: %v", err)
					return
				}
				if nodes, err := t.store.Conversation(t.ctx, chain[2].Hash); err != nil || len(nodes) != 3 {
					t.Errorf("Conversation of a task that waits = %d messages, %v; want 3", len(nodes), err)
				}
				own := pawl.Filter{IDs: []pawl.ID{n.Row.ID}}
				for _, do := range []pawl.ChangeKind{pawl.Cancel, pawl.Delete} {
					if changed, err := t.store.Change(t.ctx, t.now, own, pawl.Change{Do: do}); err != nil || len(changed) != 1 {
						t.Errorf("Change %s = %v, %v", do, changed, err)
					}
				}
			}
		})
	}
	all.Wait()
	for _, n := range t.nodes(pawl.Hash{}, "a", "b") {
		t.forgotten(n.Hash)
	}
}
