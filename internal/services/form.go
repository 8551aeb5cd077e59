package services

import (
	"context"
	"fmt"
	"net"
	"time"
)

// form makes one cluster of the nodes, as redis-cli --cluster create does: the
// masters get their slots, all meet, and each replica gets its master.
func (c *Cluster) form(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("no cluster within %v", startLimit))
	defer cancel()
	for i, s := range c.nodes {
		if err := c.introduce(ctx, i); err != nil {
			return fmt.Errorf("introduce %s to the cluster: %w", s.Addr(), err)
		}
	}
	for i, s := range c.nodes[clusterMasters:] {
		if err := c.nodes[i].adopt(ctx, s); err != nil {
			return fmt.Errorf("make %s a replica of %s: %w", s.Addr(), c.nodes[i].Addr(), err)
		}
	}
	return c.Wait(ctx)
}

// introduce gives node i an epoch of its own and, if it is to be a master, its
// share of the slots, and lets it meet the first node.
func (c *Cluster) introduce(ctx context.Context, i int) error {
	client := c.nodes[i].redis()
	defer client.Close()
	if err := client.Do(ctx, "cluster", "set-config-epoch", i+1).Err(); err != nil {
		return err
	}
	if i < clusterMasters {
		first, end := i*clusterSlots/clusterMasters, (i+1)*clusterSlots/clusterMasters
		if err := client.ClusterAddSlotsRange(ctx, first, end-1).Err(); err != nil {
			return err
		}
	}
	host, port, err := net.SplitHostPort(c.nodes[0].Addr())
	if err != nil {
		return err
	}
	return client.Do(ctx, "cluster", "meet", host, port, c.nodes[0].bus).Err()
}

// adopt makes another node a replica of s, as soon as it has heard of it.
func (s *Server) adopt(ctx context.Context, replica *Server) error {
	id, err := s.nodeID(ctx)
	if err != nil {
		return err
	}
	client := replica.redis()
	defer client.Close()
	return poll(ctx, func() error { return client.ClusterReplicate(ctx, id).Err() })
}

func (s *Server) nodeID(ctx context.Context) (string, error) {
	client := s.redis()
	defer client.Close()
	return client.Do(ctx, "cluster", "myid").Text()
}

// poll calls f until it succeeds or ctx ends.
func poll(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(pollEvery):
		}
	}
}
