package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// page prints one task for people.
type page struct {
	t    *terminal
	full bool
	now  time.Time
}

const (
	pageLabel = 13 // columns
	fewOthers = 8  // tasks of the run that are shown with one
)

func (p *page) show(w *whole) {
	r := w.Task
	fmt.Fprintf(p.t.out, "%s  %s\n", p.t.palette.bold(r.ID.String()), strings.TrimSpace(string(r.State)+" "+when(r, p.now)))
	p.facts(w)
	p.attempts(r)
	p.steps(w.Steps)
	p.conversation(w.Conversation)
	p.value("input", r.Input)
	for _, name := range sortedKeys(r.Data) {
		p.value("data "+name, r.Data[name])
	}
	p.value("output", r.Output)
	if len(w.Run) > 0 {
		p.heading("other tasks of the run")
		others := w.Run
		if !p.full {
			others = others[:min(len(others), fewOthers)]
		}
		taskTable(others, p.now).print(p.t.out, p.t.width(), p.t.palette)
		if more := len(w.Run) - len(others); more > 0 {
			fmt.Fprintln(p.t.out, p.t.palette.dim(fmt.Sprintf("  … %s more: pawl run %s", thousands(more), r.Run)))
		}
	}
}

func (p *page) heading(title string) {
	fmt.Fprintf(p.t.out, "\n%s\n", p.t.palette.bold(strings.ToUpper(printable(title))))
}

// facts prints what is set of a row, one fact a line.
func (p *page) facts(w *whole) {
	r := w.Task
	next := r.Next
	if len(next) > 0 && next[0].Here {
		next = next[1:]
	}
	lease := ""
	if r.State == pawl.Running {
		lease = fmt.Sprintf("%s, until %s", r.Worker, moment(r.LeaseUntil))
		if r.Cancelling {
			lease += "; asked to stop"
		}
	}
	p.t.facts([][2]string{
		{"operation", fmt.Sprintf("%s, priority %s, queue %s, limit %s", operationOf(r), r.Priority, r.Queue, r.Limit)},
		{"user", r.User},
		{"run", r.Run.String()},
		{"branch", branchOf(r)},
		{"forked from", originOf(r)},
		{"changed", variantOf(variantOfTask(r))},
		{"waits", strings.TrimPrefix(standing(r, p.now), "waits ")},
		{"→", strings.TrimPrefix(signalHint(r)+budgetHint(r), "→ ")},
		{"then", pawl.Outline(next)},
		{"else", elseOf(r)},
		{"added", moment(r.Added)},
		{"due", moment(r.Due)},
		{"deadline", moment(r.Deadline)},
		{"worker", lease},
		{"ended", moment(r.Ended)},
		{"attempts", fmt.Sprintf("%d made, %d of %d used", r.Attempt, r.Used, r.MaxAttempts)},
		{"tokens", tokens(w.Usage)},
		{"answered by", takenFrom(w.Taken)},
		{"identity", r.Identity.String()},
		{"error", trouble(r)},
		{"fingerprint", r.Fingerprint},
	})
}

// takenFrom names the near-duplicate whose result a task took; "" for none.
func takenFrom(e *pawl.Entry) string {
	if e == nil {
		return ""
	}
	return fmt.Sprintf("%s, a near-duplicate, %s alike", e.Of, percent(e.Score))
}

// facts prints labels and what they stand for, without what is "".
func (t *terminal) facts(facts [][2]string) { t.factsWithin(t.width(), facts) }

func (t *terminal) factsWithin(width int, facts [][2]string) {
	for _, f := range facts {
		if f[1] == "" {
			continue
		}
		for i, line := range wrap(f[1], width-pageLabel) {
			if i > 0 {
				f[0] = ""
			}
			fmt.Fprintf(t.out, "%s%s\n", t.palette.dim(pad(f[0], pageLabel)), line)
		}
	}
}

// tokens says what was used; "" for nothing.
func tokens(u llm.Usage) string {
	if u.Total() == 0 {
		return ""
	}
	text := fmt.Sprintf("%s in, %s out", thousands(u.Input), thousands(u.Output))
	if u.CacheRead > 0 || u.CacheWrite > 0 {
		text += fmt.Sprintf(", %s read from the cache, %s written to it", thousands(u.CacheRead), thousands(u.CacheWrite))
	}
	return text
}

func (p *page) attempts(r *pawl.TaskRow) {
	if len(r.Attempts) == 0 {
		return
	}
	p.heading("attempts")
	tab := &table{columns: []column{
		{title: "NO", right: true}, {title: "STARTED"}, {title: "TOOK", right: true}, {title: "CALLS", right: true}, {title: "SAVED", right: true},
		{title: "TOKENS", right: true}, {title: "ENDED"}, {title: "WORKER", least: 8},
	}}
	for _, a := range r.Attempts {
		calls := fmt.Sprint(a.Calls)
		if a.Unknown > 0 {
			calls = fmt.Sprintf("%d (%d unknown)", a.Calls, a.Unknown)
		}
		note := brief(a.Message, a.Class)
		if a.As != "" {
			note = "as " + a.As + ": " + note
		}
		if note == "" {
			note = unasked(a)
		}
		tab.add(p.cut(note), fmt.Sprint(a.Number), moment(a.Started), span(a.Ended.Sub(a.Started)), calls, fmt.Sprint(a.Saved),
			thousands(a.Usage.Total()), string(cmp.Or(a.Class, "ok")), a.Worker)
	}
	tab.print(p.t.out, p.width(), p.t.palette)
}

// width is how wide tables are: whole notes are as long as they are.
func (p *page) width() int {
	if p.full {
		return 1 << 20
	}
	return p.t.width()
}

func (p *page) steps(steps []step) {
	if len(steps) == 0 {
		return
	}
	p.heading("stored steps")
	tab := &table{columns: []column{
		{title: "STEP", right: true}, {title: "NAME", least: 12}, {title: "ATTEMPT", right: true}, {title: "STORED"}, {title: "TOOK", right: true}, {title: "TOKENS", right: true},
	}}
	for i, s := range steps { // numbered as pawl fork and pawl run number them
		result := string(s.Result)
		if s.Call && !p.full {
			result = "" // it stands in the conversation
		}
		tab.add(p.cut(result), fmt.Sprint(i+1), printable(s.Name), fmt.Sprint(s.Attempt), moment(s.At), span(s.Took), thousands(s.Usage.Total()))
	}
	tab.print(p.t.out, p.width(), p.t.palette)
}

func (p *page) cut(s string) string {
	if p.full {
		return s
	}
	return firstLine(s)
}

func (p *page) conversation(messages []llm.Message) {
	if len(messages) == 0 {
		return
	}
	p.heading("conversation")
	for _, m := range messages {
		fmt.Fprintln(p.t.out, p.t.palette.cyan(printable(m.Role())))
		p.text(said(m))
	}
}

// said is a message's text, and the whole message where it is not only text: a
// call of a tool, an image.
func said(m llm.Message) string {
	var body struct {
		Content []struct {
			Type string `json:"type"`
		} `json:"content"`
	}
	text := m.Text()
	if json.Unmarshal(m.JSON(), &body) != nil && text != "" {
		return text // the content is a string
	}
	for _, block := range body.Content {
		if block.Type != "text" {
			return text + "\n" + string(m.JSON())
		}
	}
	return cmp.Or(text, string(m.JSON()))
}

// value prints JSON, whole if it is wanted or short.
func (p *page) value(name string, v json.RawMessage) {
	if len(v) == 0 {
		return
	}
	p.heading(name)
	var pretty bytes.Buffer
	if p.full && json.Indent(&pretty, v, "", "  ") == nil {
		for line := range strings.Lines(pretty.String()) {
			fmt.Fprintln(p.t.out, "  "+printable(strings.TrimRight(line, "\n")))
		}
		return
	}
	p.text(string(v))
}

const shortText = 4 // lines of a text that is not shown whole

// text prints a text with an indent, its first lines only unless all is wanted.
func (p *page) text(text string) {
	var lines []string
	for line := range strings.Lines(strings.TrimSpace(text)) {
		if lines = append(lines, wrap(line, p.t.width()-2)...); strings.TrimSpace(line) == "" {
			lines = append(lines, "")
		}
	}
	more := 0
	if !p.full && len(lines) > shortText {
		more = len(lines) - shortText
		lines = lines[:shortText]
	}
	for _, line := range lines {
		fmt.Fprintln(p.t.out, strings.TrimRight("  "+line, " "))
	}
	if more > 0 {
		fmt.Fprintln(p.t.out, p.t.palette.dim(fmt.Sprintf("  … %s (--full)", plural(more, "more line"))))
	}
}
