package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// change makes a new task differ from the plain one.
type change func(*pawl.NewTask)

// task returns a new task: of operation work in queue default, without a limit,
// a user or an identity, expected to use one token.
func task(with ...change) pawl.NewTask {
	n := pawl.NewTask{Duplicates: pawl.Join, Row: pawl.TaskRow{
		ID: pawl.NewID(), Operation: "work", Queue: "default", Limit: pawl.NoLimit,
		Input: []byte(`{"n":1}`), MaxAttempts: 4,
	}}
	n.Row.Run = n.Row.ID
	n.Row.Size = limit.Size{Output: 1}
	for _, w := range with {
		w(&n)
	}
	return n
}

func user(name string) change         { return func(n *pawl.NewTask) { n.Row.User = name } }
func operation(name string) change    { return func(n *pawl.NewTask) { n.Row.Operation = name } }
func queue(name string) change        { return func(n *pawl.NewTask) { n.Row.Queue = name } }
func on(name string) change           { return func(n *pawl.NewTask) { n.Row.Limit = name } }
func priority(p pawl.Priority) change { return func(n *pawl.NewTask) { n.Row.Priority = p } }
func tokens(output int) change {
	return func(n *pawl.NewTask) { n.Row.Size = limit.Size{Output: output} }
}
func delay(d time.Duration) change { return func(n *pawl.NewTask) { n.Delay = d } }
func deadline(at time.Time) change { return func(n *pawl.NewTask) { n.Row.Deadline = at } }
func inRun(run pawl.ID) change     { return func(n *pawl.NewTask) { n.Row.Run = run } }
func identity(b byte) change       { return func(n *pawl.NewTask) { n.Row.Identity = pawl.Hash{b} } }
func duplicates(d pawl.Duplicates) change {
	return func(n *pawl.NewTask) { n.Duplicates = d }
}
func reuse(d time.Duration) change { return func(n *pawl.NewTask) { n.Reuse = d } }

// talk has a task start from a conversation.
func talk(nodes []pawl.Node) change {
	return func(n *pawl.NewTask) { n.Nodes, n.Row.Conversation = nodes, nodes[len(nodes)-1].Hash }
}

// nodes returns the chain that appends messages of these texts to a conversation.
func (t *trial) nodes(parent pawl.Hash, texts ...string) []pawl.Node {
	t.Helper()
	chain := make([]pawl.Node, len(texts))
	for i, text := range texts {
		n, err := pawl.NewNode(parent, llm.Text("user", text))
		t.must("NewNode", err)
		chain[i], parent = n, n.Hash
	}
	return chain
}
