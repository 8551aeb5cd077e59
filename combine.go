package pawl

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/pawlhq/pawl/llm"
)

// Each returns the flow that runs part for each element of a list, all at the same
// time if nothing is said, and gives the outputs in the order of the elements. An
// element starts with the conversation and the data that the list came with; what
// follows goes on with those too.
//
// If an element fails for good, the run has failed: its other elements go on, what
// has ended is kept, and a retry of the dead letter completes the list. To have
// failures beside the outputs instead, use Each(Try(part)). A list may have 100,000
// elements.
func Each[In, Out any](part Part[In, Out], opts ...EachOption) Flow[[]In, []Out] {
	n := own(opEach, part.plan())
	n.each = part.plan()
	if len(n.each) == 1 && n.each[0].try != nil { // one task for each element does for both
		n.bestEffort, n.each = true, n.each[0].try
	}
	for _, o := range opts {
		o(&n)
	}
	return Flow[[]In, []Out]{[]node{n}}
}

// EachOption changes an [Each].
type EachOption func(*node)

// AtOnce bounds how many elements are worked on at a time. An element that failed
// keeps its place until it is retried, unless its failure is tried for: then one that is
// retried while the list goes on waits for its turn, and the list for its result.
func AtOnce(n int) EachOption {
	return func(e *node) {
		if e.atOnce = n; n < 1 {
			e.err = fmt.Errorf("pawl: AtOnce is %d; want 1 or more", n)
		}
	}
}

// Slot is a part of what [All] puts together.
type Slot[In, Out any] struct{ way way }

// Into is the slot for what part returns: the field of Out, a struct, to which field
// returns a pointer.
func Into[In, Out, Field any](field func(*Out) *Field, part Part[In, Field]) Slot[In, Out] {
	var out Out
	name, err := fieldName(&out, field(&out))
	nodes := part.plan()
	if err != nil {
		nodes = []node{{err: err}}
	}
	return Slot[In, Out]{way{name, nodes}}
}

// fieldName returns the name that a field of a struct has in JSON.
func fieldName(out, field any) (string, error) {
	s, f := reflect.ValueOf(out).Elem(), reflect.ValueOf(field)
	if s.Kind() == reflect.Struct && !f.IsNil() {
		for i := range s.NumField() {
			t := s.Type().Field(i)
			if t.Type != f.Type().Elem() || s.Field(i).Addr().Pointer() != f.Pointer() {
				continue
			}
			name, _, _ := strings.Cut(t.Tag.Get("json"), ",")
			switch {
			case t.Anonymous && name == "":
				return "", fmt.Errorf("pawl: Into: field %s of %s is embedded, and its JSON is not apart; give it a name in JSON", t.Name, s.Type())
			case strings.HasSuffix(t.Tag.Get("json"), ",string"):
				return "", fmt.Errorf("pawl: Into: field %s of %s is a string in JSON, which no output is", t.Name, s.Type())
			case !t.IsExported() || name == "-":
				return "", fmt.Errorf("pawl: Into: field %s of %s is not in its JSON", t.Name, s.Type())
			case name == "":
				name = t.Name
			}
			return name, nil
		}
	}
	return "", fmt.Errorf("pawl: Into: want a pointer to a field of the struct that it is given, %s", s.Type())
}

// All returns the flow that runs different parts at the same time, each with its own
// input, and puts their outputs together into one value. Conversation, data and
// failures are as with [Each].
func All[In, Out any](slots ...Slot[In, Out]) Flow[In, Out] {
	var first []node
	seen := map[string]bool{}
	n := node{}
	for i, s := range slots {
		if i == 0 {
			first = s.way.nodes
		}
		n.all = append(n.all, s.way)
		if seen[s.way.name] && n.err == nil {
			n.err = fmt.Errorf("pawl: All has two slots for field %s", s.way.name)
		}
		seen[s.way.name] = true
	}
	whole := own(opAll, first)
	whole.all = n.all
	if n.err != nil {
		whole.err = n.err
	}
	return Flow[In, Out]{[]node{whole}}
}

// Case is one of the ways that [Choose] may go.
type Case[In, Out any] struct{ way way }

const otherwise = "" // the name of the way that is gone for all other names

// When is the way for a name.
func When[In, Out any](name string, part Part[In, Out]) Case[In, Out] {
	c := Case[In, Out]{way{name, part.plan()}}
	if name == otherwise {
		c.way.nodes = []node{{err: fmt.Errorf("pawl: When has an empty name; for all other names use Otherwise")}}
	}
	return c
}

// Otherwise is the way for all names that no other way has. It comes last.
func Otherwise[In, Out any](part Part[In, Out]) Case[In, Out] {
	return Case[In, Out]{way{otherwise, part.plan()}}
}

// Choose returns the flow that goes one of several ways: the one that by names when
// it is given the input. The way gets the same input, with the conversation and data
// as by left them. A name that no way has makes a dead letter.
func Choose[In, Out any](by Operation[In, string], cases ...Case[In, Out]) Flow[In, Out] {
	n := node{spec: by.spec()}
	seen := map[string]bool{}
	for i, c := range cases {
		n.choose = append(n.choose, c.way)
		switch {
		case seen[c.way.name]:
			n.err = fmt.Errorf("pawl: Choose by %s has two ways for %q", by.Name, c.way.name)
		case c.way.name == otherwise && i < len(cases)-1:
			n.err = fmt.Errorf("pawl: Choose by %s has ways behind Otherwise", by.Name)
		}
		seen[c.way.name] = true
	}
	if len(cases) == 0 {
		n.err = fmt.Errorf("pawl: Choose by %s has no ways", by.Name)
	}
	return Flow[In, Out]{[]node{n}}
}

// Result is what became of a part that was tried: a value, or the failure.
type Result[T any] struct {
	Value   T        `json:"value"`
	Failure *Failure `json:"failure,omitempty"` // nil if it succeeded
}

// Failure is why a part failed for good, or was cancelled.
type Failure struct {
	Task    ID        `json:"task"` // the dead letter
	Class   llm.Class `json:"class"`
	Message string    `json:"message"`
}

// Error says which task failed, and why.
func (f *Failure) Error() string { return fmt.Sprintf("pawl: %s: %s: %s", f.Task, f.Class, f.Message) }

// Try returns the flow that runs part and succeeds whatever becomes of it: a failure
// is a value for what follows. The dead letter is kept all the same; retried later, it
// changes nothing in the run.
func Try[In, Out any](part Part[In, Out]) Flow[In, Result[Out]] {
	n := own(opTry, part.plan())
	n.try = part.plan()
	return Flow[In, Result[Out]]{[]node{n}}
}

// list joins words for people: "a, b or c".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
