package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pawlhq/pawl/internal/saturation"
	"github.com/pawlhq/pawl/stores"
)

type benchLimitsCommand struct {
	Scenario  []string `help:"What to play, several separated by commas: ${scenarios}. Default: all." placeholder:"NAME"`
	Trace     string   `help:"What is asked for, as CSV in the form of the Azure LLM inference traces. Default: a synthetic mix of the same sizes." placeholder:"FILE"`
	Minutes   int      `default:"30" help:"How long each contender plays, in the account's time." placeholder:"N"`
	Scale     float64  `default:"20" help:"How many times faster than real time the account lives." placeholder:"N"`
	Store     string   `default:"memory:" help:"The store that Pawl plays on, best one made for this: memory:, sqlite:PATH, postgres://…, redis://…" placeholder:"URL"`
	Processes int      `default:"0" help:"How many processes make the calls, beside this one; 0 for this one alone. A store in memory has no others." placeholder:"N"`
	SVG       string   `name:"svg" help:"Draw a picture of each scenario in this folder." placeholder:"DIR"`
	Seed      uint64   `default:"1" help:"What the synthetic mix is drawn from."`
	outputFlag
}

// Help adds to the command's help.
func (*benchLimitsCommand) Help() string {
	var b strings.Builder
	b.WriteString("The simulated provider has an account like a real one's, and more is asked of it than its limits allow. The scenarios:\n")
	for _, s := range saturation.Scenarios() {
		fmt.Fprintf(&b, "\n%s: %s.", s.Name, s.About)
	}
	return b.String()
}

// scenarioNames lists the scenarios, for help.
func scenarioNames() string {
	var names []string
	for _, s := range saturation.Scenarios() {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

// The bounds of the flags.
const (
	leastMinutes = 5
	mostMinutes  = 24 * 60
	mostScale    = 100
)

// check returns what is wrong with the flags.
func (c *benchLimitsCommand) check() error {
	switch {
	case c.Minutes < leastMinutes || c.Minutes > mostMinutes:
		return usagef("--minutes is %d; want %d to %d", c.Minutes, leastMinutes, mostMinutes)
	case !(c.Scale >= 1 && c.Scale <= mostScale):
		return usagef("--scale is %v; want 1 to %d: a call takes seconds of the account's time, and still some real work", c.Scale, mostScale)
	case c.Processes < 0 || c.Processes > 100:
		return usagef("--processes is %d; want 0 to 100", c.Processes)
	case c.Processes > 0 && strings.HasPrefix(c.Store, "memory:"):
		return usagef("--processes needs a --store that processes can share")
	}
	return checkStore(c.Store)
}

// Run implements a command of kong.
func (c *benchLimitsCommand) Run(ctx context.Context, t *terminal) error {
	if err := c.check(); err != nil {
		return err
	}
	scenarios, err := saturation.Named(c.Scenario)
	if err != nil {
		return usageError{err}
	}
	config, err := c.config()
	if err != nil {
		return err
	}
	report := limitsReport{stores.Redact(c.Store), c.Minutes, c.Scale, c.Trace, []*saturation.Result{}}
	for _, s := range scenarios {
		fmt.Fprintf(t.err, "%s: %s\n", s.Name, s.About)
		began := time.Now()
		r, err := s.Play(ctx, config)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		r.Scenario, r.Took = s.Name, time.Since(began)
		report.Results = append(report.Results, r)
		if err := c.draw(r); err != nil {
			return err
		}
		if !c.json() {
			printResult(t, r)
		}
	}
	if c.json() {
		return printJSON(t.out, report)
	}
	return nil
}

// config returns what to play.
func (c *benchLimitsCommand) config() (saturation.Config, error) {
	config := saturation.Config{
		Prose: prose(), Length: time.Duration(c.Minutes) * time.Minute, Scale: c.Scale, Store: c.Store, Seed: c.Seed,
	}
	if c.Processes > 0 {
		program, err := os.Executable()
		if err != nil {
			return config, err
		}
		config.Workers = saturation.Workers{Processes: c.Processes, Command: []string{program, "bench", "serve"}}
	}
	if c.Trace != "" {
		f, err := os.Open(c.Trace)
		if err != nil {
			return config, err
		}
		defer f.Close()
		if config.Trace, err = saturation.ReadTrace(f); err != nil {
			return config, fmt.Errorf("%s: %w", c.Trace, err)
		}
	}
	return config, config.Prepare()
}

// prose is all documents that the demo brings along, in one.
func prose() string {
	var texts []string
	for _, j := range brought() {
		texts = append(texts, j.text)
	}
	return strings.Join(texts, "\n")
}

// draw writes the picture of a scenario, if it is wanted and there is one.
func (c *benchLimitsCommand) draw(r *saturation.Result) error {
	if c.SVG == "" || r.Picture == nil {
		return nil
	}
	if err := os.MkdirAll(c.SVG, 0o777); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(c.SVG, r.Scenario+".svg"))
	if err != nil {
		return err
	}
	if err := r.Picture.Write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// limitsReport is what was measured.
type limitsReport struct {
	Store   string               `json:"store"`
	Minutes int                  `json:"minutes"`
	Scale   float64              `json:"scale"`
	Trace   string               `json:"trace,omitempty"` // "" for the synthetic mix
	Results []*saturation.Result `json:"results"`
}

// printResult prints a scenario as a table. A figure that is not as wanted says so.
func printResult(t *terminal, r *saturation.Result) {
	for _, line := range wrap(fmt.Sprintf("%s: %s.", strings.ToUpper(r.Scenario), r.About), t.width()) {
		fmt.Fprintln(t.out, line)
	}
	fmt.Fprintln(t.out)
	tab := &table{columns: []column{{title: "WHO", least: 8}}}
	for _, f := range r.Rows[0].Figures {
		title := strings.ToUpper(f.Name)
		if f.Unit != "" {
			title += ", " + f.Unit
		}
		tab.columns = append(tab.columns, column{title: title, right: true})
	}
	for _, row := range r.Rows {
		cells := []string{row.Name}
		notes := []string{}
		for _, f := range row.Figures {
			cells = append(cells, figure(f.Value))
			if !f.Met() {
				notes = append(notes, fmt.Sprintf("%s is to be %s", f.Name, f.Wanted()))
			}
		}
		if row.Note != "" {
			notes = append(notes, row.Note)
		}
		tab.add(strings.Join(notes, "; "), cells...)
	}
	tab.print(t.out, t.width(), t.palette)
	if r.Warning != "" {
		fmt.Fprintln(t.out, strings.Join(wrap("Warning: "+r.Warning+".", t.width()), "\n"))
	}
	fmt.Fprintln(t.out)
}

// figure writes a value with at most two digits behind the point.
func figure(v float64) string {
	if v == float64(int64(v)) {
		return thousands(int(v))
	}
	return fmt.Sprintf("%.2f", v)
}

type benchServeCommand struct{}

// Run implements a command of kong.
func (*benchServeCommand) Run(ctx context.Context) error { return saturation.Serve(ctx, os.Stdin) }
