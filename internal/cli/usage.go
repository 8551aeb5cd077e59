package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

// ledgerFlags select a part of the ledger.
type ledgerFlags struct {
	Since     string `help:"From when on: a time ago such as 24h or 7d, a date, which is a day of UTC, or a time such as 2026-01-15T10:00:00Z; the hour that it is in counts whole. Default: all that is known." placeholder:"WHEN"`
	Until     string `help:"Until when, likewise; a date is in it." placeholder:"WHEN"`
	User      string `help:"Only calls for this user." placeholder:"NAME"`
	Operation string `help:"Only calls of this operation." placeholder:"NAME"`
	Queue     string `help:"Only calls of tasks of this queue." placeholder:"NAME"`
	Limit     string `help:"Only calls through this limit." placeholder:"NAME"`
	Model     string `help:"Only calls of this model." placeholder:"NAME"`
	Run       string `help:"Only calls of this run." placeholder:"ID"`
}

type usageCommand struct {
	By []string `default:"model" help:"What to sum by; may be repeated, or hold several: ${dimensions}. Default: model." placeholder:"WHAT"`
	ledgerFlags
	Prices bool `help:"List the prices in force instead: those of the file that PAWL_PRICES names, else those that are built in."`
	storeFlag
	Output string `short:"o" enum:"table,json,csv" default:"table" help:"table for people, json or csv for programs; docs/cli.md describes them."`
}

// Help adds to the command's help.
func (*usageCommand) Help() string {
	return `Each call is in the ledger from the moment that it is settled, and stays there when its task is removed. What it cost is counted with the
prices that its worker had. Sums are kept by the hour for 90 days, and by the day after that; what is asked by run or for a run is known for 30 days.
Hours, days and months are those of UTC.`
}

// Run implements a command of kong.
func (c *usageCommand) Run(ctx context.Context, t *terminal, open opener) error {
	if c.Prices {
		if c.ledgerFlags != (ledgerFlags{}) || !slices.Equal(c.By, []string{string(pawl.ByModel)}) {
			return usagef("--prices lists prices, and nothing of the ledger: want it alone, or with -o")
		}
		return c.listPrices(t)
	}
	filter, by, err := c.asked(time.Now())
	if err != nil {
		return err
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	s, err := readSpending(ctx, client, filter, by)
	if err != nil {
		return err
	}
	s.short = tooShort(filter, by, time.Now())
	switch c.Output {
	case "json":
		return s.writeJSON(t.out)
	case "csv":
		return s.writeCSV(t.out)
	}
	s.print(t)
	return nil
}

// asked returns what the flags ask for, or what is wrong with them.
func (c *usageCommand) asked(now time.Time) (f pawl.LedgerFilter, by []pawl.Dimension, err error) {
	f = pawl.LedgerFilter{Operation: c.Operation, Queue: c.Queue, User: c.User, Limit: c.Limit, Model: c.Model}
	for _, text := range c.By {
		d := pawl.Dimension(text)
		switch {
		case !among(d, pawl.Dimensions()):
			return f, nil, usagef("--by is %q; want one of %s", text, names(pawl.Dimensions()))
		case isTime(d) && slices.ContainsFunc(by, isTime) && !among(d, by):
			return f, nil, usagef("--by has two of hour, day and month; want one")
		case !slices.Contains(by, d):
			by = append(by, d)
		}
	}
	if f.Run, err = idFlag("--run", c.ledgerFlags.Run); err != nil {
		return f, nil, err
	}
	if f.Since, err = whenFlag("--since", c.Since, now, 0); err != nil {
		return f, nil, err
	}
	if f.Until, err = whenFlag("--until", c.Until, now, 24*time.Hour); err != nil {
		return f, nil, err
	}
	if !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return f, nil, usagef("--until %s is not after --since %s", c.Until, c.Since)
	}
	return f, by, nil
}

func isTime(d pawl.Dimension) bool { return d == pawl.ByHour || d == pawl.ByDay || d == pawl.ByMonth }

// whenFlag returns the time that a flag gives: so long ago, a day of UTC, of which it is
// the start and so much, or a time. It is zero if the flag is not given.
func whenFlag(name, value string, now time.Time, day time.Duration) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	if ago, ok := agoOf(value); ok {
		return now.Add(-ago), nil
	}
	if at, err := time.Parse(time.DateOnly, value); err == nil {
		return at.Add(day), nil
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return at, usagef("%s is %q; want a time ago such as 24h or 7d, a date such as 2026-01-15, or a time such as 2026-01-15T10:00:00Z", name, value)
	}
	return at, nil
}

// agoOf reads a duration, which may be in days.
func agoOf(s string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err == nil && n >= 0 && n <= 36500
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}

// spending is what was used and saved, as JSON.
type spending struct {
	Since    time.Time        `json:"since,omitzero"` // the start of its hour
	Until    time.Time        `json:"until,omitzero"` // the end of its hour
	By       []pawl.Dimension `json:"by"`
	Rows     []pawl.UsageRow  `json:"rows"`
	Total    []pawl.UsageRow  `json:"total"`    // by currency
	Unpriced []string         `json:"unpriced"` // the models without a price that gave answers

	narrow bool   // a part of the ledger was asked for
	short  string // what of the time asked for is not known, for people; "" if all is
}

func readSpending(ctx context.Context, client *pawl.Client, f pawl.LedgerFilter, by []pawl.Dimension) (*spending, error) {
	s := &spending{By: by, Rows: []pawl.UsageRow{}, Total: []pawl.UsageRow{}, Unpriced: []string{}, narrow: isNarrow(f)}
	s.Since, s.Until = hoursOf(f)
	for row, err := range client.Usage(ctx, f, by...) {
		if err != nil {
			return nil, err
		}
		s.Rows = append(s.Rows, row)
	}
	s.Total = summed(s.Rows, func(k pawl.UsageKey) pawl.UsageKey { return pawl.UsageKey{Currency: k.Currency} })
	if !slices.ContainsFunc(s.Total, func(r pawl.UsageRow) bool { return r.Unpriced.Calls > 0 }) {
		return s, nil
	}
	for row, err := range client.Usage(ctx, f, pawl.ByModel) {
		if err != nil {
			return nil, err
		}
		if row.Unpriced.Calls > 0 {
			s.Unpriced = append(s.Unpriced, row.Model)
		}
	}
	return s, nil
}

// How long the ledger knows single runs, and hours.
const (
	runsKnown  = 30 * 24 * time.Hour
	hoursKnown = 90 * 24 * time.Hour
)

// tooShort says what of the time asked for the ledger does not know any more; "" if it
// knows all: single runs are known by their entries alone, and hours until their sums are
// put together by the day.
func tooShort(f pawl.LedgerFilter, by []pawl.Dimension, now time.Time) string {
	if f.Since.IsZero() {
		return ""
	}
	switch ago := now.Sub(f.Since); {
	case ago > runsKnown && (among(pawl.ByRun, by) || !f.Run.IsZero()):
		return "single runs are known for 30 days only, since " + now.Add(-runsKnown).UTC().Truncate(time.Hour).Format(utcHour)
	case ago > hoursKnown && among(pawl.ByHour, by):
		return "hours are known for 90 days only, since " + now.Add(-hoursKnown).UTC().Truncate(24*time.Hour).Format(utcHour) + "; before that an hour stands for its day"
	}
	return ""
}

func isNarrow(f pawl.LedgerFilter) bool {
	return f.Operation+f.Queue+f.User+f.Limit+f.Model != "" || !f.Run.IsZero() || !f.Since.IsZero() || !f.Until.IsZero()
}

// hoursOf returns the whole hours that a filter is about.
func hoursOf(f pawl.LedgerFilter) (since, until time.Time) {
	if !f.Since.IsZero() {
		since = f.Since.UTC().Truncate(time.Hour)
	}
	if !f.Until.IsZero() {
		until = f.Until.UTC().Add(time.Hour - time.Nanosecond).Truncate(time.Hour)
	}
	return since, until
}

// summed sums rows that have the same key then.
func summed(rows []pawl.UsageRow, key func(pawl.UsageKey) pawl.UsageKey) []pawl.UsageRow {
	sums := []pawl.UsageRow{}
	at := map[pawl.UsageKey]int{}
	for i := range rows {
		k := key(rows[i].UsageKey)
		n, ok := at[k]
		if !ok {
			n, at[k] = len(sums), len(sums)
			sums = append(sums, pawl.UsageRow{UsageKey: k, Sums: map[pawl.EntryKind]pawl.Sum{}})
		}
		addRow(&sums[n], &rows[i])
	}
	return sums
}

// addRow adds a row to a sum.
func addRow(sum, r *pawl.UsageRow) {
	for kind, s := range r.Sums {
		sum.Sums[kind] = sum.Sums[kind].Plus(s)
	}
	sum.Unpriced = sum.Unpriced.Plus(r.Unpriced)
	sum.Again += r.Again
	sum.Waited += r.Waited
	sum.CacheSaved += r.CacheSaved
}
