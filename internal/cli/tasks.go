package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// narrowFlags select tasks, beside their state.
type narrowFlags struct {
	Queue     string `help:"Only tasks of this queue." placeholder:"NAME"`
	Operation string `help:"Only tasks of this operation." placeholder:"NAME"`
	User      string `help:"Only tasks of this user." placeholder:"NAME"`
	Limit     string `help:"Only tasks of the rate limit of this name. How many tasks are listed is --max." placeholder:"NAME"`
	Class     string `help:"Only tasks whose last attempt failed so: ${classes}." placeholder:"CLASS"`
	Run       string `help:"Only tasks of this run." placeholder:"ID"`
}

// misread says what --limit is to whoever took it for a number and finds nothing.
func (f narrowFlags) misread() string {
	if _, err := strconv.Atoi(f.Limit); err != nil {
		return ""
	}
	return fmt.Sprintf(" of the rate limit %q; how many to list is --max", f.Limit)
}

// classes are the kinds of failure that an attempt can have.
var classes = []llm.Class{
	llm.Throttled, llm.Blocked, llm.Transient, llm.Ambiguous, llm.NotSent, llm.Permanent,
	pawl.Lost, pawl.Poisoned, pawl.Expired, pawl.Released, pawl.Snoozed, pawl.Stopped, pawl.Parked, pawl.Broken, pawl.Changed,
}

// names joins names for help and errors.
func names[T ~string](all []T) string {
	texts := make([]string, len(all))
	for i, name := range all {
		texts[i] = string(name)
	}
	return strings.Join(texts, ", ")
}

// filter returns the filter that the flags stand for, or what is wrong with them.
func (f narrowFlags) filter() (pawl.Filter, error) {
	filter := pawl.Filter{Queue: f.Queue, Operation: f.Operation, User: f.User, Limit: f.Limit, Class: llm.Class(f.Class)}
	if f.Class != "" && !among(filter.Class, classes) {
		return filter, usagef("--class is %q; want one of %s", f.Class, names(classes))
	}
	var err error
	filter.Run, err = idFlag("--run", f.Run)
	return filter, err
}

func among[T comparable](one T, all []T) bool {
	for _, other := range all {
		if one == other {
			return true
		}
	}
	return false
}

// idFlag returns the id that a flag gives; the zero ID if it is not given.
func idFlag(name, value string) (pawl.ID, error) {
	if value == "" {
		return pawl.ID{}, nil
	}
	id, err := pawl.ParseID(value)
	if err != nil || id.IsZero() {
		return id, usagef(`%s is %q; want the id of a task: "task_" and 26 characters, not all of them 0`, name, value)
	}
	return id, nil
}

// pageFlags select a page of a list.
type pageFlags struct {
	Max   int    `default:"50" help:"The most tasks to list; 0 for all." placeholder:"N"`
	After string `help:"Only tasks after this one: the last one of the page before." placeholder:"ID"`
}

// onto adds the page to a filter. It asks for one task more, which says whether
// there are others.
func (f pageFlags) onto(filter *pawl.Filter) (err error) {
	if f.Max < 0 {
		return usagef("--max is %d; want 1 or more, or 0 for all", f.Max)
	}
	if f.Max > 0 {
		filter.Max = f.Max + 1
	}
	filter.After, err = idFlag("--after", f.After)
	return err
}

// cut takes the task too many off a page, and returns the id that the next page
// follows; zero if there is none.
func (f pageFlags) cut(rows []*pawl.TaskRow) ([]*pawl.TaskRow, pawl.ID) {
	if f.Max == 0 || len(rows) <= f.Max {
		return rows, pawl.ID{}
	}
	rows = rows[:f.Max]
	return rows, rows[f.Max-1].ID
}

// taskList is what the lists of tasks are as JSON.
type taskList struct {
	Tasks []*pawl.TaskRow `json:"tasks"`
	After pawl.ID         `json:"after,omitzero"` // --after for the next page, if there is one
}

type tasksCommand struct {
	storeFlag
	State []string `help:"Only tasks in this state; may be repeated, or hold several: ${states}." placeholder:"STATE"`
	narrowFlags
	pageFlags
	outputFlag
}

// Run implements a command of kong.
func (c *tasksCommand) Run(ctx context.Context, t *terminal, open opener) error {
	filter, err := c.filter()
	if err != nil {
		return err
	}
	if err := c.onto(&filter); err != nil {
		return err
	}
	if filter.States, err = stateFlag(c.State); err != nil {
		return err
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	rows, err := client.List(ctx, filter)
	if err != nil {
		return err
	}
	rows, next := c.cut(rows)
	if c.json() {
		return printJSON(t.out, taskList{list(rows), next})
	}
	if len(rows) == 0 {
		fmt.Fprintln(t.out, "no tasks"+c.misread())
		return nil
	}
	taskTable(rows, time.Now()).print(t.out, t.width(), t.palette)
	tellMore(t, next)
	return nil
}

// tellMore says how the next page is seen.
func tellMore(t *terminal, next pawl.ID) {
	if !next.IsZero() {
		fmt.Fprintf(t.out, "\nThere are more. The next ones: --after %s\n", next)
	}
}

func taskTable(rows []*pawl.TaskRow, now time.Time) *table {
	tab := &table{columns: []column{
		{title: "ID"}, {title: "OPERATION", least: 9}, {title: "USER", least: 6, spare: true},
		{title: "STATE"}, {title: "WHEN", spare: true}, {title: "TRY", right: true}, {title: "AGE", right: true},
	}}
	for _, r := range rows {
		tab.add(trouble(r), r.ID.String(), operationOf(r), r.User, string(r.State), when(r, now), strconv.Itoa(r.Attempt), age(now.Sub(r.Added)))
		tab.tell(stopped(r))
	}
	return tab
}

// operationOf names what a task does. Those of the queue's own, which put flows
// together, are named by what they put together.
func operationOf(r *pawl.TaskRow) string {
	if isOwn(r.Operation) {
		return r.Stage().String()
	}
	return r.Operation
}

// isOwn reports whether an operation is the queue's own: every worker has it.
func isOwn(operation string) bool { return strings.HasPrefix(operation, "pawl.") }

// when says how long a task has been in its state, or how long it will be.
func when(r *pawl.TaskRow, now time.Time) string {
	switch {
	case r.State == pawl.Scheduled:
		return "in " + age(r.Due.Sub(now))
	case r.State == pawl.Running:
		return "for " + age(now.Sub(r.Started))
	case r.State.Ended():
		return age(now.Sub(r.Ended)) + " ago"
	}
	return ""
}

// trouble is why a task's last attempt failed; "" for one that succeeded.
func trouble(r *pawl.TaskRow) string {
	last := r.LastAttempt()
	if last.Class == "" || last.Class == pawl.Parked || r.State == pawl.Succeeded {
		return ""
	}
	return string(last.Class) + ": " + firstLine(brief(last.Message, last.Class))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
