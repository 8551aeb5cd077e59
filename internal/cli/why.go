package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

type whyCommand struct {
	ID string `arg:"" help:"The task's id."`
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*whyCommand) Help() string {
	return `It names one thing that keeps the task from starting: first what no waiting changes, such as a paused queue, a held limit, or no worker
for the operation; then what opens by itself. The place counts the tasks that start first, and the start is foretold from what recent
tasks used: tasks of a higher priority that are added later push both back.`
}

// Run implements a command of kong.
func (c *whyCommand) Run(ctx context.Context, t *terminal, open opener) error {
	id, err := idFlag("ID", c.ID)
	if err != nil {
		return err
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	w, err := client.Why(ctx, id)
	if errors.Is(err, pawl.ErrNotFound) {
		return noTask(id)
	}
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, w)
	}
	p := &page{t: t, now: time.Now()}
	p.why(&w)
	return p.whyRun(ctx, client, &w)
}

// whyRun says of a run's first task, which has ended, what the run waits for.
func (p *page) whyRun(ctx context.Context, client *pawl.Client, w *pawl.Why) error {
	if w.State != pawl.Succeeded {
		return nil
	}
	const most = 5
	rest, err := client.List(ctx, pawl.Filter{Run: w.Task, States: goingOn, Max: most})
	if err != nil || len(rest) == 0 {
		return err
	}
	fmt.Fprintln(p.t.out, "\nIts run goes on. What has not ended:")
	for _, r := range rest {
		fmt.Fprintf(p.t.out, "  pawl why %s  %s, %s\n", r.ID, operationOf(r), r.State)
	}
	if len(rest) == most {
		fmt.Fprintf(p.t.out, "  and maybe more: pawl run %s\n", w.Task)
	}
	return nil
}

func noTask(id pawl.ID) error {
	return fmt.Errorf("there is no task %s: it was never added to this store, or it was deleted", id)
}

// why prints what a task waits for.
func (p *page) why(w *pawl.Why) {
	fmt.Fprintf(p.t.out, "%s  %s\n", p.t.palette.bold(w.Task.String()), w.State)
	opens := p.ahead(w.Until)
	if w.Until.Equal(w.Start) {
		opens = "" // it is told below
	}
	for _, f := range [][2]string{
		{"why", w.Reason},
		{opening(w), opens},
		{"place", place(w.Place)},
		{"starts", p.starts(w)},
		{"→", remedy(w)},
	} {
		if f[1] == "" {
			continue
		}
		for i, line := range wrap(f[1], p.t.width()-pageLabel) {
			if i > 0 {
				f[0] = ""
			}
			fmt.Fprintf(p.t.out, "%s%s\n", p.t.palette.dim(pad(f[0], pageLabel)), line)
		}
	}
}

// opening is the label of the time until which a task waits.
func opening(w *pawl.Why) string {
	if w.Gate == pawl.HinderedDependency {
		return "until" // at the latest
	}
	return "opens"
}

// ahead is a time that is to come; "" for none.
func (p *page) ahead(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s, in %s", zoned(at), age(at.Sub(p.now)))
}

func place(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1: it is next"
	case 2:
		return "2: 1 task likely starts before it"
	}
	return fmt.Sprintf("%s: %s tasks likely start before it", thousands(n), thousands(n-1))
}

// starts says when a task that waits likely starts.
func (p *page) starts(w *pawl.Why) string {
	switch {
	case w.State == pawl.Running || w.State.Ended():
		return ""
	case w.Start.IsZero():
		return "nobody can tell yet"
	case w.Start.After(p.now):
		return "likely " + p.ahead(w.Start)
	}
	return "now"
}

// remedies say what to do about what no waiting changes. {queue}, {limit}, {budget} and
// {id} stand for the task's, {behind} for the near-duplicate that it waits for.
var remedies = map[pawl.Hindrance]string{
	pawl.HinderedRunning:    "pawl show {id} has its attempts, and the steps that it has stored",
	pawl.HinderedDependency: "pawl run {id} has what it waits for",
	pawl.HinderedSimilar:    "pawl why {behind} says how that one stands; pawl similar apart {id} {behind} has this one not wait for it",
	pawl.HinderedBudget:     "pawl budgets raise {budget} {cap} has it go on; pawl budgets has all of them",
	pawl.HinderedDone:       "pawl show {id} has all that is known of it",
	pawl.HinderedQueue:      "pawl queues resume {queue} ends the pause",
	pawl.HinderedWorker:     "start a worker with a handler for it; pawl workers lists those that are alive",
	pawl.HinderedHold:       "pawl limits resume {limit} ends the hold, once its reason is gone",
	pawl.HinderedCeiling:    "pawl limits show {limit} has the ceilings, pawl limits set {limit} changes them",
}

func remedy(w *pawl.Why) string {
	text := remedies[w.Gate]
	if w.State == pawl.Dead {
		text = "pawl dead retry {id} has it go on from where it failed; " + text
	}
	return strings.NewReplacer("{limit}", w.Limit, "{queue}", w.Queue, "{budget}", shellWord(w.Budget), "{cap}", capFlag(w.Reason), "{id}", w.Task.String(), "{behind}", w.Behind.String()).Replace(text)
}
