package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

type limitsCommand struct {
	List   limitsListCommand   `cmd:"" default:"withargs" help:"List the limits: what is left of each, and what stops it."`
	Hold   limitsHoldCommand   `cmd:"" help:"Stop a limit: its tasks wait, and nothing fails."`
	Resume limitsResumeCommand `cmd:"" help:"End the hold or the pause of a limit. After a pause one call goes first to try."`
}

// limitView is how a limit stands, as JSON.
type limitView struct {
	Name     string      `json:"name"`
	Gate     *gateView   `json:"gate"` // null if it is open
	InFlight int         `json:"in_flight"`
	Most     int         `json:"in_flight_limit"` // 0 for none
	Levels   []levelView `json:"levels"`
}

// gateView is what stops a limit: "held" by an operator or a blocked account,
// "paused" or "probe" after a throttle, or the level or calls in flight that are
// used up.
type gateView struct {
	Name   string    `json:"name"`
	Until  time.Time `json:"until,omitzero"` // none: until it is resumed, or calls in flight end
	Reason string    `json:"reason,omitempty"`
}

type levelView struct {
	Name     string        `json:"name"`
	Limit    float64       `json:"limit"` // in force, in each time of Per
	Per      time.Duration `json:"per"`   // in nanoseconds
	Level    float64       `json:"level"` // what is left; negative is debt
	Capacity float64       `json:"capacity"`
}

func limitViews(status pawl.Status, now time.Time) []limitView {
	views := []limitView{}
	for _, l := range status.Limits {
		v := limitView{Name: l.Name, InFlight: l.State.InFlight, Most: l.Config.InFlight, Levels: []levelView{}}
		per := l.Config.Per
		if per == 0 {
			per = time.Minute
		}
		for _, level := range l.State.Levels(now, l.Config) {
			v.Levels = append(v.Levels, levelView{level.Name, level.Limit, per, level.Level, level.Capacity})
		}
		if _, gate := l.State.Next(now, l.Config, limit.Call{Rank: 1}); gate != (limit.Gate{}) {
			v.Gate = &gateView{gate.Name, gate.Until, gate.Reason}
		}
		views = append(views, v)
	}
	return views
}

type limitsListCommand struct {
	storeFlag
	outputFlag
}

// Run implements a command of kong.
func (c *limitsListCommand) Run(ctx context.Context, t *terminal, open opener) error {
	client, store, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	defer store.Close()
	status, err := client.Status(ctx)
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

func limitTable(views []limitView, now time.Time) *table {
	tab := &table{columns: []column{
		{title: "LIMIT", least: 8}, {title: "GATE"}, {title: "IN FLIGHT", right: true}, {title: "BUCKET"}, {title: "READY", right: true}, {title: "OF", right: true}, {title: "RATE", right: true},
	}}
	for _, v := range views {
		first := []string{v.Name, v.Gate.word(), v.inFlight()}
		note := v.Gate.sentence(now)
		if len(v.Levels) == 0 {
			tab.add(note, append(first, "none", "", "", "")...)
		}
		for i, l := range v.Levels {
			cells := append(first, l.Name, decimals(l.Level), decimals(l.Capacity), fmt.Sprintf("%s/%s", decimal(l.Limit), per(l.Per)))
			last := ""
			if i == len(v.Levels)-1 {
				last = note
			}
			tab.add(last, cells...)
			first = []string{"", "", ""}
		}
	}
	return tab
}

func (v limitView) inFlight() string {
	if v.Most == 0 {
		return thousands(v.InFlight)
	}
	return fmt.Sprintf("%s of %s", thousands(v.InFlight), thousands(v.Most))
}

func (g *gateView) word() string {
	if g == nil {
		return "open"
	}
	return g.Name
}

// sentence says why a gate is closed, and until when; "" if it is open.
func (g *gateView) sentence(now time.Time) string {
	if g == nil {
		return ""
	}
	until := "until it is resumed"
	switch {
	case !g.Until.IsZero():
		until = fmt.Sprintf("until %s, in %s", moment(g.Until), age(g.Until.Sub(now)))
	case g.Name != "held":
		until = "until calls in flight end"
	}
	if g.Reason == "" {
		return until
	}
	return until + ": " + brief(firstLine(g.Reason), "")
}

// per writes the time that a rate is for: "min", "day", else as it is.
func per(d time.Duration) string {
	switch d {
	case time.Minute:
		return "min"
	case time.Hour:
		return "h"
	case 24 * time.Hour:
		return "day"
	}
	return decimal(d.Seconds()) + "s"
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
