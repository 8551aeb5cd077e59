package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
)

type runsCommand struct {
	storeFlag
	State     []string `help:"Only runs in this state; may be repeated, or hold several: ${states}." placeholder:"STATE"`
	Operation string   `help:"Only runs with a task of this operation." placeholder:"NAME"`
	User      string   `help:"Only runs of this user." placeholder:"NAME"`
	Max       int      `default:"20" help:"The most runs to list; 0 for all." placeholder:"N"`
	Before    string   `help:"Only runs that are older than this one: the last one of the page before." placeholder:"ID"`
	outputFlag
}

// Help adds to the command's help.
func (*runsCommand) Help() string {
	return `A run is one execution of a flow, or of a single operation. It is dead where it waits for the retry of a dead letter, whatever else of
it goes on; a failure that the flow or a handler deals with is not the run's. TOOK is from when it was added until it ended, or until now.
"fork of" before a flow marks a run that was forked from another one; -o json names that one, as its origin.`
}

// runList is what the list of runs is as JSON.
type runList struct {
	Runs   []*pawl.Overview `json:"runs"`
	Before pawl.ID          `json:"before,omitzero"` // --before for the next page, if there is one
}

// Run implements a command of kong.
func (c *runsCommand) Run(ctx context.Context, t *terminal, open opener) error {
	filter := pawl.RunFilter{Operation: c.Operation, User: c.User}
	var err error
	if filter.States, err = stateFlag(c.State); err != nil {
		return err
	}
	if filter.Before, err = idFlag("--before", c.Before); err != nil {
		return err
	}
	if c.Max < 0 {
		return usagef("--max is %d; want 1 or more, or 0 for all", c.Max)
	}
	if c.Max > 0 {
		filter.Max = c.Max + 1 // which says whether there are more
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	runs, err := client.Runs(ctx, filter)
	if err != nil {
		return err
	}
	all := runList{Runs: runs}
	if c.Max > 0 && len(runs) > c.Max {
		all = runList{runs[:c.Max], runs[c.Max-1].Run}
	}
	if c.json() {
		return printJSON(t.out, all)
	}
	if len(runs) == 0 {
		fmt.Fprintln(t.out, "no runs")
		return nil
	}
	why, err := stoppedRuns(ctx, client, all.Runs)
	if err != nil {
		return err
	}
	runTable(all.Runs, why, t.wide()).print(t.out, t.wide(), t.palette)
	if !all.Before.IsZero() {
		fmt.Fprintf(t.out, "\nThere are more. The next ones: --before %s\n", all.Before)
	}
	return nil
}

// stateFlag returns the states that a flag names.
func stateFlag(given []string) (states []pawl.State, err error) {
	for _, s := range given {
		if !among(pawl.State(s), pawl.States()) {
			return nil, usagef("--state is %q; want one of %s", s, names(pawl.States()))
		}
		states = append(states, pawl.State(s))
	}
	return states, nil
}

// wideWidth is how wide what is shown of runs is where the output is no terminal:
// ids and what stands beside them want it.
const wideWidth = 100

// wide is how wide tables of runs are.
func (t *terminal) wide() int {
	if !t.live {
		return wideWidth
	}
	return t.width()
}

// stoppedRuns says of runs that are blocked which budget stops one of their tasks.
func stoppedRuns(ctx context.Context, client *pawl.Client, runs []*pawl.Overview) (map[pawl.ID]string, error) {
	why := map[pawl.ID]string{}
	for _, r := range runs {
		if r.State != pawl.Blocked {
			continue
		}
		rows, err := client.List(ctx, pawl.Filter{Run: r.Run, States: []pawl.State{pawl.Blocked}})
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			why[r.Run] = cmp.Or(why[r.Run], stopped(row))
		}
	}
	return why, nil
}

func runTable(runs []*pawl.Overview, why map[pawl.ID]string, width int) *table {
	tab := &table{columns: []column{
		{title: "RUN"}, {title: "FLOW", least: 8}, {title: "USER", least: 4, spare: true}, {title: "STATE"}, {title: "DONE", right: true},
		{title: "TOKENS", right: true, spare: true}, {title: "TOOK", right: true}, {title: "AGE", right: true},
	}}
	for _, r := range runs {
		user := r.User
		if width < wideWidth-10 {
			user = "" // there is no room
		}
		used := ""
		if n := r.Usage.Total(); n > 0 {
			used = thousands(n)
		}
		flow := flowOf(r.Stages)
		if !r.Origin.IsZero() {
			flow = "fork of " + flow
		}
		tab.add("", r.Run.String(), flow, user, string(r.State), doneOf(r), used, span(tookOf(r)), age(r.At.Sub(r.Added)))
		tab.tell(why[r.Run])
	}
	return tab
}

// flowOf is a flow in a few words.
func flowOf(stages []pawl.Stage) string { return pawl.Outline(stages) }

// doneOf is how many of a run's tasks have ended.
func doneOf(r *pawl.Overview) string {
	return thousands(r.Counts[pawl.Succeeded]+r.Counts[pawl.Dead]+r.Counts[pawl.Cancelled]) + "/" + thousands(r.Tasks)
}

// tookOf is how long a run took, or has taken so far.
func tookOf(r *pawl.Overview) time.Duration {
	if r.Ended.IsZero() {
		return r.At.Sub(r.Added)
	}
	return r.Ended.Sub(r.Added)
}

// readTree returns a run that is named by its id or by that of one of its tasks.
func readTree(ctx context.Context, client *pawl.Client, id pawl.ID) (*pawl.Tree, error) {
	tree, err := client.Tree(ctx, id)
	if errors.Is(err, pawl.ErrNotFound) {
		return nil, noTask(id)
	}
	return tree, err
}
