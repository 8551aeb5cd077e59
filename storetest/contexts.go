package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

var contextRules = []rule{
	{"order", "a model that reads its conversation in another order answers another question", func(t *trial) {
		texts := make([]string, 100)
		for i := range texts {
			texts[i] = fmt.Sprint("message ", i)
		}
		chain := t.nodes(pawl.Hash{}, texts...)
		t.put(talk(chain))
		t.talk(chain[99].Hash, texts...)
		t.talk(chain[49].Hash, texts[:50]...)
	}},
	{"nodes come back whole", "fields that Pawl does not know belong to the provider, and every byte of them counts", func(t *trial) {
		m, err := llm.ParseMessage([]byte(`{ "role":"assistant", "content":[{"type":"x","z":1e3}], "new_field":"ü\u0000" }`))
		t.must("ParseMessage", err)
		want, err := pawl.NewNode(pawl.Hash{}, m)
		t.must("NewNode", err)
		t.put(talk([]pawl.Node{want}))
		got := t.conversation(want.Hash)
		if len(got) != 1 || got[0].Hash != want.Hash || got[0].Content != want.Content || !got[0].Parent.IsZero() {
			t.Fatalf("Conversation = %+v; want %+v", got, want)
		}
		is(t, "message", string(got[0].Message.JSON()), string(m.JSON()))
	}},
	{"shared beginnings", "fifty calls store fifty messages: conversations that begin alike share what they share", func(t *trial) {
		trunk := t.nodes(pawl.Hash{}, "a", "b")
		left, right := t.nodes(trunk[1].Hash, "left"), t.nodes(trunk[1].Hash, "right", "again")
		t.put(talk(slices.Concat(trunk, left)))
		t.put(talk(right)) // its beginning is stored
		t.talk(left[0].Hash, "a", "b", "left")
		t.talk(right[1].Hash, "a", "b", "right", "again")
		t.talk(trunk[1].Hash, "a", "b")
	}},
	{"the same message twice", "a message is stored once wherever it stands, and stands wherever it was said", func(t *trial) {
		chain := t.nodes(pawl.Hash{}, "yes", "yes", "no", "yes")
		t.put(talk(chain))
		t.talk(chain[3].Hash, "yes", "yes", "no", "yes")
		other := t.nodes(pawl.Hash{}, "no", "yes")
		t.put(talk(other))
		t.talk(other[1].Hash, "no", "yes")
	}},
	{"stored again", "each task of a conversation brings its messages along; those that are there already are the same", func(t *trial) {
		chain := t.nodes(pawl.Hash{}, "a", "b")
		t.put(talk(chain))
		t.put(talk(chain))
		a, b := task(talk(chain)), task(talk(chain))
		t.add(a, b)
		t.talk(chain[1].Hash, "a", "b")
	}},
	{"stored with a step", "the messages of a call are stored with its response", func(t *trial) {
		begun := t.nodes(pawl.Hash{}, "a")
		id := t.put(talk(begun))
		r := t.take()
		is(t, "Conversation", r.Conversation, begun[0].Hash)
		more := t.nodes(begun[0].Hash, "b", "c")
		step := pawl.Save{
			Lease: r.Lease(), Nodes: more,
			Step: &pawl.StepRow{Key: "k", Name: "ask", Result: []byte("{}"), Head: more[1].Hash},
		}
		t.must("Save", t.saveAs(step))
		t.must("Save again", t.saveAs(step))
		row := t.row(id)
		is(t, "Conversation", row.Conversation, begun[0].Hash)
		is(t, "Head", row.Head, more[1].Hash)
		is(t, "Head of the step", row.Steps[0].Head, more[1].Hash)
		t.talk(row.Head, "a", "b", "c")
	}},
	{"the zero hash", "an empty conversation has no messages, and that is no error", func(t *trial) {
		got := t.conversation(pawl.Hash{})
		if got == nil || len(got) != 0 {
			t.Errorf("Conversation of the zero Hash = %#v; want an empty slice", got)
		}
	}},
	{"an unknown conversation", "a conversation that is not there must not look like an empty one", func(t *trial) {
		if _, err := t.store.Conversation(t.ctx, pawl.Hash{1}); !errors.Is(err, pawl.ErrNotFound) {
			t.Errorf("Conversation of an unknown hash = %v; want ErrNotFound", err)
		}
	}},
	{"a task that starts from nowhere", "a task whose conversation is not stored could never run", func(t *trial) {
		n := task()
		n.Row.Conversation = pawl.Hash{1}
		if _, err := t.store.Add(t.ctx, t.now, []pawl.NewTask{task(), n}); err == nil {
			t.Error("Add of a task whose conversation is not stored = nil; want an error")
		}
		is(t, "tasks", len(t.list(pawl.Filter{})), 0)
	}},
	{"kept for those who need it", "messages outlive the task that brought them, for others stand on them", func(t *trial) {
		chain := t.nodes(pawl.Hash{}, "a", "b")
		id := t.put(talk(chain))
		t.put(talk(t.nodes(chain[1].Hash, "c")))
		t.one(pawl.Cancel, id)
		t.one(pawl.Delete, id)
		t.talk(t.nodes(chain[1].Hash, "c")[0].Hash, "a", "b", "c")
	}},
	{"reading moves no clock", "a conversation is read without a time, so nothing may fall due by it", func(t *trial) {
		chain := t.nodes(pawl.Hash{}, "a")
		id := t.put(talk(chain), deadline(t.now.Add(time.Hour)))
		r := t.take()
		t.talk(chain[0].Hash, "a")
		t.in(id, pawl.Running)
		t.finish(r, pawl.Pending)
		t.talk(chain[0].Hash, "a")
		t.in(id, pawl.Pending)
	}},
}

func (t *trial) conversation(head pawl.Hash) []pawl.Node {
	t.Helper()
	nodes, err := t.store.Conversation(t.ctx, head)
	t.must("Conversation", err)
	return nodes
}

// talk checks the texts of a conversation.
func (t *trial) talk(head pawl.Hash, want ...string) {
	t.Helper()
	got, parent := []string{}, pawl.Hash{}
	for _, n := range t.conversation(head) {
		got = append(got, n.Message.Text())
		is(t, "Parent", n.Parent, parent)
		parent = n.Hash
	}
	is(t, "head", parent, head)
	if !slices.Equal(got, want) {
		t.Errorf("Conversation = %q; want %q", got, want)
	}
}
