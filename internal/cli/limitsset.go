package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

type limitsSetCommand struct {
	Name string `arg:"" help:"The limit."`
	New  bool   `help:"Make the limit if nobody knows it yet."`
	settingFlags
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*limitsSetCommand) Help() string {
	return `It changes what is named, leaves the rest as it is, and is in force for all workers at once; what two people change at the same time
both holds. These are caps: where the provider tells of a lower limit, or a lower one was found by trying, that one is in force. A worker
that starts with the limit in its Config.Limits replaces all of its settings.`
}

// Run implements a command of kong.
func (c *limitsSetCommand) Run(ctx context.Context, t *terminal, open opener) error {
	if c.settingFlags == (settingFlags{}) && !c.New {
		return usagef("nothing to set: give what to change, such as --requests 50 (pawl limits set --help lists all)")
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if err := c.expect(status); err != nil {
		return err
	}
	was, is, err := client.ChangeLimit(ctx, c.Name, func(config *limit.Config) error {
		c.apply(config)
		if err := config.Validate(); err != nil {
			return usagef("%s", flagged(err))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, struct {
			Name string     `json:"name"`
			Was  configView `json:"was"`
			Is   configView `json:"is"`
		}{c.Name, viewConfig(was), viewConfig(is)})
	}
	c.tell(t, was, is, status)
	return nil
}

// expect returns what is wrong with the names that are given.
func (c *limitsSetCommand) expect(status pawl.Status) error {
	known := limitNames(status)
	if c.Name == pawl.NoLimit {
		return usagef("%q stands for no limit; it has no settings", c.Name)
	}
	if err := expectKnown("limit", c.Name, known); err != nil && !c.New {
		return usagef("%w; to make it, add --new", err)
	}
	if c.Within == nil || *c.Within == noneName || *c.Within == "" {
		return nil
	}
	if err := expectKnown("limit", *c.Within, known); err != nil && *c.Within != c.Name {
		return usagef("--within: %w", err)
	}
	within := map[string]string{}
	for _, l := range status.Limits {
		within[l.Name] = l.Config.Within
	}
	path := []string{*c.Within}
	for at := *c.Within; at != c.Name; path = append(path, at) {
		if at = within[at]; at == "" || slices.Contains(path, at) {
			return nil
		}
	}
	return usagef("--within %s would have limit %s within itself: %s; want a limit that is not within it", *c.Within, c.Name, strings.Join(path, ", which is within "))
}

// tell says what was changed.
func (c *limitsSetCommand) tell(t *terminal, was, is limit.Config, status pawl.Status) {
	tab := &table{columns: []column{{title: "SETTING"}, {title: "WAS", least: 12}, {title: "IS", least: 12}}}
	before := settingsOf(was)
	for i, s := range settingsOf(is) {
		if old, text := before[i].text(perOf(was)), s.text(perOf(is)); text != old {
			tab.add("", s.flag, old, text)
		}
	}
	if len(tab.rows) == 0 {
		fmt.Fprintf(t.out, "limit %s was so already\n", printable(c.Name))
		return
	}
	fmt.Fprintf(t.out, "limit %s is changed, for all workers at once\n\n", printable(c.Name))
	tab.print(t.out, t.width(), t.palette)
	for _, l := range status.Limits {
		if l.Name == c.Name {
			now := time.Now()
			tellLower(t, l.State.Levels(now, was), l.State.Levels(now, is))
		}
	}
}

// tellLower says which rates that were set anew are not those in force.
func tellLower(t *terminal, was, is []limit.Level) {
	before := map[string]float64{}
	for _, l := range was {
		before[l.Name] = l.Configured
	}
	for _, l := range levelViews(is) {
		if l.Configured != before[l.Name] && l.Configured > l.Limit {
			fmt.Fprintf(t.out, "\n%s: %s is in force, which was %s\n", l.Name, l.rate(), l.fromWords())
		}
	}
}
