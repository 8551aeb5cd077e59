package redis

import (
	"encoding/json"
	"fmt"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/price"
)

// A payload is written before its row, outside of commit.lua: strings of some size
// are dear in Lua. So it must never replace another one, even if an old task is added
// once more. Under an id that is derived from another there may be a task of an earlier
// attempt, with another payload: there commit.lua writes it, if there is none. A task that got a new input has its payload in a second field, and
// the lowest bit of its row's version says so.

func newInput(token int64) bool { return token&1 != 0 }

func payloadField(id pawl.ID, newInput bool) string {
	if newInput {
		return string(id[:]) + "2"
	}
	return string(id[:])
}

// A copy of a task has its outcome when it is added. That is written in the same way, in
// a field that no attempt's outcome is in.
func outputField(r *durable.Record) string {
	if r.State == pawl.Succeeded && r.Attempt == 0 {
		return string(r.ID[:]) + "k"
	}
	return string(r.ID[:])
}

// appendPayload appends what of a task never changes and may be large.
func appendPayload(b buffer, r *durable.Record) (buffer, error) {
	b.packed(r.Input)
	var next []byte
	if len(r.Next) > 0 {
		var err error
		if next, err = json.Marshal(r.Next); err != nil {
			return nil, fmt.Errorf("payload of task %s: %w", r.ID, err)
		}
	}
	b.packed(next)
	b.int(int64(len(r.Data)))
	for name, value := range r.Data {
		b.text(name)
		b.packed(value)
	}
	return b, nil
}

// readPayload sets what appendPayload wrote.
func readPayload(r *pawl.TaskRow, payload string) error {
	in := reader{rest: payload}
	r.Input = in.packed()
	if next := in.packed(); next != nil && in.err == nil {
		in.err = json.Unmarshal(next, &r.Next)
	}
	if n := in.int(); n > 0 {
		r.Data = map[string]json.RawMessage{}
		for ; n > 0 && in.err == nil; n-- {
			name := in.text()
			r.Data[name] = in.packed()
		}
	}
	if in.err != nil {
		return fmt.Errorf("payload of task %s: %w", r.ID, in.err)
	}
	return nil
}

// A step is stored in two parts, so that what only counts steps does not read
// their results. The first part begins with the head, which scripts look at: 32
// bytes, zeros for none.

func appendStep(b buffer, s *pawl.StepRow) buffer {
	b = append(b, s.Head[:]...)
	b.text(s.Key)
	b.text(s.Name)
	thought := s.Usage.Reasoning != 0
	priced := s.Model != "" || s.Cost != 0 || s.Currency != ""
	b.flags(s.Call, thought, priced)
	b.usage(s.Usage)
	b.time(s.At)
	b.int(int64(s.Took))
	b.int(int64(s.Attempt))
	if thought {
		b.int(s.Usage.Reasoning)
	}
	if priced {
		b.text(s.Model)
		b.int(int64(s.Cost))
		b.text(s.Currency)
	}
	return b
}

func readStep(step string) (s pawl.StepRow, err error) {
	r := reader{rest: step}
	copy(s.Head[:], r.take(len(s.Head)))
	s.Key = r.text()
	s.Name = r.text()
	var thought, priced bool
	r.flags(&s.Call, &thought, &priced)
	s.Usage = r.usage()
	s.At = r.time()
	s.Took = r.duration()
	s.Attempt = int(r.int())
	if thought {
		s.Usage.Reasoning = r.int()
	}
	if priced {
		s.Model, s.Cost, s.Currency = r.text(), price.Money(r.int()), r.text()
	}
	return s, r.err
}
