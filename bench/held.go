package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlhq/pawl/bench/engines"
	"github.com/pawlhq/pawl/bench/table"
	"github.com/pawlhq/pawl/bench/trial"
)

// A holding is what the command held was asked for.
type holding struct {
	during time.Duration
	rate   int
}

// held puts a steady load on engines in PostgreSQL, once on their own, and once
// while a transaction elsewhere in the database keeps its snapshot: no dead row
// can be removed then.
func held(ctx context.Context, args []string, out io.Writer) (err error) {
	var h holding
	flags := flag.NewFlagSet("bench held", flag.ContinueOnError)
	at := flags.String("url", "", "a server that may be emptied; default a private one")
	flags.DurationVar(&h.during, "for", 10*time.Minute, "how long the transaction is held")
	flags.IntVar(&h.rate, "rate", 500, "tasks a second that are added meanwhile")
	names := flags.String("engines", "^Pawl$", "engines whose name matches this regular expression; those in Go only")
	file := flags.String("json", "results/held.json", "file for every figure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	only, err := regexp.Compile(*names)
	if err != nil {
		return fmt.Errorf("-engines: %w", err)
	}
	if h.rate < 1 || h.during < time.Second {
		return errors.New("-rate must be more than 0, and -for a second or more")
	}
	server, err := startPostgres(ctx, *at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	results := table.NewHeld(h.during)
	for _, e := range engines.All {
		if e.Store != engines.Postgres || e.Open == nil || e.Floor || !only.MatchString(e.Name) {
			continue
		}
		for _, hold := range []bool{false, true} {
			p, dead, err := h.measure(ctx, server, e, hold)
			if err != nil {
				return err
			}
			results.Add(e.Name, hold, dead, p)
			progress("%s, held %t: %.0f tasks/s, p99 %.1f ms, then a drain of %.0f tasks/s", e.Name, hold, p.Done, p.P99, p.Drain)
		}
	}
	if len(results.Rows) == 0 {
		return fmt.Errorf("-engines %q matches none of those in Go on PostgreSQL", *names)
	}
	if err := table.Save(*file, results); err != nil {
		return err
	}
	return results.Markdown(out)
}

// measure returns what became of the steady load, and how many dead rows the
// database had at its end.
func (h holding) measure(ctx context.Context, server *postgresServer, e engines.Engine, hold bool) (p trial.Paced, dead int, err error) {
	url, err := server.Fresh(ctx)
	if err != nil {
		return p, 0, err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return p, 0, fmt.Errorf("connect beside %s: %w", e.Name, err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	release := func() error { return nil }
	if hold {
		if release, err = holdSnapshot(ctx, url); err != nil {
			return p, 0, err
		}
	}
	progress("%s, held %t: %d tasks a second for %v", e.Name, hold, h.rate, h.during)
	r, err := runTrial(ctx, e, trial.Job{Engine: e.Name, Store: e.Store, URL: url, Rate: h.rate, Seconds: h.during.Seconds()})
	if err == nil {
		dead, err = deadRows(ctx, conn)
	}
	if err = errors.Join(err, release()); err != nil {
		return p, 0, err
	}
	return *r.Paced, dead, nil
}

// holdSnapshot begins a transaction that keeps its snapshot until it is released,
// which fails if the server has cut it off before.
func holdSnapshot(ctx context.Context, url string) (release func() error, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect for the transaction that is held: %w", err)
	}
	for _, statement := range []string{"BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT txid_current()"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return nil, errors.Join(fmt.Errorf("hold a transaction: %s: %w", statement, err), conn.Close(ctx))
		}
	}
	return func() error {
		ctx := context.WithoutCancel(ctx)
		_, err := conn.Exec(ctx, "COMMIT")
		if err != nil {
			err = fmt.Errorf("the transaction was not held to the end: %w", err)
		}
		return errors.Join(err, conn.Close(ctx))
	}, nil
}

func deadRows(ctx context.Context, conn *pgx.Conn) (int, error) {
	var dead int
	err := conn.QueryRow(ctx, "SELECT coalesce(sum(n_dead_tup), 0)::int FROM pg_stat_user_tables").Scan(&dead)
	if err != nil {
		return 0, fmt.Errorf("count dead rows: %w", err)
	}
	return dead, nil
}
