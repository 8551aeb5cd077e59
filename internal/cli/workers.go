package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

type workersCommand struct {
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*workersCommand) Help() string {
	return `A worker is listed from its first claim until it drains; one that was killed, for a minute after it was last seen. A worker says three
times a minute that it lives, so that SEEN may be some 40 seconds though all is well.`
}

// Run implements a command of kong.
func (c *workersCommand) Run(ctx context.Context, t *terminal, open opener) error {
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
			Workers []pawl.WorkerStatus `json:"workers"`
		}{workerViews(status.Workers)})
	}
	if len(status.Workers) == 0 {
		fmt.Fprintln(t.out, "no workers: none was seen within the last minute")
		return nil
	}
	workerTable(status.Workers, time.Now()).print(t.out, t.width(), t.palette)
	return nil
}

// workerViews returns workers as JSON has them, with lists that are not null.
func workerViews(workers []pawl.WorkerStatus) []pawl.WorkerStatus {
	views := make([]pawl.WorkerStatus, len(workers))
	for i, w := range workers {
		w.Operations, w.Queues = list(ofUsers(w.Operations)), list(w.Queues)
		views[i] = w
	}
	return views
}

// ofUsers leaves out the queue's own operations.
func ofUsers(operations []string) []string {
	return slices.DeleteFunc(slices.Clone(operations), isOwn)
}

func workerTable(workers []pawl.WorkerStatus, now time.Time) *table {
	tab := &table{columns: []column{
		{title: "WORKER", least: 12}, {title: "QUEUES", least: 8}, {title: "OPERATIONS", least: 12}, {title: "SEEN", right: true},
	}}
	for _, w := range workers {
		queues := "all"
		if len(w.Queues) > 0 {
			queues = strings.Join(w.Queues, ", ")
		}
		tab.add("", w.Name, queues, strings.Join(ofUsers(w.Operations), ", "), age(now.Sub(w.Seen))+" ago")
	}
	return tab
}
