package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/measure"
)

type queuesCommand struct {
	List   queuesListCommand   `cmd:"" default:"withargs" help:"List the queues, with their tasks by state."`
	Pause  queuesPauseCommand  `cmd:"" help:"Stop a queue: tasks can be added, and none is started. Those that run go on."`
	Resume queuesResumeCommand `cmd:"" help:"End the pause of a queue."`
}

type queuesListCommand struct {
	storeFlag
	outputFlag
}

// Run implements a command of kong.
func (c *queuesListCommand) Run(ctx context.Context, t *terminal, open opener) error {
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, struct {
			Queues []pawl.QueueStatus `json:"queues"`
		}{list(status.Queues)})
	}
	if len(status.Queues) == 0 {
		fmt.Fprintln(t.out, "no queues: no task was added yet")
		return nil
	}
	queueTable(status.Queues).print(t.out, t.width(), t.palette)
	return nil
}

func queueTable(queues []pawl.QueueStatus) *table {
	tab := &table{columns: []column{{title: "QUEUE", least: 8}, {title: "", spare: true}}}
	for _, s := range pawl.States() {
		rare := s == pawl.Blocked || s == pawl.Scheduled || s == pawl.Cancelled
		tab.columns = append(tab.columns, column{title: strings.ToUpper(string(s)), right: true, spare: rare})
	}
	for _, q := range queues {
		if ownQueue(q) {
			continue
		}
		cells := []string{q.Name, ""}
		if q.Paused {
			cells[1] = "paused"
		}
		for _, s := range pawl.States() {
			cell := thousands(q.Counts[s])
			if q.Counts[s] == 0 {
				cell = ""
			}
			cells = append(cells, cell)
		}
		tab.add("", cells...)
	}
	return tab
}

// ownQueue reports whether a queue is only there because the doctor or a
// measurement has used it.
func ownQueue(q pawl.QueueStatus) bool {
	return len(q.Counts) == 0 && !q.Paused && (q.Name == doctorName || q.Name == measure.Queue)
}

type queuesPauseCommand struct {
	Name string `arg:"" help:"The queue."`
	storeFlag
}

// Run implements a command of kong.
func (c *queuesPauseCommand) Run(ctx context.Context, t *terminal, open opener) error {
	pause := func(client *pawl.Client) error { return client.Pause(ctx, c.Name) }
	return c.change(ctx, t, open, change{"queue", c.Name, queueNames, pause, "is paused: none of its tasks is started until it is resumed"})
}

type queuesResumeCommand struct {
	Name string `arg:"" help:"The queue."`
	storeFlag
}

// Run implements a command of kong.
func (c *queuesResumeCommand) Run(ctx context.Context, t *terminal, open opener) error {
	resume := func(client *pawl.Client) error { return client.Resume(ctx, c.Name) }
	return c.change(ctx, t, open, change{"queue", c.Name, queueNames, resume, "is not paused"})
}

// change changes a queue or a limit that is there: one with another name would only
// be made by mistake.
func (f storeFlag) change(ctx context.Context, t *terminal, open opener, c change) error {
	client, err := f.client(ctx, open)
	if err != nil {
		return err
	}
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if err := expectKnown(c.what, c.name, c.known(status)); err != nil {
		return err
	}
	if err := c.do(client); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s %s %s\n", c.what, printable(c.name), c.done)
	return nil
}

// change is what is done to a queue or a limit.
type change struct {
	what, name string
	known      func(pawl.Status) []string
	do         func(*pawl.Client) error
	done       string // what it is afterwards
}

func queueNames(s pawl.Status) (known []string) {
	for _, q := range s.Queues {
		known = append(known, q.Name)
	}
	return known
}

func limitNames(s pawl.Status) (known []string) {
	for _, l := range s.Limits {
		known = append(known, l.Name)
	}
	return known
}

// expectKnown returns an error for a name that is not among those of the store.
func expectKnown(what, name string, known []string) error {
	if among(name, known) {
		return nil
	}
	if len(known) == 0 {
		return usagef("there is no %s %q: the store has none yet", what, name)
	}
	return usagef("there is no %s %q; the store has: %s", what, name, strings.Join(known, ", "))
}
