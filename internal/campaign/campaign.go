package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/campaign/worker"
	"github.com/pawlhq/pawl/llmsim"
	"github.com/pawlhq/pawl/stores"
)

// places is how many handlers a worker runs at once: more than there is to do, so
// that a task that may run again does not wait for others.
const places = 48

// A campaign is a plan that is being carried out.
type campaign struct {
	plan
	sim      llmsim.Config                            // the provider
	about    func(*llmsim.Call) (number int, ok bool) // what its calls are about
	dir      string
	place    *place
	provider *provider
	store    pawl.Store
	client   *pawl.Client
	log      *os.File
	say      func(what string) // into the log
	closers  []func() error
	job      worker.Job // of each worker, but for where all is
	evidence *evidence  // once it is over

	serverEnded bool // by itself, for lack of room
}

// run carries the plan out. It returns an error if the promise was broken.
func (p plan) run(ctx context.Context) (r *report, err error) {
	c := &campaign{plan: p, sim: badDay(p.Seed), about: documentOf, job: worker.Job{Places: places}}
	err = c.within(ctx, func() error {
		r, err = c.carryOut(ctx)
		return err
	})
	return r, err
}

// within opens what a campaign needs, does something, and closes it.
func (c *campaign) within(ctx context.Context, do func() error) (err error) {
	if c.dir, err = os.MkdirTemp("", "pawl-campaign-"); err != nil {
		return err
	}
	progress("%s, seed %d, files in %s", c.Store, c.Seed, c.dir)
	defer func() { err = c.end(err) }()
	if err := c.open(ctx); err != nil {
		return err
	}
	return do()
}

// open starts all but the workers.
func (c *campaign) open(ctx context.Context) (err error) {
	if err := os.Chmod(c.dir, 0o755); err != nil { // servers may have a user of their own
		return err
	}
	home := c.dir
	if c.Disk.Room > 0 {
		home = filepath.Join(c.dir, diskDir)
		unmount, err := mount(home, c.Disk.Room)
		if err != nil {
			return err
		}
		c.closers = append(c.closers, unmount)
	}
	if c.place, err = c.plan.open(ctx, home); err != nil {
		return err
	}
	c.closers = append(c.closers, c.place.close)
	if c.ServerKills > 0 && c.place.crash == nil {
		return fmt.Errorf("-server-kills is %d, and %s has no server that is started here", c.ServerKills, c.Store)
	}
	if c.log, err = os.Create(filepath.Join(c.dir, "parent.log")); err != nil {
		return err
	}
	c.closers = append(c.closers, c.log.Close)
	if c.provider, err = startProvider(c.sim, c.about); err != nil {
		return err
	}
	c.closers = append(c.closers, c.provider.stop)
	if c.store, err = stores.Open(ctx, c.place.url); err != nil {
		return err
	}
	c.closers = append(c.closers, c.store.Close)
	logger := slog.New(slog.NewTextHandler(c.log, nil))
	c.say = func(what string) { logger.Info(what) }
	c.client = pawl.New(c.store, pawl.Config{Logger: logger})
	return c.empty(ctx)
}

// empty returns an error if the store holds tasks, which are not the campaign's.
func (c *campaign) empty(ctx context.Context) error {
	rows, err := c.client.List(ctx, pawl.Filter{Max: 1})
	if err == nil && len(rows) > 0 {
		err = fmt.Errorf("%s holds tasks already; want an empty one", stores.Redact(c.place.url))
	}
	return err
}

// end closes what was opened. After a failure the files are kept, those of a
// server too.
func (c *campaign) end(err error) error {
	keep := err != nil || c.Keep
	if keep && c.place != nil {
		err = errors.Join(err, c.place.stop(), c.keepServers())
	}
	for i := len(c.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, c.closers[i]())
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w\nthe files are kept in %s", err, c.dir)
	case c.Keep:
		progress("the files are kept in %s", c.dir)
		return nil
	}
	return os.RemoveAll(c.dir)
}

// keepServers copies the files of servers, which go with these, and what is on
// the small disk.
func (c *campaign) keepServers() error {
	kept := filepath.Join(c.dir, "kept")
	dirs, err := filepath.Glob(filepath.Join(c.dir, "pawl-services-*"))
	if c.Disk.Room > 0 {
		dirs = append(dirs, filepath.Join(c.dir, diskDir))
	}
	for _, dir := range dirs {
		err = errors.Join(err, os.CopyFS(filepath.Join(kept, filepath.Base(dir)), os.DirFS(dir)))
	}
	return err
}

// carryOut adds, works and kills, waits for all to end, and looks at what is
// left. Whatever happens, no worker is left when it returns.
func (c *campaign) carryOut(ctx context.Context) (r *report, err error) {
	began := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := watchEndings(ctx, c.client)
	defer ended.stop()
	job := c.job
	job.URL, job.Provider, job.Lease = c.place.url, c.provider.url, c.Lease
	crew := newCrew(c.dir, job)
	defer func() { err = errors.Join(err, crew.dismiss(time.Minute)) }()
	for range c.Workers {
		if err := crew.hire(); err != nil {
			return nil, err
		}
	}
	if err := crew.settled(ctx); err != nil {
		return nil, err
	}
	adds := &adding{client: c.client, acked: map[int][]promise{}}
	trouble := func() error { return c.havoc(ctx, crew) }
	if c.Disk.Room > 0 {
		trouble = func() error { return c.flood(ctx, crew, adds) }
	}
	if err := c.during(ctx, adds, trouble); err != nil {
		return nil, err
	}
	if err := c.finished(ctx, crew); err != nil {
		return nil, err
	}
	if err := crew.dismiss(time.Minute); err != nil {
		return nil, err
	}
	if c.Disk.Room > 0 {
		if err := c.whole(ctx); err != nil {
			return nil, err
		}
	}
	e, err := c.gather(ctx, adds, ended, crew)
	if err != nil {
		return nil, err
	}
	c.evidence = e
	r = e.report(c.plan, time.Since(began))
	r.serverEnded, r.lastError = c.serverEnded, adds.last
	return r, r.verdict()
}

// during has users add while do runs.
func (c *campaign) during(ctx context.Context, adds *adding, do func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	open, stop := context.WithCancel(ctx)
	defer stop()
	added := make(chan error, 1)
	go func() { added <- adds.run(ctx, open, c.plan) }()
	err := do()
	stop()
	if err != nil {
		cancel()
	}
	late := time.AfterFunc(c.Patience, cancel)
	defer late.Stop()
	if e := <-added; err == nil && e != nil {
		err = fmt.Errorf("documents could not be added within %v after the last kill: %w", c.Patience, errors.Join(e, adds.lastError()))
	}
	return err
}

// havoc kills workers and servers at random times in random order.
func (c *campaign) havoc(ctx context.Context, crew *crew) error {
	r := c.random(killStream)
	kills := make([]bool, c.Kills+c.ServerKills) // whether the server is killed
	for i := range c.ServerKills {
		kills[i] = true
	}
	r.Shuffle(len(kills), func(i, j int) { kills[i], kills[j] = kills[j], kills[i] })
	for i, server := range kills {
		pause(ctx, spread(r, c.Every))
		select {
		case err := <-crew.lost:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		default:
		}
		if err := c.kill(ctx, crew, server, r); err != nil {
			return err
		}
		progress("kill %d of %d done", i+1, len(kills))
	}
	pause(ctx, c.Every)
	return crew.settled(ctx)
}

func (c *campaign) kill(ctx context.Context, crew *crew, server bool, r *rand.Rand) error {
	if !server {
		c.say("kill a worker")
		return crew.kill(r)
	}
	// A worker that has not begun may rightly give up when there is no server.
	if err := crew.settled(ctx); err != nil {
		return err
	}
	c.say("kill the server")
	defer c.say("the server is back")
	return c.place.crash(ctx, time.Duration(r.IntN(2000))*time.Millisecond)
}

// finished returns when every task has ended.
func (c *campaign) finished(ctx context.Context, crew *crew) error {
	left := pawl.Filter{States: []pawl.State{pawl.Blocked, pawl.Scheduled, pawl.Pending, pawl.Running}}
	for patience := time.Now().Add(c.Patience); ; pause(ctx, 200*time.Millisecond) {
		rows, err := c.client.List(ctx, left)
		if err == nil && len(rows) == 0 {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("%d tasks have not ended; the first is %s, %s on %q since %v", len(rows), rows[0].ID, rows[0].State, rows[0].Worker, rows[0].Started)
		}
		select {
		case lost := <-crew.lost:
			return lost
		default:
		}
		if ctx.Err() != nil || time.Now().After(patience) {
			return fmt.Errorf("%v after the last kill: %w", c.Patience, err)
		}
	}
}
