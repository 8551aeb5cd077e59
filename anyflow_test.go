package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// shape is a random flow beside what it must do, which is a plain function. All
// values are JSON: float64, string, []any, map[string]any or nil.
type shape struct {
	part part
	eval eval
	out  kind
	text string
}

// part is what operations and flows have in common.
type part interface {
	pawl.Part[any, any]
	AddMany(context.Context, *pawl.Client, []any, ...pawl.Option) ([]*pawl.Run[any], error)
}

// eval returns what a flow makes of an input, or the class with which it fails.
type eval func(in any) (out any, failed llm.Class)

// kind is what is known of a value: what the elements are, if it is a list.
type kind struct{ elem *kind }

var scalar = kind{}

func listOf(k kind) kind { return kind{&k} }

// shapes makes random flows. Every operation in them has a name of its own, and what
// it does with an input hangs on that name and the input alone.
type shapes struct {
	*rand.Rand
	clients []*pawl.Client // that get the handlers
	seed    uint64
	rate    float64       // of failures for good
	tries   int           // of each operation
	pace    time.Duration // the longest that a handler takes
	names   int

	mu     sync.Mutex
	mended map[string]bool // operation and input that do not fail any more
	runs   map[string]int  // of the handlers, by task and operation
}

// newShapes returns what makes the flows of a seed.
func newShapes(seed uint64) *shapes {
	r := rand.New(rand.NewPCG(seed, 7))
	return &shapes{
		Rand: r, seed: seed, rate: []float64{0, 0.02, 0.1, 0.3}[r.IntN(4)], tries: 3, pace: 3 * time.Second,
		mended: map[string]bool{}, runs: map[string]int{},
	}
}

// fate is what an operation does with an input.
type fate struct {
	class llm.Class // of its failure for good; "" for none
	first int       // failures before
	sum   uint64    // what the output is made of
	takes time.Duration
}

func (s *shapes) fate(op string, in any) fate {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := op + " " + encode(in)
	h := fnv.New64a()
	fmt.Fprint(h, s.seed, key)
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	f := fate{sum: r.Uint64(), takes: time.Duration(r.Int64N(int64(s.pace)))}
	switch p := r.Float64(); {
	case p < 0.1:
		f.first = 1 + r.IntN(2)
	case s.mended[key]:
	case p < 0.1+s.rate/2:
		f.class = llm.Permanent
	case p < 0.1+s.rate:
		f.class = llm.Transient
	}
	return f
}

// mend has an operation succeed with an input from now on.
func (s *shapes) mend(op string, in any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mended[op+" "+encode(in)] = true
}

// encode returns a value as JSON, without what no evaluator can know of a failure.
func encode(v any) string {
	b, err := json.Marshal(normal(v))
	if err != nil {
		panic(err)
	}
	return string(b)
}

func normal(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = normal(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name := range v {
			out[name] = normal(v[name])
		}
		if f, ok := v["failure"].(map[string]any); ok {
			out["failure"] = f["class"]
		}
		return out
	}
	return v
}

// act is what the handlers of all operations do first.
func (s *shapes) act(ctx context.Context, t *pawl.Task[any], op string) (fate, error) {
	f := s.fate(op, t.Input)
	s.mu.Lock()
	key := t.ID.String() + op
	s.runs[key]++
	n := s.runs[key]
	s.mu.Unlock()
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return f, context.Cause(ctx)
	}
	switch {
	case n <= f.first:
		return f, fmt.Errorf("%s fails for now", op)
	case f.class == llm.Permanent:
		return f, pawl.Permanent(fmt.Errorf("%s fails for good", op))
	case f.class == llm.Transient:
		return f, fmt.Errorf("%s fails at every try", op)
	}
	return f, nil
}

// op makes an operation, with what it returns if it does not fail.
func op[Out any](s *shapes, name string, out func(fate) Out) (pawl.Operation[any, Out], eval) {
	s.names++
	o := pawl.Operation[any, Out]{
		Name: fmt.Sprint(name, s.names), Limit: pawl.NoLimit, Attempts: s.tries,
		Priority: pawl.Priority(s.IntN(3) - 1), Queue: []string{"", "a", "b"}[s.IntN(3)],
	}
	for _, c := range s.clients {
		o.Handle(c, func(ctx context.Context, t *pawl.Task[any]) (none Out, err error) {
			f, err := s.act(ctx, t, o.Name)
			if err != nil {
				return none, err
			}
			return out(f), nil
		})
	}
	return o, func(in any) (any, llm.Class) {
		f := s.fate(o.Name, in)
		return out(f), f.class
	}
}

// any returns a random flow for inputs of a kind. caught says that its failure is the
// business of what is around it.
func (s *shapes) any(depth int, in kind, caught bool) shape {
	if depth <= 0 {
		return s.leaf()
	}
	switch s.IntN(12) {
	case 0, 1, 2:
		first := s.any(depth-1, in, caught)
		return then(first, s.any(depth-1, first.out, caught))
	case 3, 4, 5:
		if in.elem == nil {
			return then(s.lister(), s.each(s.any(depth-1, scalar, caught)))
		}
		return s.each(s.any(depth-1, *in.elem, caught))
	case 6, 7:
		slots := make([]shape, 1+s.IntN(3))
		for i := range slots {
			slots[i] = s.any(depth-1, in, caught)
		}
		return all(slots)
	case 8:
		return s.choose(depth, in, caught)
	case 9, 10:
		return try(s.any(depth-1, in, true))
	}
	return s.agent(s.any(depth-1, scalar, true), caught)
}

func (s *shapes) leaf() shape {
	switch s.IntN(4) {
	case 0:
		return s.fallback()
	case 1:
		return s.lister()
	}
	o, eval := op(s, "op", number)
	return shape{o, eval, scalar, o.Name}
}

func number(f fate) any { return float64(f.sum % 1000) }

// lister returns an operation whose output is up to five numbers, some of them equal,
// or null.
func (s *shapes) lister() shape {
	o, eval := op(s, "list", func(f fate) any {
		if f.sum%11 == 0 {
			return nil
		}
		out := make([]any, f.sum%6)
		for i := range out {
			out[i] = float64(f.sum >> (8 * (i + 1)) % 16)
		}
		return out
	})
	return shape{o, eval, listOf(scalar), o.Name}
}

func then(first, next shape) shape {
	return shape{
		part: pawl.Then(first.part, next.part),
		eval: func(in any) (any, llm.Class) {
			out, failed := first.eval(in)
			if failed != "" {
				return nil, failed
			}
			return next.eval(out)
		},
		out:  next.out,
		text: first.text + " → " + next.text,
	}
}

// A flow of any values is one of lists, too: in JSON there are no types. So flows of
// all types can be put into each other.
func (s *shapes) each(of shape) shape {
	var opts []pawl.EachOption
	text := "each(" + of.text + ")"
	if s.IntN(2) == 0 {
		n := 1 + s.IntN(3)
		opts = append(opts, pawl.AtOnce(n))
		text += fmt.Sprint("/", n)
	}
	return shape{
		part: pawl.Flow[any, any](pawl.Each(of.part, opts...)),
		eval: func(in any) (any, llm.Class) {
			out, failed := []any{}, llm.Class("")
			elements, _ := in.([]any)
			for _, e := range elements {
				v, f := of.eval(e)
				if out = append(out, v); f != "" {
					failed = pawl.Broken
				}
			}
			return out, failed
		},
		out:  listOf(of.out),
		text: text,
	}
}

type trio struct{ A, B, C any }

func all(of []shape) shape {
	fields := []func(*trio) *any{
		func(t *trio) *any { return &t.B }, func(t *trio) *any { return &t.A }, func(t *trio) *any { return &t.C },
	}
	names := []string{"B", "A", "C"}
	var slots []pawl.Slot[any, trio]
	var texts []string
	for i, s := range of {
		slots = append(slots, pawl.Into(fields[i], s.part))
		texts = append(texts, names[i]+": "+s.text)
	}
	return shape{
		part: pawl.Flow[any, any](pawl.All(slots...)),
		eval: func(in any) (any, llm.Class) {
			out, failed := map[string]any{}, llm.Class("")
			for i, s := range of {
				v, f := s.eval(in)
				if out[names[i]] = v; f != "" {
					failed = pawl.Broken
				}
			}
			return out, failed
		},
		text: "all(" + strings.Join(texts, ", ") + ")",
	}
}

func try(of shape) shape {
	return shape{
		part: pawl.Flow[any, any](pawl.Try(of.part)),
		eval: func(in any) (any, llm.Class) {
			out, failed := of.eval(in)
			if failed != "" {
				return map[string]any{"value": nil, "failure": map[string]any{"class": string(failed)}}, ""
			}
			return map[string]any{"value": out}, ""
		},
		text: "try(" + of.text + ")",
	}
}

// choose returns a flow of several ways, one of which may be that for all names. If
// none is, some names have no way.
func (s *shapes) choose(depth int, in kind, caught bool) shape {
	names := []string{"x", "y", "z"}[:1+s.IntN(3)]
	ways := map[string]shape{}
	var cases []pawl.Case[any, any]
	var texts []string
	for _, name := range names {
		way := s.any(depth-1, in, caught)
		ways[name] = way
		cases = append(cases, pawl.When(name, way.part))
		texts = append(texts, name+": "+way.text)
	}
	var rest *shape
	if s.IntN(2) == 0 {
		way := s.any(depth-1, in, caught)
		rest = &way
		cases = append(cases, pawl.Otherwise(way.part))
		texts = append(texts, "else: "+way.text)
	}
	by, name := op(s, "by", func(f fate) string {
		if rest != nil && f.sum%3 == 0 || f.sum%100 < uint64(100*s.rate) && caught {
			return "none of them"
		}
		return names[f.sum/3%uint64(len(names))]
	})
	return shape{
		part: pawl.Flow[any, any](pawl.Choose(by, cases...)),
		eval: func(in any) (any, llm.Class) {
			to, failed := name(in)
			if failed != "" {
				return nil, failed
			}
			if way, ok := ways[to.(string)]; ok {
				return way.eval(in)
			}
			if rest != nil {
				return rest.eval(in)
			}
			return nil, llm.Permanent
		},
		text: by.Name + "(" + strings.Join(texts, ", ") + ")",
	}
}

// fallback returns an operation with one or two fallbacks, each for some class or any.
func (s *shapes) fallback() shape {
	o, first := op(s, "op", number)
	evals := []eval{first}
	classes := [][]llm.Class{nil}
	whole, text := part(o), o.Name
	for range 1 + s.IntN(2) {
		next, eval := op(s, "op", number)
		of := [][]llm.Class{nil, {llm.Permanent}, {llm.Transient}}[s.IntN(3)]
		whole = pawl.WithFallback(whole, next, of...)
		evals, classes = append(evals, eval), append(classes, of)
		text += fmt.Sprint(" or ", of, next.Name)
	}
	return shape{
		part: whole,
		eval: func(in any) (out any, failed llm.Class) {
			out, failed = evals[0](in)
			for i := 1; i < len(evals); i++ {
				if failed != "" && (len(classes[i]) == 0 || slices.Contains(classes[i], failed)) {
					out, failed = evals[i](in)
				}
			}
			return out, failed
		},
		text: "(" + text + ")",
	}
}

// agent returns an operation whose handler adds runs of a flow and waits for them. Its
// own failure is theirs, or it makes do without.
func (s *shapes) agent(of shape, caught bool) shape {
	strict := caught && s.IntN(2) == 0
	s.names++
	o := pawl.Operation[any, any]{Name: fmt.Sprint("agent", s.names), Limit: pawl.NoLimit, Attempts: s.tries}
	inputs := func(f fate) []any {
		in := make([]any, f.sum%4)
		for i := range in {
			in[i] = float64(f.sum >> (8 * (i + 1)) % 4)
		}
		return in
	}
	without := []any{nil}
	for _, c := range s.clients {
		o.Handle(c, func(ctx context.Context, t *pawl.Task[any]) (any, error) {
			runs, err := of.part.AddMany(ctx, c, inputs(s.fate(o.Name, t.Input)))
			if err != nil {
				return nil, err
			}
			if _, err = s.act(ctx, t, o.Name); err != nil {
				return nil, err
			}
			outs, err := pawl.WaitAll(ctx, runs)
			var dead *pawl.DeadError
			if errors.As(err, &dead) && !strict {
				return without, nil
			}
			return outs, err
		})
	}
	return shape{
		part: o,
		eval: func(in any) (any, llm.Class) {
			f := s.fate(o.Name, in)
			if f.class != "" {
				return nil, f.class
			}
			out := []any{}
			for _, in := range inputs(f) {
				v, failed := of.eval(in)
				switch {
				case failed != "" && strict:
					return nil, pawl.Broken
				case failed != "":
					return without, ""
				}
				out = append(out, v)
			}
			return out, ""
		},
		out:  listOf(of.out),
		text: fmt.Sprintf("agent%v(%s)", strict, of.text),
	}
}
