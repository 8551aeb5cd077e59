package pawl

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// shelf holds the stored messages that a task's steps refer to, so that a replay
// reads each conversation once and not once for each step.
type shelf struct {
	store Contexts
	steps []StepRow

	mu    sync.Mutex
	read  bool
	nodes map[Hash]Node
}

// node returns the node with this hash; ok is false if none of the steps'
// conversations has it.
func (s *shelf) node(ctx context.Context, h Hash) (n Node, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fill(ctx); err != nil {
		return n, false, err
	}
	n, ok = s.nodes[h]
	return n, ok, nil
}

// chain returns the nodes from the first message to head; ok is false if one of
// them is not here.
func (s *shelf) chain(ctx context.Context, head Hash) (nodes []Node, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fill(ctx); err != nil {
		return nil, false, err
	}
	for h := head; !h.IsZero(); {
		n, ok := s.nodes[h]
		if !ok {
			return nil, false, nil
		}
		nodes = append(nodes, n)
		h = n.Parent
	}
	slices.Reverse(nodes)
	return nodes, true, nil
}

// fill reads the conversations, the newest step's first: it holds those of the
// steps before it, but for those of other branches.
func (s *shelf) fill(ctx context.Context) error {
	if s.read {
		return nil
	}
	found := map[Hash]Node{}
	for _, step := range slices.Backward(s.steps) {
		if _, ok := found[step.Head]; ok || step.Head.IsZero() {
			continue
		}
		nodes, err := s.store.Conversation(ctx, step.Head)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		for _, n := range nodes {
			found[n.Hash] = n
		}
	}
	s.nodes, s.read = found, true
	return nil
}

// shelf returns the messages of the attempt's stored steps.
func (a *attempt) shelf() *shelf {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.shelved == nil {
		a.shelved = &shelf{store: a.client.store, steps: a.row.Steps}
	}
	return a.shelved
}
