package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawlhq/pawl/internal/measure"
	"github.com/pawlhq/pawl/stores"
)

type benchCommand struct {
	Store  benchStoreCommand  `cmd:"" default:"withargs" help:"Measure how fast a store adds and hands out tasks."`
	Limits benchLimitsCommand `cmd:"" help:"Measure what is used of a provider's limits when more is asked than they allow."`
	Serve  benchServeCommand  `cmd:"" hidden:"" help:"Work for pawl bench limits, as its standard input says."`
}

type benchStoreCommand struct {
	Tasks   int  `default:"20000" help:"How many tasks each round adds and drains." placeholder:"N"`
	Rounds  int  `default:"3" help:"How many rounds; the table has the median of them, the lowest and the highest." placeholder:"N"`
	Workers int  `default:"2000" help:"How many handlers may run at once in a drain." placeholder:"N"`
	Dedup   bool `help:"Identify tasks and look for duplicates, as the queue does unless it is told not to."`
	Backlog int  `help:"Drain so many tasks of a backlog too: first of 10,000, then of this size, 1,000,000 for instance." placeholder:"N"`
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*benchStoreCommand) Help() string {
	return `Each task carries 1 KiB of JSON, and its handler does nothing. The tasks are in a queue of their own, pawl-bench, and are removed at
the end; the store is otherwise left alone, but it has work to do: think twice before you measure one that others depend on.`
}

// benchReport is what was measured.
type benchReport struct {
	Store   string        `json:"store"`
	Tasks   int           `json:"tasks"`
	Rounds  int           `json:"rounds"`
	Workers int           `json:"workers"`
	Dedup   bool          `json:"dedup"`
	Figures []benchFigure `json:"figures"`
}

// benchFigure is one figure over all rounds.
type benchFigure struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	What string `json:"what"`
	measure.Spread
	values []float64
}

// The smallest and largest sizes that make sense.
const (
	benchFew  = 100
	benchMany = 10_000_000
)

// Run implements a command of kong.
func (c *benchStoreCommand) Run(ctx context.Context, t *terminal, open opener) (err error) {
	switch {
	case c.Tasks < benchFew || c.Tasks > benchMany:
		return usagef("--tasks is %d; want %s to %s", c.Tasks, thousands(benchFew), thousands(benchMany))
	case c.Rounds < 1 || c.Rounds > 100:
		return usagef("--rounds is %d; want 1 to 100", c.Rounds)
	case c.Workers < 1 || c.Workers > 100_000:
		return usagef("--workers is %d; want 1 to 100,000", c.Workers)
	case c.Backlog != 0 && (c.Backlog <= smallBacklog || c.Backlog > benchMany):
		return usagef("--backlog is %d; want more than %s, up to %s", c.Backlog, thousands(smallBacklog), thousands(benchMany))
	}
	if err := c.check(); err != nil {
		return err
	}
	store, err := open(ctx, c.Store, true)
	if err != nil {
		return err
	}
	defer store.Close()
	m := measure.New(store, measure.Config{Dedup: c.Dedup})
	if err := m.Prepare(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Clean(context.WithoutCancel(ctx))) }()
	b := &bench{benchStoreCommand: c, t: t, m: m}
	for b.round = range c.Rounds {
		if err := b.measure(ctx); err != nil {
			return err
		}
	}
	return b.report()
}

// bench is a measurement under way.
type bench struct {
	*benchStoreCommand
	t       *terminal
	m       *measure.Meter
	round   int
	figures []*benchFigure
}

const (
	smallBacklog = 10_000
	batchSize    = 1000
	aloneMost    = 2000 // tasks that are added one at a time, which takes longest
)

// measure does one round.
func (b *bench) measure(ctx context.Context) error {
	alone := min(b.Tasks, aloneMost)
	rates := []struct {
		name, what string
		measure    func() (measure.Rate, error)
	}{
		{"add_1", "add, one caller", func() (measure.Rate, error) { return b.m.Add(ctx, alone, 1) }},
		{"add_16", "add, 16 callers", func() (measure.Rate, error) { return b.m.Add(ctx, b.Tasks, 16) }},
		{"add_many", "add in batches of 1,000", func() (measure.Rate, error) { return b.m.AddMany(ctx, b.Tasks, batchSize) }},
		{"drain", fmt.Sprintf("drain %s, %s handlers", thousands(b.Tasks), thousands(b.Workers)), func() (measure.Rate, error) {
			d, err := b.m.Drain(ctx, b.Tasks, b.Tasks, b.Workers)
			return d.Rate, err
		}},
	}
	for _, r := range rates {
		rate, err := r.measure()
		if err != nil {
			return err
		}
		if err := b.note(ctx, r.name, "tasks/s", r.what, rate.PerSecond); err != nil {
			return err
		}
	}
	started, err := b.m.Start(ctx, alone)
	if err != nil {
		return err
	}
	for _, l := range []struct {
		name, what string
		value      time.Duration
	}{{"start_p50", "idle: added to started, p50", started.P50}, {"start_p99", "idle: added to started, p99", started.P99}} {
		if err := b.note(ctx, l.name, "ms", l.what, float64(l.value)/1e6); err != nil {
			return err
		}
	}
	return b.backlogs(ctx)
}

// backlogs drains as much of a small backlog and of a large one.
func (b *bench) backlogs(ctx context.Context) error {
	if b.Backlog == 0 {
		return nil
	}
	for _, size := range []int{smallBacklog, b.Backlog} {
		d, err := b.m.Drain(ctx, size, smallBacklog, b.Workers)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("drain %s of %s", thousands(smallBacklog), thousands(size))
		name := fmt.Sprintf("drain_of_%d", size)
		if err := b.note(ctx, name, "tasks/s", what, d.PerSecond); err != nil {
			return err
		}
		if err := b.note(ctx, name+"_resident", "MiB", what+", resident", float64(d.Resident)/(1<<20)); err != nil {
			return err
		}
	}
	return nil
}

// note keeps a value, shows it as it comes, and removes the tasks behind it.
func (b *bench) note(ctx context.Context, name, unit, what string, value float64) error {
	var figure *benchFigure
	for _, f := range b.figures {
		if f.Name == name {
			figure = f
		}
	}
	if figure == nil {
		figure = &benchFigure{Name: name, Unit: unit, What: what}
		b.figures = append(b.figures, figure)
	}
	figure.values = append(figure.values, value)
	fmt.Fprintf(b.t.err, "round %d of %d: %s: %s %s\n", b.round+1, b.Rounds, what, decimal(value), unit)
	return b.m.Clean(ctx)
}

func (b *bench) report() error {
	r := benchReport{stores.Redact(b.Store), b.Tasks, b.Rounds, b.Workers, b.Dedup, []benchFigure{}}
	tab := &table{columns: []column{
		{title: "WHAT", least: 20}, {title: "MEDIAN", right: true}, {title: "LOW", right: true}, {title: "HIGH", right: true}, {title: "UNIT"},
	}}
	for _, f := range b.figures {
		f.Spread = measure.Over(f.values)
		r.Figures = append(r.Figures, *f)
		tab.add("", f.What, decimal(f.Median), decimal(f.Low), decimal(f.High), f.Unit)
	}
	if b.json() {
		return printJSON(b.t.out, r)
	}
	tab.print(b.t.out, b.t.width(), b.t.palette)
	return nil
}
