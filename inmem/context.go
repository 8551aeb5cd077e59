package inmem

import (
	"context"
	"fmt"
	"slices"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// node is a place in a conversation.
type node struct{ parent, content pawl.Hash }

// message is what nodes with one content share.
type message = llm.Message

// keepNodes stores nodes; those that are there already are the same.
func (s *Store) keepNodes(nodes []pawl.Node) {
	for _, n := range nodes {
		s.nodes[n.Hash] = node{n.Parent, n.Content}
		if _, ok := s.texts[n.Content]; !ok {
			s.texts[n.Content] = n.Message
		}
	}
}

// checkNodes reports a task whose conversation neither comes with it nor is stored.
func (s *Store) checkNodes(tasks []pawl.NewTask) error {
	for i := range tasks {
		t := &tasks[i]
		head := t.Row.Conversation
		if head.IsZero() {
			continue
		}
		if _, ok := s.nodes[head]; !ok && !slices.ContainsFunc(t.Nodes, func(n pawl.Node) bool { return n.Hash == head }) {
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
	nodes := []pawl.Node{}
	for hash := head; !hash.IsZero(); {
		n, ok := s.nodes[hash]
		if !ok {
			return nil, fmt.Errorf("conversation %s: %w", head, pawl.ErrNotFound)
		}
		nodes = append(nodes, pawl.Node{Hash: hash, Parent: n.parent, Content: n.content, Message: s.texts[n.content]})
		hash = n.parent
	}
	slices.Reverse(nodes)
	return nodes, nil
}
