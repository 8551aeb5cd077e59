package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

type limitsCommand struct {
	List   limitsListCommand   `cmd:"" default:"withargs" help:"List the limits: what is left of each, and what stops it."`
	Show   limitsShowCommand   `cmd:"" help:"Show everything about a limit: where its rates come from, and what it has learned."`
	Set    limitsSetCommand    `cmd:"" help:"Change what a limit allows, for all workers at once."`
	Hold   limitsHoldCommand   `cmd:"" help:"Stop a limit: its tasks wait, and nothing fails."`
	Resume limitsResumeCommand `cmd:"" help:"End the hold or the pause of a limit. After a pause one call goes first to try."`
}

type limitsListCommand struct {
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*limitsListCommand) Help() string {
	return `READY is what is left of a bucket and OF what it holds; below 0 is debt. RATE is how it fills, and FROM where that comes from: set by
somebody, told by the provider, or found by trying. The lowest of them is in force.`
}

// Run implements a command of kong.
func (c *limitsListCommand) Run(ctx context.Context, t *terminal, open opener) error {
	status, err := c.status(ctx, open)
	if err != nil {
		return err
	}
	now := time.Now()
	views := limitViews(status, now)
	if c.json() {
		return printJSON(t.out, struct {
			Limits []limitView `json:"limits"`
		}{views})
	}
	if len(views) == 0 {
		fmt.Fprintln(t.out, "no limits: none is configured, and no task was added yet")
		return nil
	}
	limitTable(views, now).print(t.out, t.width(), t.palette)
	return nil
}

// status reads how the store's queues, limits and workers stand.
func (f storeFlag) status(ctx context.Context, open opener) (pawl.Status, error) {
	client, err := f.client(ctx, open)
	if err != nil {
		return pawl.Status{}, err
	}
	return client.Status(ctx)
}

type limitsHoldCommand struct {
	Name   string `arg:"" help:"The limit."`
	Reason string `required:"" help:"Why: those who wonder why nothing moves will read it." placeholder:"TEXT"`
	storeFlag
}

// Run implements a command of kong.
func (c *limitsHoldCommand) Run(ctx context.Context, t *terminal, open opener) error {
	if strings.TrimSpace(c.Reason) == "" {
		return usagef("--reason is empty; say why the limit is held")
	}
	hold := func(client *pawl.Client) error { return client.HoldLimit(ctx, c.Name, c.Reason) }
	return c.change(ctx, t, open, change{"limit", c.Name, limitNames, hold, "is held: its tasks wait until it is resumed"})
}

type limitsResumeCommand struct {
	Name string `arg:"" help:"The limit."`
	storeFlag
}

// Run implements a command of kong.
func (c *limitsResumeCommand) Run(ctx context.Context, t *terminal, open opener) error {
	resume := func(client *pawl.Client) error { return client.ResumeLimit(ctx, c.Name) }
	return c.change(ctx, t, open, change{"limit", c.Name, limitNames, resume, "is neither held nor paused"})
}
