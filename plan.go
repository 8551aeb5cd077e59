package pawl

import (
	"fmt"
	"strings"

	"github.com/pawlhq/pawl/llm"
)

// node is one step of a flow as its operations declare it: an operation, or a way to
// put flows together, which has an operation of the queue's own.
type node struct {
	spec
	each       []node // what is done for each element
	atOnce     int
	bestEffort bool
	try        []node // what is tried
	all        []way
	choose     []way
	fallbacks  []fallback
	err        error // what is wrong with how it was put together
}

type way struct {
	name  string
	nodes []node
}

type fallback struct {
	classes []llm.Class
	node    node
}

// The queue's own operations. Every worker has handlers for them.
const (
	ownPrefix = "pawl."
	opEach    = ownPrefix + "each"
	opAll     = ownPrefix + "all"
	opTry     = ownPrefix + "try"
)

func isOwnName(operation string) bool { return strings.HasPrefix(operation, ownPrefix) }

// own returns the operation of a node that puts flows together, of which first is the
// first: its task waits where theirs do.
func own(name string, first []node) node {
	n := node{}
	if len(first) == 0 {
		n.err = fmt.Errorf("pawl: %s of an empty flow", name)
		n.spec = Operation[any, any]{Name: name}.spec()
	} else {
		n.spec = first[0].spec
	}
	n.Name, n.Version, n.Limit, n.Tokens, n.Attempts = name, "", NoLimit, 0, defaultAttempts
	return n
}

// isOwn reports whether the node's own task runs no operation of the user's.
func (n *node) isOwn() bool { return n.each != nil || n.try != nil || n.all != nil }

func (n *node) stage() Stage {
	s := Stage{
		Operation: n.Name, Version: n.Version, Queue: n.Queue, Limit: n.Limit,
		Priority: n.Priority, MaxAttempts: n.Attempts, Tokens: n.Tokens,
		Try: stages(n.try), All: branches(n.all), Choose: branches(n.choose),
	}
	if n.each != nil {
		s.Each = &EachStage{Stages: stages(n.each), AtOnce: n.atOnce, BestEffort: n.bestEffort}
	}
	for _, f := range n.fallbacks {
		s.Fallbacks = append(s.Fallbacks, Fallback{f.classes, f.node.stage()})
	}
	return s
}

func stages(nodes []node) []Stage {
	var all []Stage
	for i := range nodes {
		all = append(all, nodes[i].stage())
	}
	return all
}

func branches(ways []way) []Branch {
	var all []Branch
	for _, w := range ways {
		all = append(all, Branch{w.name, stages(w.nodes)})
	}
	return all
}

// parts returns what the node is made of.
func (n *node) parts() (all [][]node) {
	for _, part := range [][]node{n.each, n.try} {
		if part != nil {
			all = append(all, part)
		}
	}
	for _, w := range n.all {
		all = append(all, w.nodes)
	}
	for _, w := range n.choose {
		all = append(all, w.nodes)
	}
	for _, f := range n.fallbacks {
		all = append(all, []node{f.node})
	}
	return all
}

// defect returns what is wrong with how nodes were put together, nil if nothing is. It
// comes first: what else is wrong follows from it.
func defect(nodes []node) error {
	for i := range nodes {
		n := &nodes[i]
		if n.err != nil {
			return n.err
		}
		for _, part := range n.parts() {
			if len(part) == 0 {
				return fmt.Errorf("pawl: a part of %s is an empty flow; make it with Then, Each, All, Choose or Try", n.Name)
			}
			if err := defect(part); err != nil {
				return err
			}
		}
	}
	return nil
}

// validate reports what is wrong with the operations of nodes, and with all that they
// are made of.
func validate(nodes []node) error {
	for i := range nodes {
		n := &nodes[i]
		if !n.isOwn() && isOwnName(n.Name) {
			return fmt.Errorf("pawl: Operation.Name is %s; names that begin with %s are the queue's own", n.Name, ownPrefix)
		}
		if err := n.spec.validate(); err != nil {
			return err
		}
		for _, part := range n.parts() {
			if err := validate(part); err != nil {
				return err
			}
		}
	}
	return nil
}

// place makes r a task of a stage, which the others follow.
func (r *TaskRow) place(s *Stage, rest []Stage) {
	r.Operation, r.Queue, r.Limit, r.Priority = s.Operation, s.Queue, s.Limit, s.Priority
	r.MaxAttempts, r.Size.Output = s.MaxAttempts, s.Tokens
	if r.Next = rest; s.isFan() || len(s.Choose) > 0 {
		here := *s
		here.Here = true
		r.Next = append([]Stage{here}, rest...)
	}
	if fallbacks := s.Fallbacks; len(fallbacks) > 0 {
		r.link(func(l *Links) { l.Fallbacks = fallbacks })
	}
}
