package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl/internal/campaign/loop"
)

// A loopPlan is a campaign of agent loops: the process that works on a loop is
// killed and started again, until the loop has finished.
type loopPlan struct {
	plan         // Kills are those that hit a loop, and Workers those at work at a time, on a loop each
	Kind  string // of the loops
	Turns int    // calls that a loop makes
	Each  int    // the most times that a loop is hit
	SDK   string // the program that works on loops of that kind
}

// maxEach is how often a loop may be killed so that all its attempts are kept: a
// task has the last 50.
const maxEach = 45

var defaultLoops = loopPlan{
	plan: plan{
		Store: "sqlite", Workers: 3, Kills: 100, Lease: time.Second, Slack: 2 * time.Second,
		Sync: "always", Patience: 3 * time.Minute,
	},
	Kind: loop.Ask, Turns: 200, Each: 10, SDK: "bin/sdkloop",
}

// loops is the command that kills agent loops.
func loops(ctx context.Context, args []string, out io.Writer) error {
	p := defaultLoops
	flags := flag.NewFlagSet("campaign loops", flag.ContinueOnError)
	flags.StringVar(&p.Store, "store", p.Store, "sqlite, sqlite:PATH, postgres, redis, cluster, or a URL")
	flags.StringVar(&p.Kind, "kind", p.Kind, "how the loops call the model: "+strings.Join(loop.Kinds(), ", "))
	flags.IntVar(&p.Kills, "kills", p.Kills, "times that a loop is killed")
	flags.IntVar(&p.Each, "each", p.Each, "the most times that one loop is killed")
	flags.IntVar(&p.Turns, "turns", p.Turns, "calls that a loop makes")
	flags.IntVar(&p.Workers, "workers", p.Workers, "worker processes that are alive at a time, with a loop each")
	flags.DurationVar(&p.Lease, "lease", p.Lease, "of the workers")
	flags.DurationVar(&p.Slack, "slack", p.Slack, "how much later than its lease a killed loop may run again")
	flags.DurationVar(&p.Patience, "patience", p.Patience, "how long a loop may take after it was killed")
	flags.StringVar(&p.SDK, "sdk", p.SDK, "the program that works on loops of the kind sdk")
	flags.Uint64Var(&p.Seed, "seed", p.Seed, "of all that is random; 0 for a new one")
	flags.BoolVar(&p.Keep, "keep", p.Keep, "keep the files of a run that went well too")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if p.Seed == 0 {
		p.Seed = rand.Uint64()
	}
	if err := p.check(); err != nil {
		return err
	}
	r, err := p.run(ctx)
	if r != nil {
		err = errors.Join(err, r.markdown(out))
	}
	if err != nil {
		return fmt.Errorf("%w\nrepeat: %s", err, p.repeat())
	}
	return nil
}

func (p loopPlan) check() error {
	switch {
	case !slices.Contains(loop.Kinds(), p.Kind):
		return fmt.Errorf("-kind is %q; want one of %q", p.Kind, loop.Kinds())
	case p.Kills < 1 || p.Turns < 1 || p.Workers < 1 || p.Patience <= 0 || p.Lease < time.Second:
		return errors.New("-kills, -turns, -workers and -patience must be more than 0, and -lease 1s or more")
	case p.Each < 1 || p.Each > min(maxEach, p.Turns):
		return fmt.Errorf("-each is %d; want 1 to %d, and no more than -turns", p.Each, maxEach)
	}
	if p.Kind != loop.SDK {
		return nil
	}
	if _, err := os.Stat(p.SDK); err != nil {
		return fmt.Errorf("-sdk: %w; make %s builds it", err, defaultLoops.SDK)
	}
	return nil
}

// repeat is the command line of the same campaign.
func (p loopPlan) repeat() string {
	return fmt.Sprintf("go run ./internal/campaign loops -kind %s -store %s -kills %d -each %d -turns %d -workers %d -lease %v -seed %d",
		p.Kind, p.Store, p.Kills, p.Each, p.Turns, p.Workers, p.Lease, p.Seed)
}

// run carries the plan out. It returns an error if the promise was broken.
func (p loopPlan) run(ctx context.Context) (r *loopReport, err error) {
	k := newKiller(p)
	err = k.within(ctx, func() error {
		r, err = k.carryOut(ctx)
		return err
	})
	return r, err
}
