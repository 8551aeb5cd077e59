package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"
)

// A plan is what a campaign is asked to do.
type plan struct {
	Store       string        // a kind of store, or a URL
	Workers     int           // worker processes that are alive at a time
	Kills       int           // workers that are killed
	ServerKills int           // times that the server is killed, or a master of the cluster
	Every       time.Duration // the mean time between kills
	Rate        float64       // documents that are added a second
	Lease       time.Duration // of the workers
	Slack       time.Duration // how much later than its lease a dead worker's task may run again
	Sync        string        // when Redis syncs: always, everysec or no
	Patience    time.Duration // the longest that all tasks may take to end after the last kill
	Seed        uint64        // of all that is random here; 0 for a new one
	Keep        bool          // whether the files of a run that went well are kept too
	Disk        disk          // that fills up, if it has any room
	Audit       bool          // whether the ledger is compared with the provider's
}

// defaultPlan is the plan of a full campaign.
var defaultPlan = plan{
	Workers: 3, Kills: 25, Every: 4 * time.Second, Rate: 20,
	Lease: 10 * time.Second, Slack: 2 * time.Second, Sync: "always", Patience: 3 * time.Minute,
}

// kills is the command that kills.
func kills(ctx context.Context, args []string, out io.Writer) error {
	p := defaultPlan
	flags := p.flags("campaign")
	flags.IntVar(&p.Kills, "kills", p.Kills, "workers to kill")
	flags.IntVar(&p.ServerKills, "server-kills", p.ServerKills, "times to kill the server; of a cluster, the store's master")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return p.command(ctx, out)
}

// full is the command that fills the disk.
func full(ctx context.Context, args []string, out io.Writer) error {
	p := defaultPlan
	p.Kills, p.Sync, p.Disk = 0, "everysec", defaultDisk
	flags := p.flags("campaign full")
	flags.IntVar(&p.Disk.Room, "room", p.Disk.Room, "MiB that the disk has; 0 for what suits the store")
	flags.DurationVar(&p.Disk.Full, "full", p.Disk.Full, "how long it is full")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if p.Disk.Room == 0 {
		p.Disk.Room = rooms[p.Store]
	}
	return p.command(ctx, out)
}

// flags returns the flags that both commands have.
func (p *plan) flags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.StringVar(&p.Store, "store", p.Store, "sqlite, sqlite:PATH, postgres, redis, cluster, or a URL")
	flags.IntVar(&p.Workers, "workers", p.Workers, "worker processes that are alive at a time")
	flags.DurationVar(&p.Every, "every", p.Every, "mean time between kills")
	flags.Float64Var(&p.Rate, "rate", p.Rate, "documents to add a second; each is a flow of two tasks")
	flags.DurationVar(&p.Lease, "lease", p.Lease, "of the workers")
	flags.DurationVar(&p.Slack, "slack", p.Slack, "how much later than its lease a dead worker's task may run again")
	flags.StringVar(&p.Sync, "appendfsync", p.Sync, "of a private Redis: always, everysec or no. What a server that is killed may lose by its settings is only counted")
	flags.DurationVar(&p.Patience, "patience", p.Patience, "how long the tasks may take to end after the last kill")
	flags.Uint64Var(&p.Seed, "seed", p.Seed, "of all that is random; 0 for a new one")
	flags.BoolVar(&p.Keep, "keep", p.Keep, "keep the files of a run that went well too")
	return flags
}

// command carries the plan out and writes its report.
func (p *plan) command(ctx context.Context, out io.Writer) error {
	if p.Seed == 0 {
		p.Seed = rand.Uint64()
	}
	if err := p.check(); err != nil {
		return err
	}
	r, err := p.carryOut(ctx)
	if r != nil {
		err = errors.Join(err, r.markdown(out))
	}
	if err != nil {
		return fmt.Errorf("%w\nrepeat: %s", err, p.repeat())
	}
	return nil
}

// carryOut carries the plan out. The report is nil if there is nothing to tell.
func (p plan) carryOut(ctx context.Context) (interface{ markdown(io.Writer) error }, error) {
	if p.Audit {
		if r, err := p.audit(ctx); r != nil {
			return r, err
		} else {
			return nil, err
		}
	}
	r, err := p.run(ctx)
	if r == nil {
		return nil, err
	}
	return r, err
}

func (p plan) check() error {
	switch {
	case p.Workers < 1 || p.Rate <= 0 || p.Every <= 0 || p.Lease < time.Second || p.Patience <= 0:
		return errors.New("-workers, -rate, -every and -patience must be more than 0, and -lease 1s or more")
	case p.Disk.Room < 0 || p.Disk.Full < 0:
		return errors.New("-room and -full must be 0 or more")
	case p.Disk.Full > 0 && p.Disk.Room == 0:
		return fmt.Errorf("-store is %q; want sqlite, postgres, redis or cluster, which can be put on a small disk", p.Store)
	case p.Kills < 0 || p.ServerKills < 0:
		return errors.New("-kills and -server-kills must be 0 or more")
	case p.Sync != "always" && p.Sync != "everysec" && p.Sync != "no":
		return fmt.Errorf("-appendfsync is %q; want always, everysec or no", p.Sync)
	}
	return nil
}

// lossy reports whether the store may lose the last moment's writes when its
// server is killed: by its settings, or because a replica takes over, to which
// what was acknowledged is copied a moment later.
func (p plan) lossy() bool {
	return p.ServerKills > 0 && (p.Store == "cluster" || p.Store == "redis" && p.Sync != "always")
}

// repeat is the command line of the same campaign.
func (p plan) repeat() string {
	var b strings.Builder
	d := defaultPlan
	b.WriteString("go run ./internal/campaign ")
	if p.Audit {
		fmt.Fprintf(&b, "ledger -kills %d ", p.Kills)
		d = defaultAudit
	} else if p.Disk.Room > 0 {
		fmt.Fprintf(&b, "full -room %d -full %v ", p.Disk.Room, p.Disk.Full)
		d.Sync = "everysec"
	} else {
		fmt.Fprintf(&b, "-kills %d -server-kills %d ", p.Kills, p.ServerKills)
	}
	fmt.Fprintf(&b, "-store %s -seed %d", p.Store, p.Seed)
	for _, f := range []struct {
		name      string
		is, usual any
	}{
		{"workers", p.Workers, d.Workers}, {"every", p.Every, d.Every}, {"rate", p.Rate, d.Rate},
		{"lease", p.Lease, d.Lease}, {"slack", p.Slack, d.Slack},
		{"appendfsync", p.Sync, d.Sync}, {"patience", p.Patience, d.Patience},
	} {
		if f.is != f.usual {
			fmt.Fprintf(&b, " -%s %v", f.name, f.is)
		}
	}
	return b.String()
}

// random returns the source of one thing that is random: each has its own, so
// that none depends on how the others are timed.
func (p plan) random(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(p.Seed, stream)) }

// The streams of random. Each document has one of its own, from documentStream.
const (
	killStream     = 1
	paceStream     = 2
	documentStream = 1 << 32
)

// spread returns a random time with this mean, neither tiny nor endless.
func spread(r *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(min(0.1+0.9*r.ExpFloat64(), 4) * float64(mean))
}
