package pawl

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/pawlhq/pawl/llm"
)

// sort brings a line's tasks into their order: each follows the one before. Where
// some were removed, the others stand in the order in which they were added.
func (l *TreeLine) sort(first ID) {
	place := make(map[ID]int, len(l.Tasks))
	for i, id := 0, first; i <= len(l.Tasks); i++ {
		place[id] = i
		id = FollowID(id)
	}
	slices.SortFunc(l.Tasks, func(a, b *TreeTask) int {
		i, known := place[a.Task.ID]
		j, other := place[b.Task.ID]
		if known && other {
			return cmp.Compare(i, j)
		}
		return compareAge(a.Task, b.Task)
	})
}

func compareAge(a, b *TaskRow) int {
	return cmp.Or(a.Added.Compare(b.Added), cmp.Compare(a.Seq, b.Seq), bytes.Compare(a.ID[:], b.ID[:]))
}

// branchName returns how people call a branch of a task.
func branchName(parent *TaskRow, key string) string {
	switch s := parent.Stage(); {
	case s.Each != nil:
		if n, ok := element(key); ok {
			return "[" + strconv.Itoa(n) + "]"
		}
	case len(s.All) > 0:
		return slot(key)
	}
	return ""
}

// slot returns which slot of an All a branch is for.
func slot(key string) string {
	_, name, _ := strings.Cut(key, ".")
	return name
}

// element returns which element of its list a branch of Each is for.
func element(key string) (int, bool) {
	_, number, ok := strings.Cut(key, ".")
	n, err := strconv.Atoi(number)
	return n, ok && err == nil
}

// sortBranches brings the branches into the order of the elements, of the slots of an
// All, or in which they were added.
func (t *TreeTask) sortBranches() {
	s := t.Task.Stage()
	switch {
	case s.Each != nil:
		slices.SortFunc(t.Branches, func(a, b *TreeLine) int {
			i, _ := element(a.Key)
			j, _ := element(b.Key)
			return cmp.Or(cmp.Compare(i, j), compareLines(a, b))
		})
	case len(s.All) > 0:
		place := func(l *TreeLine) int {
			return slices.IndexFunc(s.All, func(b Branch) bool { return b.Name == slot(l.Key) })
		}
		slices.SortFunc(t.Branches, func(a, b *TreeLine) int { return cmp.Compare(place(a), place(b)) })
	default:
		sortLines(t.Branches)
	}
}

func sortLines(lines []*TreeLine) { slices.SortFunc(lines, compareLines) }

func compareLines(a, b *TreeLine) int { return compareAge(a.Tasks[0].Task, b.Tasks[0].Task) }

// close says how a line stands, from what is below it upwards.
func (l *TreeLine) close() {
	if l.Tasks == nil { // all were removed
		l.Tasks = []*TreeTask{}
		return
	}
	for _, t := range l.Tasks {
		t.Sum = t.Usage
		for _, b := range t.Branches {
			b.close()
			t.Sum = t.Sum.Add(b.Usage)
		}
		l.Usage = l.Usage.Add(t.Sum)
	}
	last := l.Tasks[len(l.Tasks)-1]
	if l.State = last.Task.State; l.State == Blocked {
		l.State = last.failure().State
	}
	if r := last.Task; r.State != Succeeded || !r.Follows() {
		l.Next = r.Next
		if len(r.Next) > 0 && r.Next[0].Here {
			l.Next = r.Next[1:]
		}
	}
}

// failure returns the task below t whose failure has failed t, which waits for its
// retry; t itself if there is none.
func (t *TreeTask) failure() *TaskRow {
	r := t.Task
	if r.State != Blocked || r.Caught() || r.Links == nil || r.Links.Wait == nil || !r.Links.Wait.All {
		return r
	}
	var found *TaskRow
	for _, b := range t.Branches {
		waited := b.Tasks[len(b.Tasks)-1].Task.Awaited()
		if !waited || b.State != Dead && (b.State != Cancelled || found != nil) {
			continue
		}
		found = b.Tasks[len(b.Tasks)-1].failure()
		if b.State == Dead {
			break
		}
	}
	return cmp.Or(found, r)
}

// Stage returns the stage of its flow that r stands for.
func (r *TaskRow) Stage() Stage {
	if len(r.Next) > 0 && r.Next[0].Here {
		s := r.Next[0]
		s.Here = false
		return s
	}
	s := Stage{Operation: r.Operation, Queue: r.Queue, Limit: r.Limit, Priority: r.Priority, MaxAttempts: r.MaxAttempts, Tokens: r.Size.Output}
	if r.Links != nil {
		s.Fallbacks = r.Links.Fallbacks
	}
	return s
}

// String returns the stage in a few words: "analyze", or "each(double → check)".
func (s Stage) String() string {
	text := s.Operation
	switch {
	case s.Each != nil && s.Each.BestEffort:
		text = "each(try(" + Outline(s.Each.Stages) + "))"
	case s.Each != nil:
		text = "each(" + Outline(s.Each.Stages) + ")"
	case s.Try != nil:
		text = "try(" + Outline(s.Try) + ")"
	case len(s.All) > 0:
		text = "all(" + ways(s.All) + ")"
	case len(s.Choose) > 0:
		text += " → one of(" + ways(s.Choose) + ")"
	}
	for _, f := range s.Fallbacks {
		text += ", else " + f.Stage.String()
	}
	return text
}

// Outline returns stages one after the other in a few words: "analyze → summarize".
func Outline(stages []Stage) string {
	words := make([]string, len(stages))
	for i, s := range stages {
		if words[i] = s.String(); len(stages) > 1 && len(s.Fallbacks) > 0 {
			words[i] = "(" + words[i] + ")"
		}
	}
	return strings.Join(words, " → ")
}

func ways(all []Branch) string {
	words := make([]string, len(all))
	for i, b := range all {
		name := cmp.Or(b.Name, "otherwise")
		if words[i] = Outline(b.Stages); words[i] != name {
			words[i] = name + ": " + words[i]
		}
	}
	return strings.Join(words, ", ")
}

// saysMost is how long a text a step says at most, in bytes.
const saysMost = 200

// says returns the first line of a call's answer, or of another step's result.
func says(s *StepRow) string {
	text := string(s.Result[:min(len(s.Result), 2*saysMost)])
	if s.Call {
		_, body, _ := bytes.Cut(s.Result, []byte("\n"))
		text = answerOf(body)
	} else {
		var plain string
		if json.Unmarshal(s.Result, &plain) == nil {
			text = plain
		}
	}
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if len(line) > saysMost {
		line = strings.ToValidUTF8(line[:saysMost-len("…")], "") + "…"
	}
	return line
}

// answerOf returns the text of a response in any of the providers' forms: a message,
// choices of messages, or an output of several parts. "" for another.
func answerOf(body []byte) string {
	var r struct {
		Content json.RawMessage `json:"content"`
		Choices []struct {
			Message json.RawMessage `json:"message"`
		} `json:"choices"`
		Output []struct {
			Content []struct {
				Text string `json:"text"`
			} `json:"content"`
		} `json:"output"`
	}
	if json.Unmarshal(body, &r) != nil {
		return ""
	}
	message := body
	if len(r.Choices) > 0 {
		message = r.Choices[0].Message
	}
	if m, err := llm.ParseMessage(message); err == nil {
		return m.Text()
	}
	for _, o := range r.Output {
		for _, c := range o.Content {
			if c.Text != "" {
				return c.Text
			}
		}
	}
	return ""
}
