package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/pawlhq/pawl/internal/services"
)

// A place is where a campaign's store is. What is about a server is nil or does
// nothing where there is none, or where it is not ours.
type place struct {
	url string

	// crash kills the server and starts it again on the same data, after a while.
	crash func(ctx context.Context, down time.Duration) error
	// revive starts the server if it has ended by itself, and reports whether it had.
	revive func(context.Context) (ended bool, err error)
	stop   func() error // in good order, with its files as they are
	close  func() error
}

// open makes or finds the store that a plan names. What it starts keeps its
// files below dir.
func (p plan) open(ctx context.Context, dir string) (*place, error) {
	o := services.Options{Dir: dir}
	if p.Store != "postgres" {
		o.Settings = map[string]string{"appendfsync": p.Sync}
	}
	switch p.Store {
	case "sqlite":
		return elsewhere("sqlite:" + filepath.Join(dir, "campaign.db")), nil
	case "postgres":
		s, err := services.StartPostgres(ctx, o)
		return server(s, err)
	case "redis":
		s, err := services.StartRedis(ctx, o)
		return server(s, err)
	case "cluster":
		c, err := services.StartCluster(ctx, o)
		return cluster(c, err)
	}
	if !strings.Contains(p.Store, ":") {
		return nil, fmt.Errorf("-store is %q; want sqlite, postgres, redis, cluster, or a URL", p.Store)
	}
	return elsewhere(p.Store), nil
}

// elsewhere is a place without a server of ours.
func elsewhere(url string) *place {
	nothing := func() error { return nil }
	return &place{url: url, stop: nothing, close: nothing, revive: func(context.Context) (bool, error) { return false, nil }}
}

func server(s *services.Server, err error) (*place, error) {
	if err != nil {
		return nil, err
	}
	crash := func(ctx context.Context, down time.Duration) error {
		if err := s.Kill(); err != nil {
			return err
		}
		pause(ctx, down)
		return s.Start(ctx)
	}
	revive := func(ctx context.Context) (bool, error) {
		if s.PID() != 0 {
			return false, nil
		}
		return true, s.Start(ctx)
	}
	return &place{url: s.URL(), crash: crash, revive: revive, stop: s.Stop, close: s.Close}, nil
}

func cluster(c *services.Cluster, err error) (*place, error) {
	if err != nil {
		return nil, err
	}
	each := func(do func(*services.Server) error) error {
		var errs []error
		for _, s := range c.Nodes() {
			errs = append(errs, do(s))
		}
		return errors.Join(errs...)
	}
	revive := func(ctx context.Context) (ended bool, err error) {
		err = each(func(s *services.Server) error {
			if s.PID() != 0 {
				return nil
			}
			ended = true
			return s.Start(ctx)
		})
		return ended, errors.Join(err, c.Wait(ctx))
	}
	stop := func() error { return each((*services.Server).Stop) }
	return &place{url: c.URL() + "?prefix=" + clusterPrefix, crash: failover(c), revive: revive, stop: stop, close: c.Close}, nil
}

// All keys of a store in a cluster are in one slot, that of its prefix.
const (
	clusterPrefix = "foo"
	clusterSlot   = 12182
)

// failover kills the store's master. Its replica takes over, and the old master
// comes back as a replica.
func failover(c *services.Cluster) func(context.Context, time.Duration) error {
	return func(ctx context.Context, down time.Duration) error {
		master, err := c.Master(ctx, clusterSlot)
		if err != nil {
			return err
		}
		if err := master.Kill(); err != nil {
			return err
		}
		if err := c.Wait(ctx); err != nil {
			return err
		}
		now, err := c.Master(ctx, clusterSlot)
		if err == nil && now == master {
			err = errors.New("the killed master is still the master")
		}
		if err != nil {
			return err
		}
		pause(ctx, down)
		return errors.Join(master.Start(ctx), c.Wait(ctx))
	}
}
