// Chain does the sum that articles on agents begin with: 1,000 requests of five
// calls each, of which every one continues the one before, and one call in a hundred
// fails in a way that an agent sees: an error of the server, a connection that drops
// after the answer was made and billed, an answer that takes too long. It does the
// sum by plain calls, by a queue in memory as such articles have it, and by Pawl, with
// processes that are killed in the middle, and reads the result off the provider's
// bill.
//
//	go run ./internal/bench/chain
//
// The provider is simulated, and is on the loopback interface. It fails the n-th call
// of a prompt in the same way however the calls are made.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pawlhq/pawl"
)

// setting is what all ways are given.
type setting struct {
	Requests int
	Steps    int     // calls of a request
	Failures float64 // the share of calls that fail
	Callers  int     // requests that are worked on at a time
	Seed     uint64
}

func main() {
	var s setting
	var c child
	flag.IntVar(&s.Requests, "requests", 1000, "requests to work on")
	flag.IntVar(&s.Steps, "steps", 5, "calls of a request")
	flag.Float64Var(&s.Failures, "failures", 0.01, "the share of calls that fail")
	flag.IntVar(&s.Callers, "callers", 64, "requests that are worked on at a time")
	flag.Uint64Var(&s.Seed, "seed", 1, "of what fails")
	flag.StringVar(&c.way, "child", "", "how this program starts itself: memory or pawl")
	flag.StringVar(&c.provider, "provider", "", "where the child's provider is")
	flag.StringVar(&c.store, "store", "", "where the child's store is")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	do := s.all
	if c.way != "" {
		do = func(ctx context.Context) error { return c.run(ctx, s) }
	}
	if err := do(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "chain:", err)
		os.Exit(1)
	}
}

// A way is one way to work on the requests. It returns those that were done.
type way struct {
	name string
	run  func(context.Context, setting, *provider) (*result, error)
}

// result is what the one who works says.
type result struct {
	done   map[int]bool
	record *record // nil where there is none
}

// record is what Pawl's ledger has.
type record struct {
	answered, failed, unknown pawl.Sum
	possibly                  map[point]int // calls that are unknown
}

var ways = []way{
	{"plain calls: a request whose call fails is given up", plain(1)},
	{"plain calls: the request is started over", plain(plainTries)},
	{"a queue in memory", memory(neverKilled)},
	{"a queue in memory, killed in the middle", memory(killed)},
	{"the same, and what was lost is added again", memory(killedAndAdded)},
	{"Pawl on SQLite, killed in the middle", pawlKilled},
}

// all works on the requests in each way and prints a table.
func (s setting) all(ctx context.Context) error {
	if s.Requests < 1 || s.Steps < 1 || s.Callers < 1 || s.Failures < 0 || s.Failures > 1 {
		return fmt.Errorf("-requests, -steps and -callers must be 1 or more, and -failures from 0 to 1")
	}
	fmt.Printf("%d requests of %d calls, %.2g %% of which fail; seed %d\n\n", s.Requests, s.Steps, 100*s.Failures, s.Seed)
	fmt.Println(tableHead)
	for _, w := range ways {
		began := time.Now()
		row, r, err := s.measure(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		fmt.Println(row)
		if r.record != nil {
			defer fmt.Printf("\n%s\n", r.record.line())
		}
		fmt.Fprintf(os.Stderr, "%s: %v\n", w.name, time.Since(began).Round(time.Second))
	}
	return nil
}

func (s setting) measure(ctx context.Context, w way) (row string, r *result, err error) {
	p, err := startProvider(s)
	if err != nil {
		return "", nil, err
	}
	r, err = w.run(ctx, s, p)
	if err := errors.Join(err, p.stop()); err != nil {
		return "", nil, err
	}
	b := p.bill(r)
	return b.row(w.name, s), r, b.check(r)
}
