package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

type diffCommand struct {
	A    string `arg:"" help:"A run's id, or that of one of its tasks."`
	B    string `arg:"" optional:"" help:"The other run's. Without it A is a fork, and is compared with the run that it was forked from."`
	Full bool   `help:"Show texts that differ whole, with all that is the same in them."`
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*diffCommand) Help() string {
	return `Tasks are compared with those at the same place of the other run: what they returned, what they used, how long they took. Those that
ended alike stand together in one line, beginning with =. Of texts that differ, - marks the lines of A and + those of B; long lines are
compared by the sentence.`
}

// Run implements a command of kong.
func (c *diffCommand) Run(ctx context.Context, t *terminal, open opener) error {
	a, err := idFlag("A", c.A)
	if err != nil {
		return err
	}
	b, err := idFlag("B", c.B)
	if err != nil {
		return err
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	first, err := readTree(ctx, client, a)
	if err != nil {
		return err
	}
	if c.B == "" {
		if first.Origin.IsZero() {
			return usagef("run %s is no fork; want the id of the run to compare it with", first.Run)
		}
		b = first.Run
		if first, err = readTree(ctx, client, first.Origin); err != nil {
			return fmt.Errorf("the run that %s was forked from: %w", b, err)
		}
	}
	second, err := readTree(ctx, client, b)
	if err != nil {
		return err
	}
	d := pawl.Compare(first, second)
	if c.json() {
		return printJSON(t.out, d)
	}
	(&comparison{t: t, full: c.Full}).print(d, first, second)
	return nil
}

// comparison prints two runs side by side for people.
type comparison struct {
	t    *terminal
	full bool
	told []pawl.DiffLine // of the last text that was printed
}

func (c *comparison) print(d *pawl.Diff, a, b *pawl.Tree) {
	c.head(d, a, b)
	fmt.Fprintln(c.t.out)
	var same []*pawl.TaskPair
	for i := range d.Tasks {
		p := &d.Tasks[i]
		if p.Same {
			same = append(same, p)
			continue
		}
		c.same(same)
		same = nil
		c.pair(p)
	}
	c.same(same)
}

// head prints what is different of the runs as a whole.
func (c *comparison) head(d *pawl.Diff, a, b *pawl.Tree) {
	tab := &table{columns: []column{{title: ""}, {title: "A", least: 31}, {title: "B", least: 31}, {title: "B - A", spare: true}}}
	row := func(label, a, b, difference string) {
		if a != "" || b != "" {
			tab.add("", label, a, b, difference)
		}
	}
	row("run", d.A.Run.String(), d.B.Run.String(), "")
	row("state", string(d.A.State), string(d.B.State), "")
	row("changed", variantOf(firstVariant(a)), variantOf(firstVariant(b)), "")
	row("tasks", doneOf(d.A), doneOf(d.B), "")
	row("attempts", thousands(d.A.Attempts), thousands(d.B.Attempts), signed(int64(d.B.Attempts-d.A.Attempts)))
	row("tokens", thousands(d.A.Usage.Total()), thousands(d.B.Usage.Total()), signed(d.B.Usage.Total()-d.A.Usage.Total()))
	took := tookOf(d.B) - tookOf(d.A)
	row("took", span(tookOf(d.A)), span(tookOf(d.B)), signedSpan(took))
	tab.print(c.t.out, c.t.wide(), c.t.palette)
}

func signed(n int64) string {
	if n > 0 {
		return "+" + thousands(n)
	}
	return thousands(n)
}

func signedSpan(d time.Duration) string {
	if d < 0 {
		return "-" + span(-d)
	}
	return "+" + span(d)
}

// same prints pairs that ended alike, in one line.
func (c *comparison) same(pairs []*pawl.TaskPair) {
	if len(pairs) == 0 {
		return
	}
	kept := 0
	for _, p := range pairs {
		if p.Kept {
			kept++
		}
	}
	text := fmt.Sprintf("= %s alike", plural(len(pairs), "task"))
	switch kept {
	case 0:
	case len(pairs):
		text += ", not run again"
	default:
		text += fmt.Sprintf(", %s of them not run again", thousands(kept))
	}
	text += ": " + pairs[0].Place
	if len(pairs) > 1 {
		text += map[bool]string{true: ", ", false: " … "}[len(pairs) == 2] + pairs[len(pairs)-1].Place
	}
	fmt.Fprintln(c.t.out, c.t.palette.dim(clip(printable(text), c.t.wide())))
}

// pair prints a task that two runs have, or one of them.
func (c *comparison) pair(p *pawl.TaskPair) {
	out, width := c.t.out, c.t.wide()
	switch {
	case p.B == nil:
		fmt.Fprintln(out, clip("- "+c.one(p.Place, "A", p.A), width))
		return
	case p.A == nil:
		fmt.Fprintln(out, clip("+ "+c.one(p.Place, "B", p.B), width))
		return
	}
	a, b := p.A.Task, p.B.Task
	parts := []string{c.t.palette.bold(printable(p.Place))}
	change := func(label, a, b string) {
		if a != b && a != "" && b != "" {
			parts = append(parts, strings.TrimSpace(label+" "+a+" → "+b))
		}
	}
	if a.Operation != b.Operation {
		change("", operationOf(a), operationOf(b))
	}
	change("", stateOf(a), stateOf(b))
	if a.State == b.State && !a.State.Ended() {
		parts = append(parts, string(a.State))
	}
	change("tokens", thousands(p.A.Sum.Total()), thousands(p.B.Sum.Total()))
	change("attempts", attemptsOf(p.A), attemptsOf(p.B))
	change("took", tookTask(p.A), tookTask(p.B))
	fmt.Fprintln(out, "≠ "+strings.Join(parts, "  "))
	for _, f := range []struct{ in, text string }{{"a", trouble(a)}, {"b", trouble(b)}} {
		if f.text != "" && (a.State != b.State || a.Fingerprint != b.Fingerprint) {
			c.line(pawl.DiffLine{In: f.in, Text: f.text})
		}
	}
	if p.Input {
		fmt.Fprintln(out, c.t.palette.dim("    input"))
		c.lines(p.Inputs)
		if len(p.Outputs) > 0 {
			fmt.Fprintln(out, c.t.palette.dim("    output"))
		}
	}
	c.lines(p.Outputs)
}

// one says how a task stands that only one of the runs has.
func (c *comparison) one(place, run string, t *pawl.TreeTask) string {
	text := fmt.Sprintf("%s  only in %s: %s", c.t.palette.bold(printable(place)), run, stateOf(t.Task))
	if n := t.Sum.Total(); n > 0 {
		text += ", " + plural(n, "token")
	}
	return text
}

func tookTask(t *pawl.TreeTask) string {
	if t.Began.IsZero() {
		return ""
	}
	return span(t.Took)
}

// How many lines that are the same are shown around those that differ, and how many
// lines of one text in all.
const (
	around    = 1
	mostLines = 40

	mostRepeated = 1 // lines that are shown again, where the text is that of the task above
)

// lines prints the lines of a text that differ, and what is around them.
func (c *comparison) lines(lines []pawl.DiffLine) {
	if len(lines) > mostRepeated && slices.Equal(lines, c.told) {
		fmt.Fprintln(c.t.out, c.t.palette.dim("    the same as above"))
		return
	}
	c.told = lines
	shown := 0
	skipped := false
	for i, l := range lines {
		if !c.full && !near(lines, i) {
			skipped = true
			continue
		}
		if !c.full && shown == mostLines {
			fmt.Fprintln(c.t.out, c.t.palette.dim(fmt.Sprintf("    … %s (--full)", plural(len(lines)-i, "more line"))))
			return
		}
		if skipped {
			fmt.Fprintln(c.t.out, c.t.palette.dim("      …"))
			skipped = false
		}
		c.line(l)
		shown++
	}
}

// near reports whether a line differs, or stands beside one that does.
func near(lines []pawl.DiffLine, i int) bool {
	for j := max(i-around, 0); j <= min(i+around, len(lines)-1); j++ {
		if lines[j].In != "" {
			return true
		}
	}
	return false
}

func (c *comparison) line(l pawl.DiffLine) {
	mark, paint := "  ", c.t.palette.dim
	switch l.In {
	case "a":
		mark, paint = "- ", c.t.palette.red
	case "b":
		mark, paint = "+ ", c.t.palette.green
	}
	text := strings.TrimLeft(l.Text, " ")
	in := strings.Repeat(" ", min(len(l.Text)-len(text), 20))
	for i, part := range append(wrap(text, c.t.wide()-6-len(in)), "") {
		if i > 0 && part == "" {
			break // an empty line is shown as one
		}
		fmt.Fprintln(c.t.out, strings.TrimRight("    "+paint(mark+in+part), " "))
		mark = "  "
	}
}
