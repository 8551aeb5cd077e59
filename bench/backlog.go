package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/pawlhq/pawl/bench/engines"
	"github.com/pawlhq/pawl/bench/table"
	"github.com/pawlhq/pawl/internal/measure"
	"github.com/pawlhq/pawl/stores"
)

// A drainJob asks for one drain of Pawl on an empty store.
type drainJob struct {
	URL     string `json:"url"`
	Waiting int    `json:"waiting"`
	Handle  int    `json:"handle"` // how many of them
}

// backlog drains a few of a short line, as many of a long one, and all of that.
func backlog(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("bench backlog", flag.ContinueOnError)
	store := flags.String("store", "", "sqlite, postgres or redis")
	at := flags.String("url", "", "a folder for SQLite's files, or a server that may be emptied; default a private one")
	few := flags.Int("few", 10_000, "tasks that wait in the short line")
	many := flags.Int("many", 1_000_000, "tasks that wait in the long line")
	rounds := flags.Int("rounds", 3, "how often each drain is measured")
	file := flags.String("json", "", "file for every figure; default results/backlog-STORE.json")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := checkStore(*store); err != nil {
		return err
	}
	if *few < 1 || *many < *few || *rounds < 1 {
		return errors.New("-few and -rounds must be more than 0, and -many no less than -few")
	}
	server, err := startServer(ctx, *store, *at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	drains := table.NewBacklog(*store)
	for round := range *rounds {
		for _, job := range []drainJob{{Waiting: *few, Handle: *few}, {Waiting: *many, Handle: *few}, {Waiting: *many, Handle: *many}} {
			url, err := server.Fresh(ctx)
			if err != nil {
				return fmt.Errorf("make a store: %w", err)
			}
			job.URL = pawlURL(*store, url)
			d, err := runDrain(ctx, job)
			if err != nil {
				return err
			}
			progress("round %d of %d: %d waiting, %d handled: %.0f tasks/s, %d MiB",
				round+1, *rounds, d.Waiting, d.Tasks, d.PerSecond, d.Resident>>20)
			drains.Add(job.Waiting, job.Handle, d)
		}
	}
	if err := table.Save(orDefault(*file, "results/backlog-"+*store+".json"), drains); err != nil {
		return err
	}
	return drains.Markdown(out)
}

// runDrain drains in a process of its own, whose memory is Pawl's alone.
func runDrain(ctx context.Context, job drainJob) (measure.Drained, error) {
	var d measure.Drained
	command, err := selfCommand(ctx, "drain")
	if err != nil {
		return d, err
	}
	if _, err := converse(command, job, &d); err != nil {
		return d, fmt.Errorf("drain %d of %d tasks: %w", job.Handle, job.Waiting, err)
	}
	return d, nil
}

// drainProcess is the other side of runDrain.
func drainProcess(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	var job drainJob
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	store, err := stores.Open(ctx, job.URL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	d, err := measure.New(store, measure.Config{}).Drain(ctx, job.Waiting, job.Handle, engines.PawlWorkers)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(d)
}

// pawlURL is where Pawl finds the store that a server made.
func pawlURL(store, at string) string {
	if store == engines.SQLite {
		return "sqlite:" + at
	}
	return at
}

func orDefault(file, otherwise string) string {
	if file == "" {
		return otherwise
	}
	return file
}

func checkStore(store string) error {
	switch store {
	case engines.SQLite, engines.Postgres, engines.Redis:
		return nil
	}
	return fmt.Errorf("-store is %q; want sqlite, postgres or redis", store)
}
