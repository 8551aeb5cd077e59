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

// A place is where a campaign's store is.
type place struct {
	url string

	// crash kills the server and starts it again on the same data, after a while.
	// It is nil where there is no server, or where it is not ours.
	crash func(ctx context.Context, down time.Duration) error
	close func() error
}

// open makes or finds the store that a plan names. What it starts keeps its
// files below dir.
func (p plan) open(ctx context.Context, dir string) (*place, error) {
	sync := map[string]string{"appendfsync": p.Sync}
	nothing := func() error { return nil }
	switch p.Store {
	case "sqlite":
		return &place{url: "sqlite:" + filepath.Join(dir, "campaign.db"), close: nothing}, nil
	case "postgres":
		s, err := services.StartPostgres(ctx, services.Options{})
		return server(s, err)
	case "redis":
		s, err := services.StartRedis(ctx, services.Options{Settings: sync})
		return server(s, err)
	case "cluster":
		c, err := services.StartCluster(ctx, services.Options{Settings: sync})
		if err != nil {
			return nil, err
		}
		return &place{url: c.URL() + "?prefix=" + clusterPrefix, crash: failover(c), close: c.Close}, nil
	}
	if !strings.Contains(p.Store, ":") {
		return nil, fmt.Errorf("-store is %q; want sqlite, postgres, redis, cluster, or a URL", p.Store)
	}
	return &place{url: p.Store, close: nothing}, nil
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
	return &place{url: s.URL(), crash: crash, close: s.Close}, nil
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
