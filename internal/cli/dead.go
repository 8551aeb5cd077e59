package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pawlhq/pawl"
)

type deadCommand struct {
	List   deadListCommand   `cmd:"" default:"withargs" help:"List dead letters, oldest first."`
	Groups deadGroupsCommand `cmd:"" help:"List the causes of dead letters, the most frequent first."`
	Show   showCommand       `cmd:"" help:"Show everything about a task: its attempts, steps, conversation and input."`
	Retry  deadRetryCommand  `cmd:"" help:"Run dead letters again, in their old places. What was answered is not asked again."`
	Delete deadDeleteCommand `cmd:"" help:"Remove dead letters for good."`
}

// deadFlags select dead letters.
type deadFlags struct {
	Group string `help:"Only dead letters of this cause: a fingerprint that pawl dead groups lists." placeholder:"FINGERPRINT"`
	narrowFlags
}

func (f deadFlags) filter() (pawl.Filter, error) {
	filter, err := f.narrowFlags.filter()
	filter.States, filter.Fingerprint = []pawl.State{pawl.Dead}, f.Group
	return filter, err
}

// given reports whether any flag narrows the selection.
func (f deadFlags) given() bool { return f != deadFlags{} }

type deadListCommand struct {
	storeFlag
	deadFlags
	pageFlags
	outputFlag
}

// Run implements a command of kong.
func (c *deadListCommand) Run(ctx context.Context, t *terminal, open opener) error {
	filter, err := c.filter()
	if err != nil {
		return err
	}
	if err := c.onto(&filter); err != nil {
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
		fmt.Fprintln(t.out, "no dead letters")
		return nil
	}
	tab := &table{columns: []column{
		{title: "ID"}, {title: "OPERATION", least: 9}, {title: "USER", least: 6, spare: true}, {title: "ENDED"}, {title: "GROUP"},
	}}
	for _, r := range rows {
		tab.add(trouble(r), r.ID.String(), operationOf(r), r.User, age(time.Since(r.Ended))+" ago", r.Fingerprint)
	}
	tab.print(t.out, t.width(), t.palette)
	tellMore(t, next)
	return nil
}

type deadGroupsCommand struct {
	storeFlag
	deadFlags
	outputFlag
}

// Run implements a command of kong.
func (c *deadGroupsCommand) Run(ctx context.Context, t *terminal, open opener) error {
	filter, err := c.filter()
	if err != nil {
		return err
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	groups, err := client.Groups(ctx, filter)
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, struct {
			Groups []pawl.Group `json:"groups"`
		}{list(groups)})
	}
	if len(groups) == 0 {
		fmt.Fprintln(t.out, "no dead letters")
		return nil
	}
	tab := &table{columns: []column{
		{title: "GROUP"}, {title: "COUNT", right: true}, {title: "FIRST"}, {title: "LAST"}, {title: "LATEST TASK"},
	}}
	for _, g := range groups {
		note := string(g.Class) + ": " + firstLine(brief(g.Message, g.Class))
		tab.add(note, g.Fingerprint, thousands(g.Count), age(time.Since(g.First))+" ago", age(time.Since(g.Last))+" ago", g.Sample.String())
	}
	tab.print(t.out, t.width(), t.palette)
	return nil
}

// pick says which dead letters a command changes.
type pick struct {
	IDs []string `arg:"" optional:"" name:"id" help:"Ids of tasks."`
	All bool     `help:"All dead letters."`
	deadFlags
}

// ids returns the ids that are given, or what is wrong with the selection: it must
// be there, and be one of its three kinds.
func (p pick) ids() ([]pawl.ID, error) {
	var ids []pawl.ID
	for _, text := range p.IDs {
		id, err := idFlag("ID", text)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	kinds := 0
	for _, given := range []bool{len(ids) > 0, p.given(), p.All} {
		if given {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		return nil, usagef("nothing is selected; want ids, --group FINGERPRINT, another filter, or --all")
	case kinds > 1:
		return nil, usagef("want ids, or filters such as --group, or --all: not several of them")
	}
	return ids, nil
}

type deadRetryCommand struct {
	pick
	Max   int    `help:"The most tasks to run again, the oldest first: to try a few before the rest. Default: all." placeholder:"N"`
	Input string `help:"The file with the input, as JSON, that the one task gets in place of its own; - for the standard input. Stored steps are dropped with the old input." placeholder:"FILE"`
	storeFlag
	outputFlag
}

// Run implements a command of kong.
func (c *deadRetryCommand) Run(ctx context.Context, t *terminal, open opener) error {
	ids, err := c.ids()
	if err != nil {
		return err
	}
	if c.Max < 0 || c.Max > 0 && len(ids) > 0 {
		return usagef("--max is %d; want 1 or more, and a selection by filters or --all", c.Max)
	}
	var input json.RawMessage
	if c.Input != "" {
		if len(ids) != 1 {
			return usagef("--input is for one task; want exactly one id")
		}
		if input, err = readInput(c.Input); err != nil {
			return err
		}
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	change := func(ctx context.Context, f pawl.Filter) ([]pawl.ID, error) { return client.Retry(ctx, f) }
	if input != nil {
		change = func(ctx context.Context, f pawl.Filter) ([]pawl.ID, error) {
			err := client.RetryWith(ctx, f.IDs[0], input)
			if errors.Is(err, pawl.ErrNotFound) {
				return nil, nil
			}
			return f.IDs, err
		}
	}
	return c.run(ctx, t, &changes{client: client, do: change, done: "pending again", most: c.Max, json: c.json()}, ids)
}

type deadDeleteCommand struct {
	pick
	Yes bool `help:"Delete all that the filters select without asking."`
	storeFlag
	outputFlag
}

// Run implements a command of kong.
func (c *deadDeleteCommand) Run(ctx context.Context, t *terminal, open opener) error {
	ids, err := c.ids()
	if err != nil {
		return err
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	if len(ids) == 0 && !c.Yes {
		n, err := c.count(ctx, client)
		if err != nil {
			return err
		}
		return usagef("this would remove %s for good; add --yes to do it", plural(n, "dead letter"))
	}
	return c.run(ctx, t, &changes{client: client, do: client.Delete, done: "deleted", json: c.json()}, ids)
}

// count returns how many dead letters the filters select.
func (p pick) count(ctx context.Context, client *pawl.Client) (n int, err error) {
	filter, err := p.filter()
	if err != nil {
		return 0, err
	}
	groups, err := client.Groups(ctx, filter)
	for _, g := range groups {
		n += g.Count
	}
	return n, err
}

// readInput reads a file that holds one JSON value.
func readInput(path string) (json.RawMessage, error) {
	var b []byte
	var err error
	if path == "-" {
		b, err = io.ReadAll(os.Stdin)
	} else {
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, usagef("--input: %w", err)
	}
	var value json.RawMessage
	if err := json.Unmarshal(b, &value); err != nil {
		return nil, usagef("--input %s is not JSON: %w", path, err)
	}
	return value, nil
}
