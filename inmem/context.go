package inmem

import (
	"context"
	"fmt"
	"slices"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// talks holds conversations: nodes, each of which stands behind its parent, and
// their messages, each once. A node stays for as long as something refers to it:
// the conversation that a task starts from, a step's head (a task's own head is
// that of a step), or a node behind it.
type talks struct {
	nodes map[pawl.Hash]node
	texts map[pawl.Hash]*text // by content
	refs  map[pawl.Hash]int   // to nodes; without those to which nothing refers
}

// node is a place in a conversation.
type node struct{ parent, content pawl.Hash }

// text is a message, which nodes of one content share.
type text struct {
	message llm.Message
	nodes   int
}

func newTalks() talks {
	return talks{nodes: map[pawl.Hash]node{}, texts: map[pawl.Hash]*text{}, refs: map[pawl.Hash]int{}}
}

// keep stores nodes; those that are there already are the same.
func (k *talks) keep(nodes []pawl.Node) {
	for _, n := range nodes {
		if _, ok := k.nodes[n.Hash]; ok {
			continue
		}
		k.nodes[n.Hash] = node{n.Parent, n.Content}
		k.refer(n.Parent)
		if k.texts[n.Content] == nil {
			k.texts[n.Content] = &text{message: n.Message}
		}
		k.texts[n.Content].nodes++
	}
}

// refer counts one more reference to a node.
func (k *talks) refer(to pawl.Hash) {
	if !to.IsZero() {
		k.refs[to]++
	}
}

// release counts one reference less. A node without any is removed, and so are
// those before it that nothing else refers to.
func (k *talks) release(to pawl.Hash) {
	for !to.IsZero() {
		if k.refs[to]--; k.refs[to] > 0 {
			return
		}
		delete(k.refs, to)
		n, ok := k.nodes[to]
		if !ok {
			return
		}
		delete(k.nodes, to)
		if t := k.texts[n.content]; t.nodes > 1 {
			t.nodes--
		} else {
			delete(k.texts, n.content)
		}
		to = n.parent
	}
}

// drop releases what the steps of a task refer to.
func (k *talks) drop(steps []pawl.StepRow) {
	for i := range steps {
		k.release(steps[i].Head)
	}
}

// check reports a task whose conversation neither comes with it nor is stored.
func (k *talks) check(tasks []pawl.NewTask) error {
	for i := range tasks {
		t := &tasks[i]
		head := t.Row.Conversation
		if head.IsZero() {
			continue
		}
		if _, ok := k.nodes[head]; !ok && !slices.ContainsFunc(t.Nodes, func(n pawl.Node) bool { return n.Hash == head }) {
			return fmt.Errorf("pawl: task %s starts from conversation %s, which is not stored", t.Row.ID, head)
		}
	}
	return nil
}

// Conversation implements [pawl.Contexts].
func (s *Store) Conversation(ctx context.Context, head pawl.Hash) ([]pawl.Node, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	k := &s.talks
	nodes := []pawl.Node{}
	for hash := head; !hash.IsZero(); {
		n, ok := k.nodes[hash]
		if !ok {
			return nil, fmt.Errorf("conversation %s: %w", head, pawl.ErrNotFound)
		}
		nodes = append(nodes, pawl.Node{Hash: hash, Parent: n.parent, Content: n.content, Message: k.texts[n.content].message})
		hash = n.parent
	}
	slices.Reverse(nodes)
	return nodes, nil
}
