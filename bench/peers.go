package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"

	"github.com/pawlhq/pawl/bench/engines"
	"github.com/pawlhq/pawl/bench/table"
	"github.com/pawlhq/pawl/bench/trial"
)

// A comparison is what the command peers was asked for.
type comparison struct {
	store    string
	url      string
	tasks    int
	rounds   int
	seconds  float64
	starts   int
	engines  string
	defaults bool
	json     string
}

func peers(ctx context.Context, args []string, out io.Writer) error {
	var c comparison
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&c.store, "store", "", "sqlite, postgres or redis")
	flags.StringVar(&c.url, "url", "", "a folder for SQLite's files, or a server that may be emptied; default a private one")
	flags.IntVar(&c.tasks, "tasks", 100_000, "tasks to add in bulk and to drain")
	flags.IntVar(&c.rounds, "rounds", 3, "how often each engine is measured")
	flags.Float64Var(&c.seconds, "seconds", 3, "seconds for each measure of single adds")
	flags.IntVar(&c.starts, "starts", 1000, "tasks that an idle queue is timed with")
	flags.StringVar(&c.engines, "engines", "", "only engines whose name matches this regular expression")
	flags.BoolVar(&c.defaults, "defaults", false, "measure the peers with their default settings too")
	flags.StringVar(&c.json, "json", "", "file for every figure; default results/STORE.json")
	if err := flags.Parse(args); err != nil {
		return err
	}
	selected, err := c.selection()
	if err != nil {
		return err
	}
	report := table.New(c.store, c.tasks)
	failed := c.measure(ctx, selected, report)
	if len(report.Engines) == 0 {
		return failed
	}
	// What was measured before an engine failed has taken long, and is shown.
	return errors.Join(
		table.Save(orDefault(c.json, "results/"+c.store+".json"), report),
		report.Markdown(out),
		failed,
	)
}

// selection returns the engines to measure.
func (c comparison) selection() ([]engines.Engine, error) {
	if err := checkStore(c.store); err != nil {
		return nil, err
	}
	if c.tasks < 1 || c.rounds < 1 || c.starts < 1 || c.seconds <= 0 {
		return nil, errors.New("-tasks, -rounds, -starts and -seconds must be more than 0")
	}
	only, err := regexp.Compile(c.engines)
	if err != nil {
		return nil, fmt.Errorf("-engines: %w", err)
	}
	var selected []engines.Engine
	for _, e := range engines.All {
		if e.Store == c.store && only.MatchString(e.Name) && (c.defaults || !e.Defaults) {
			selected = append(selected, e)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("-engines %q matches none of those on %s", c.engines, c.store)
	}
	return selected, nil
}

// measure runs the rounds, each engine once in each.
func (c comparison) measure(ctx context.Context, selected []engines.Engine, report *table.Report) (err error) {
	server, err := startServer(ctx, c.store, c.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	for round := range c.rounds {
		for _, e := range selected {
			r, err := c.trials(ctx, e, server)
			if err != nil {
				return err
			}
			progress("round %d of %d: %s", round+1, c.rounds, table.Line(r))
			report.Add(e.About, r)
		}
	}
	return nil
}

// trials takes each measure of an engine on an empty store.
func (c comparison) trials(ctx context.Context, e engines.Engine, server server) (trial.Result, error) {
	all := trial.Result{Engine: e.Name}
	for _, job := range c.jobs(e) {
		var err error
		job.Engine, job.Store = e.Name, e.Store
		if job.URL, err = server.Fresh(ctx); err != nil {
			return all, fmt.Errorf("make a store for %s: %w", e.Name, err)
		}
		r, err := runTrial(ctx, e, job)
		if err != nil {
			return all, err
		}
		all.Version, all.Settings = r.Version, r.Settings
		all.Add1 += r.Add1
		all.Add16 += r.Add16
		all.Bulk += r.Bulk
		all.Drain += r.Drain
		all.Start50 += r.Start50
		all.Start99 += r.Start99
		if job.Tasks > 0 {
			all.Memory = r.Memory
		}
	}
	if e.NoBulk {
		all.Bulk = 0 // it was many callers, and no batch
	}
	return all, nil
}

// Some engines would take a quarter of an hour for what the others take.
const (
	defaultsTasks = 2000 // with the engine's defaults
	pollsStarts   = 20   // where it looks for tasks once in a while
)

func (c comparison) jobs(e engines.Engine) []trial.Job {
	starts := trial.Job{Starts: c.starts}
	if e.Polls || e.Defaults {
		starts.Starts = min(c.starts, pollsStarts)
	}
	if e.Defaults {
		return []trial.Job{{Tasks: min(c.tasks, defaultsTasks)}, starts}
	}
	jobs := []trial.Job{{Callers: 1, Seconds: c.seconds}, {Callers: 16, Seconds: c.seconds}, {Tasks: c.tasks}}
	if !e.Floor {
		jobs = append(jobs, starts)
	}
	return jobs
}
