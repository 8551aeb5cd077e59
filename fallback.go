package pawl

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pawlhq/pawl/llm"
)

// WithFallback returns the flow that runs an operation, and has another one go on
// with the same task if the first fails for good with one of classes, or with any
// class if none is named. The second gets the same input and conversation, and the
// steps that the first has stored; the task keeps all attempts. Fallbacks of
// fallbacks come in their order. What was cancelled or has expired has none.
func WithFallback[In, Out any](first Part[In, Out], next Operation[In, Out], classes ...llm.Class) Flow[In, Out] {
	nodes := append([]node{}, first.plan()...)
	if len(nodes) != 1 || nodes[0].isOwn() || nodes[0].choose != nil {
		return Flow[In, Out]{[]node{{err: fmt.Errorf("pawl: WithFallback to %s is of a flow; want an operation, or one with fallbacks", next.Name)}}}
	}
	nodes[0].fallbacks = append(append([]fallback{}, nodes[0].fallbacks...), fallback{classes, node{spec: next.spec()}})
	return Flow[In, Out]{nodes}
}

// ModelWithFallback returns a model for [Conversation.Ask] that is first, and next for
// a call that first failed with one of classes, or with any class if none is named.
// It is one call to the handler: on a retry the stored response answers, whichever
// model gave it. Where next is another account's, give it a limit of its own; see
// [Through].
func ModelWithFallback(first, next llm.Model, classes ...llm.Class) llm.Model {
	return &either{first, next, classes}
}

// either is two models. Outside of Ask it is the first.
type either struct {
	llm.Model
	next    llm.Model
	classes []llm.Class
}

// Through returns m with its calls through a limit other than their task's.
func Through(limit string, m llm.Model) llm.Model { return &through{m, limit} }

type through struct {
	llm.Model
	limit string
}

// choice is one of the models that a call may go to.
type choice struct {
	model   llm.Model
	limit   string      // "" for the task's
	nth     int         // how many come before it
	last    bool        // its failure is the call's
	classes []llm.Class // of failures for which the next one is asked; empty for all
}

// choices returns the models that m stands for, in their order.
func choices(m llm.Model) []choice {
	switch m := m.(type) {
	case *either:
		all := choices(m.Model)
		all[len(all)-1].last, all[len(all)-1].classes = false, m.classes
		for _, c := range choices(m.next) {
			c.nth = len(all)
			all = append(all, c)
		}
		return all
	case *through:
		all := choices(m.Model)
		for i := range all {
			if all[i].limit == "" {
				all[i].limit = m.limit
			}
		}
		return all
	}
	return []choice{{model: m, last: true}}
}

// passesOn reports whether the next model is asked after err.
func (c *choice) passesOn(ctx context.Context, err error) bool {
	var failed *llm.Error
	return !c.last && ctx.Err() == nil && errors.As(err, &failed) && !errors.Is(err, errUnstored) && (len(c.classes) == 0 || slices.Contains(c.classes, failed.Class))
}
