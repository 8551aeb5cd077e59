package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pawlhq/pawl"
)

// alteration is one thing that a fork changes.
type alteration struct {
	name  string
	value json.RawMessage // nil for one of the command line: text says what it is
	text  string
}

// alterations are what one fork changes; of two with one name the last holds.
type alterations []alteration

// alterationsOf reads alterations of a flag.
func alterationsOf(flag string, given []string) (all alterations, err error) {
	for _, g := range given {
		name, value, ok := strings.Cut(g, "=")
		if !ok || name == "" {
			return nil, usagef("%s is %q; want NAME=VALUE, such as model=claude-haiku", flag, g)
		}
		text, err := textFlag(flag+" "+name, value)
		if err != nil {
			return nil, err
		}
		all = append(all, alteration{name: name, text: text})
	}
	return all, nil
}

// inputOf is the name of what changes a part of the input.
const inputOf = "input."

// variant returns the alterations for a run that is forked at a point.
func (all alterations) variant(tree *pawl.Tree, from string) (pawl.Variant, error) {
	v := pawl.Variant{}
	for _, s := range all {
		path, member := strings.CutPrefix(s.name, inputOf)
		if !member {
			value, err := s.whole()
			if err != nil {
				return nil, err
			}
			v[s.name] = value
			continue
		}
		input := v["input"]
		if input == nil {
			task := taskAt(tree, from)
			if task == nil {
				return nil, usagef("%s: the run has no task %q to take the input from", s.name, from)
			}
			input = task.Input
		}
		input, err := s.within(input, strings.Split(path, "."))
		if err != nil {
			return nil, err
		}
		v["input"] = input
	}
	return v, nil
}

// whole returns the value of one that stands for itself.
func (s alteration) whole() (json.RawMessage, error) {
	switch {
	case s.value != nil:
		return s.value, nil
	case s.name == "prompt", s.name == "system", s.name == "model":
		return quote(s.text), nil
	case json.Valid([]byte(s.text)):
		return compacted(s.text), nil
	case s.name == "input":
		return nil, usagef(`input=%s is not JSON; a text wants quotes: 'input="…"'`, clip(printable(s.text), 40))
	}
	return quote(s.text), nil
}

// within returns an input with one member changed.
func (s alteration) within(input json.RawMessage, path []string) (json.RawMessage, error) {
	if len(path) == 0 {
		if s.value != nil {
			return s.value, nil
		}
		if bytes.HasPrefix(bytes.TrimSpace(input), []byte(`"`)) || !json.Valid([]byte(s.text)) {
			return quote(s.text), nil
		}
		return compacted(s.text), nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(input, &members); err != nil || members == nil {
		return nil, usagef("%s: there is no member %q in %s; want the name of a member of the task's input, or input= for all of it", s.name, path[0], clip(printable(string(input)), 40))
	}
	if _, ok := members[path[0]]; !ok {
		return nil, usagef("%s: the input has no member %q; it has %s", s.name, path[0], cmp.Or(strings.Join(sortedKeys(members), ", "), "none"))
	}
	value, err := s.within(members[path[0]], path[1:])
	if err != nil {
		return nil, err
	}
	members[path[0]] = value
	return encode(members), nil
}

func quote(text string) json.RawMessage { return encode(text) }

// encode is json.Marshal of what always marshals, without the escapes for HTML.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return bytes.TrimSpace(b.Bytes())
}

func compacted(text string) json.RawMessage {
	var b bytes.Buffer
	_ = json.Compact(&b, []byte(text)) // it is valid
	return b.Bytes()
}

// taskAt returns the task where a run is forked; nil if there is none.
func taskAt(tree *pawl.Tree, from string) *pawl.TaskRow {
	var rows []*pawl.TaskRow
	eachTask(tree, func(t *pawl.TreeTask) { rows = append(rows, t.Task) })
	slices.SortFunc(rows, func(a, b *pawl.TaskRow) int { return cmp.Compare(a.Seq, b.Seq) })
	if from == "" || len(rows) == 1 {
		return rows[0]
	}
	task, _, _ := strings.Cut(from, "/")
	for _, r := range rows {
		if r.Operation == from || r.Operation == task || r.ID.String() == task {
			return r
		}
	}
	return nil
}

// eachTask calls do with every task of a tree.
func eachTask(tree *pawl.Tree, do func(*pawl.TreeTask)) {
	var line func(*pawl.TreeLine)
	line = func(l *pawl.TreeLine) {
		for _, t := range l.Tasks {
			do(t)
			for _, b := range t.Branches {
				line(b)
			}
		}
	}
	line(tree.Line)
	for _, l := range tree.Loose {
		line(l)
	}
}
