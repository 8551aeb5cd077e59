package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

type runCommand struct {
	ID    string `arg:"" help:"The run's id, or that of one of its tasks."`
	All   bool   `help:"Show every branch of a task that has many."`
	Steps bool   `help:"Show the stored steps of each task: their numbers, tokens, time, and the first line of what they gave."`
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*runCommand) Help() string {
	return `Tasks stand below each other in the order of the flow, their branches below them and further in, and what has not begun at the end. TOOK is
the time in attempts, or for a task with branches the time that all of it took; WAITED the time until the first attempt, and for limits in
attempts. TOKENS are those of a task and of all below it. Of more than ` + fmt.Sprint(fewBranches) + ` branches only those that failed, or that go on, are shown.`
}

// Run implements a command of kong.
func (c *runCommand) Run(ctx context.Context, t *terminal, open opener) error {
	id, err := idFlag("ID", c.ID)
	if err != nil {
		return err
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	tree, err := readTree(ctx, client, id)
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, tree)
	}
	(&drawing{t: t, all: c.All, steps: c.Steps, now: tree.At}).draw(tree)
	return nil
}

// drawing prints a run for people.
type drawing struct {
	t          *terminal
	all, steps bool
	now        time.Time
	tab        *table
}

// fewBranches is how many branches of a task are shown one by one, and fewOfState how
// many of more, of each state that is worth a look.
const (
	fewBranches = 6
	fewOfState  = 3
)

func (d *drawing) draw(tree *pawl.Tree) {
	fmt.Fprintf(d.t.out, "%s  %s\n", d.t.palette.bold(tree.Run.String()), tree.State)
	d.t.factsWithin(d.t.wide(), d.facts(tree))
	fmt.Fprintln(d.t.out)
	d.tab = &table{columns: []column{
		{title: "TASK", least: 12}, {title: "STATE"}, {title: "WAITED", right: true, spare: true}, {title: "TOOK", right: true, spare: true},
		{title: "TRY", right: true, spare: true}, {title: "TOKENS", right: true, spare: true}, {title: "ID"},
	}}
	d.line(tree.Line, 0)
	for _, l := range tree.Loose {
		d.line(l, 1)
	}
	d.tab.print(d.t.out, d.t.wide(), d.t.palette)
}

func (d *drawing) facts(tree *pawl.Tree) [][2]string {
	done := doneOf(&tree.Overview)
	for _, s := range []pawl.State{pawl.Dead, pawl.Cancelled, pawl.Running, pawl.Pending, pawl.Scheduled, pawl.Blocked} {
		if n := tree.Counts[s]; n > 0 {
			done += fmt.Sprintf(", %s %s", thousands(n), s)
		}
	}
	ended := moment(tree.Ended)
	if ended != "" {
		ended += ", " + age(d.now.Sub(tree.Ended)) + " ago"
	}
	failed := ""
	if !tree.Failed.IsZero() && tree.State == pawl.Dead {
		failed = "pawl dead retry " + tree.Failed.String() + " goes on from where it failed"
	}
	origin := ""
	if !tree.Origin.IsZero() {
		origin = tree.Origin.String()
	}
	return [][2]string{
		{"flow", flowOf(tree.Stages)},
		{"user", tree.User},
		{"forked from", origin},
		{"changed", variantOf(firstVariant(tree))},
		{"added", moment(tree.Added) + ", " + age(d.now.Sub(tree.Added)) + " ago"},
		{"ended", ended},
		{"took", span(tookOf(&tree.Overview))},
		{"tasks", done},
		{"attempts", thousands(tree.Attempts)},
		{"tokens", tokens(tree.Usage)},
		{"→", failed},
	}
}

// line adds a line of tasks to the table, with what is below them.
func (d *drawing) line(l *pawl.TreeLine, depth int) {
	for i, task := range l.Tasks {
		name := operationOf(task.Task)
		if l.Name != "" {
			first := l.Name
			if i > 0 {
				first = strings.Repeat(" ", columns(l.Name))
			}
			name = first + " " + name
		}
		d.task(task, name, depth)
		d.branches(task, depth+1)
	}
	for _, s := range l.Next {
		name := "then " + s.String()
		if l.Name != "" {
			name = strings.Repeat(" ", columns(l.Name)+1) + name
		}
		d.tab.add("", indent(depth)+name, "", "", "", "", "", "")
	}
}

func indent(depth int) string { return strings.Repeat("  ", depth) }

// mostTrouble is how much is told of why a task failed; pawl show has all of it.
const mostTrouble = 300

func (d *drawing) task(t *pawl.TreeTask, name string, depth int) {
	r := t.Task
	took, try := "", ""
	if !t.Began.IsZero() {
		took, try = span(t.Took), attemptsOf(t)
	}
	used := ""
	if n := t.Sum.Total(); n > 0 {
		used = thousands(n)
	}
	d.tab.add("", indent(depth)+name, stateOf(r), longer(t.Queued+t.Waited), took, try, used, r.ID.String())
	for _, text := range []string{clip(trouble(r), mostTrouble), waitsFor(t, d.now), signalHint(r), budgetHint(r)} {
		if text != "" {
			d.tab.tell(indent(depth) + text)
		}
	}
	notes := []string{unasked(r.LastAttempt())}
	if len(t.Branches) == 0 && t.Parked >= time.Second && r.State != pawl.Blocked {
		notes = append(notes, "was parked for "+span(t.Parked))
	}
	for _, j := range t.Joined {
		notes = append(notes, fmt.Sprintf("%s an identical task: run %s", j.As, j.Run))
	}
	if d.steps {
		for _, s := range t.Steps {
			notes = append(notes, stepLine(s))
		}
	}
	for _, n := range notes {
		if n != "" {
			d.tab.note(indent(depth) + n)
		}
	}
}

// attemptsOf is how many attempts a task has had, for people; "" for one of the queue's
// own, of which nobody wants to know.
func attemptsOf(t *pawl.TreeTask) string {
	if isOwn(t.Task.Operation) || t.Attempts == 0 {
		return ""
	}
	return thousands(t.Attempts)
}

// waitsFor says what a task waits for that has not ended.
func waitsFor(t *pawl.TreeTask, now time.Time) string {
	failed := 0
	for _, b := range t.Branches {
		if b.State == pawl.Dead || b.State == pawl.Cancelled {
			failed++
		}
	}
	if w := waitOf(t.Task); w.All && w.Branches > 0 && w.Branches == failed {
		return "waits until what failed below it is retried"
	}
	return standing(t.Task, now)
}

// longer is a time that is worth saying; "" for less than a second.
func longer(d time.Duration) string {
	if d < time.Second {
		return ""
	}
	return span(d)
}

// stateOf is a task's state for people.
func stateOf(r *pawl.TaskRow) string {
	switch {
	case r.IsInLine():
		return "in line"
	case r.Links != nil && r.Links.Origin != nil && r.Links.Origin.Kept:
		return "kept"
	case r.Cancelling:
		return "stopping"
	}
	return string(r.State)
}

// stepLine is a stored step in one line.
func stepLine(s pawl.TreeStep) string {
	parts := []string{fmt.Sprintf("step %d  %s", s.Number, s.Name)}
	if s.Took > 0 {
		parts = append(parts, span(s.Took))
	}
	if n := s.Usage.Total(); n > 0 {
		parts = append(parts, plural(n, "token"))
	}
	if s.Says != "" {
		parts = append(parts, s.Says)
	}
	return strings.Join(parts, "  ")
}

// branches adds the branches of a task: all of them, or if there are many how they
// stand, and those that are worth a look.
func (d *drawing) branches(t *pawl.TreeTask, depth int) {
	if d.all || len(t.Branches) <= fewBranches {
		for _, b := range t.Branches {
			d.line(b, depth)
		}
		return
	}
	groups, order := map[string][]*pawl.TreeLine{}, []string{}
	for _, b := range t.Branches {
		name := flowOfLine(b)
		if groups[name] == nil {
			order = append(order, name)
		}
		groups[name] = append(groups[name], b)
	}
	for _, name := range order {
		lines, shown := groups[name], map[string]int{}
		d.tab.note(fmt.Sprintf("%s%s × %s: %s", indent(depth), name, thousands(len(lines)), countStates(lines)))
		for _, l := range lines {
			state := lineState(l)
			if calm[state] {
				continue
			}
			if shown[state]++; shown[state] <= fewOfState {
				d.line(l, depth)
			}
		}
		for _, state := range stateOrder(shown) {
			if more := shown[state] - fewOfState; more > 0 {
				d.tab.note(fmt.Sprintf("%s… %s more %s (--all)", indent(depth), thousands(more), state))
			}
		}
	}
}

// calm are states of branches that are not worth a look where there are many.
var calm = map[string]bool{string(pawl.Succeeded): true, "kept": true, "in line": true, string(pawl.Pending): true}

// lineState is how a branch stands, for people.
func lineState(l *pawl.TreeLine) string {
	if l.State.Ended() && l.State != pawl.Succeeded {
		return string(l.State)
	}
	return stateOf(l.Tasks[len(l.Tasks)-1].Task)
}

// flowOfLine is the flow of a branch in a few words.
func flowOfLine(l *pawl.TreeLine) string {
	stages := []pawl.Stage{}
	for _, t := range l.Tasks {
		stages = append(stages, t.Task.Stage())
	}
	return pawl.Outline(append(stages, l.Next...))
}

// countStates says how many branches are in each state: "9,998 succeeded, 2 dead".
func countStates(lines []*pawl.TreeLine) string {
	counts := map[string]int{}
	for _, l := range lines {
		counts[lineState(l)]++
	}
	var parts []string
	for _, s := range stateOrder(counts) {
		parts = append(parts, thousands(counts[s])+" "+s)
	}
	return strings.Join(parts, ", ")
}

// stateOrder returns the states that are counted: what went well first, what waits last.
func stateOrder(counts map[string]int) []string {
	order := []string{"succeeded", "kept", "dead", "cancelled", "running", "stopping", "pending", "scheduled", "blocked", "in line"}
	return slices.DeleteFunc(order, func(s string) bool { return counts[s] == 0 })
}
