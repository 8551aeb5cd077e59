package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

// standing says what a task that has not ended waits for; "" for nothing in particular.
func standing(r *pawl.TaskRow, now time.Time) string {
	due := ""
	if !r.Due.IsZero() {
		due = "due in " + age(r.Due.Sub(now))
	}
	if r.State == pawl.Scheduled {
		return due
	}
	if r.State != pawl.Blocked {
		return ""
	}
	if due != "" {
		due = ", " + strings.Replace(due, "due in", "for", 1) + " more"
	}
	switch w := waitOf(r); {
	case r.IsInLine():
		return "waits for its turn among the branches of its parent"
	case w.Budget != "":
		return "waits for " + r.LastAttempt().Message + strings.Replace(due, ", for", "; for", 1)
	case !w.Behind.IsZero():
		return "waits for " + w.Behind.String() + ", a near-duplicate that is under way"
	case w.Signal != "":
		return fmt.Sprintf("waits for signal %q%s", w.Signal, due)
	case w.Branches > 0:
		return "waits for " + plural(w.Branches, "branch") + due
	}
	return ""
}

// stopped says which budget keeps a task waiting, with its numbers; "" if none does.
func stopped(r *pawl.TaskRow) string {
	if r.State != pawl.Blocked || waitOf(r).Budget == "" {
		return ""
	}
	return r.LastAttempt().Message
}

// budgetHint says how a task goes on that a budget keeps waiting; "" if none does.
func budgetHint(r *pawl.TaskRow) string {
	if stopped(r) == "" {
		return ""
	}
	return "→ pawl budgets raise " + shellWord(waitOf(r).Budget) + " " + capFlag(stopped(r)) + " has it go on"
}

// capFlag returns the flag for the cap that a budget's sentence says is used up.
func capFlag(why string) string {
	for _, f := range [][2]string{
		{"the same state of a conversation", "--repeats N"},
		{" calls are spent", "--calls N"}, {" call is spent", "--calls N"}, {" tokens are spent", "--tokens N"}, {" token is spent", "--tokens N"},
	} {
		if strings.Contains(why, f[0]) {
			return f[1]
		}
	}
	return "--money X"
}

// signalHint says how a task gets the signal that it waits for; "" if it waits for none.
func signalHint(r *pawl.TaskRow) string {
	w := waitOf(r)
	if r.State != pawl.Blocked || w.Signal == "" {
		return ""
	}
	return fmt.Sprintf("→ pawl signal %s %s --data JSON", r.ID, shellWord(w.Signal))
}

func waitOf(r *pawl.TaskRow) pawl.Wait {
	if r.Links == nil || r.Links.Wait == nil {
		return pawl.Wait{}
	}
	return *r.Links.Wait
}

// shellWord is a word as it is written on a command line.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/@") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// unasked says that an attempt did not ask for what earlier ones had stored; "" if it
// asked for all of it, or failed.
func unasked(a pawl.Attempt) string {
	if a.Unasked == 0 {
		return ""
	}
	return plural(a.Unasked, "stored step") + " not asked for by attempt " + fmt.Sprint(a.Number) + ": its code or data has changed"
}

// branchOf says in which branch of which task a task stands; "" for none.
func branchOf(r *pawl.TaskRow) string {
	if r.Parent().IsZero() {
		return ""
	}
	text := "of " + r.Parent().String()
	if r.Links.Key != "" {
		text = r.Links.Key + " " + text
	}
	if r.Caught() {
		text += "; a failure is dealt with there or above"
	}
	return text
}

// elseOf names the operations that go on with a task if it fails; "" for none.
func elseOf(r *pawl.TaskRow) string {
	if r.Links == nil {
		return ""
	}
	var all []string
	for _, f := range r.Links.Fallbacks {
		text := f.Stage.Operation
		if len(f.Classes) > 0 {
			text += " (" + names(f.Classes) + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// originOf says what a task was forked from; "" if it was not.
func originOf(r *pawl.TaskRow) string {
	if r.Links == nil || r.Links.Origin == nil {
		return ""
	}
	switch o := r.Links.Origin; {
	case o.Kept:
		return o.Task.String() + ", whose result it has: it was not run again"
	case o.Step != "":
		return o.Task.String() + ", from its step " + o.Step + " on"
	default:
		return o.Task.String()
	}
}

// variantOf is what a fork changed; "" for nothing.
func variantOf(v pawl.Variant) string {
	var parts []string
	for _, name := range sortedKeys(v) {
		if name != "input" {
			parts = append(parts, name+"="+plainValue(v[name]))
		}
	}
	if input := v["input"]; input != nil { // the longest, most often
		parts = append(parts, "input="+plainValue(input))
	}
	return strings.Join(parts, ", ")
}

// plainValue is JSON for people, in one line: a string without its quotes.
func plainValue(v json.RawMessage) string {
	var text string
	if json.Unmarshal(v, &text) != nil {
		text = string(v)
	}
	return clip(printable(text), 60)
}

// firstVariant is what the fork changed that a run is.
func firstVariant(tree *pawl.Tree) (v pawl.Variant) {
	eachTask(tree, func(t *pawl.TreeTask) {
		if v == nil {
			v = variantOfTask(t.Task)
		}
	})
	return v
}

// variantOfTask is what a fork changed of a task: of its calls, and its input.
func variantOfTask(r *pawl.TaskRow) pawl.Variant {
	if r.Links == nil {
		return nil
	}
	if o := r.Links.Origin; o == nil || !o.Input {
		return r.Links.Variant
	}
	v := pawl.Variant{"input": r.Input}
	maps.Copy(v, r.Links.Variant)
	return v
}
