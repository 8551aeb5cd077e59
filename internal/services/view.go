package services

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/redis/go-redis/v9"
)

// Wait returns when the cluster is whole: every node that runs says that every
// slot has the same master, which runs, and knows every replica that runs, and
// these are in step. After a master was killed that takes some seconds, and its
// replica is then the master.
func (c *Cluster) Wait(ctx context.Context) error {
	if err := poll(ctx, func() error { return c.whole(ctx) }); err != nil {
		return fmt.Errorf("wait for the cluster: %w", err)
	}
	return nil
}

// Master returns the node that serves a slot, as the nodes that run agree.
func (c *Cluster) Master(ctx context.Context, slot int) (*Server, error) {
	if slot < 0 || slot >= clusterSlots {
		return nil, fmt.Errorf("slot is %d; want 0 to %d", slot, clusterSlots-1)
	}
	for _, s := range c.nodes {
		if s.PID() == 0 {
			continue
		}
		v, err := s.view(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Addr(), err)
		}
		for _, master := range c.nodes {
			if master.Addr() == v.masters[slot] {
				return master, nil
			}
		}
		return nil, fmt.Errorf("%s: slot %d has no master", s.Addr(), slot)
	}
	return nil, errors.New("no node runs")
}

// A view is what one node says of its cluster.
type view struct {
	masters  [clusterSlots]string // their addresses
	replicas map[string]bool      // the addresses of those in working order
	replica  bool                 // the node itself is one
}

// whole returns what a cluster still lacks to be whole, or nil.
func (c *Cluster) whole(ctx context.Context) error {
	views := map[*Server]*view{}
	runs := map[string]bool{}
	for _, s := range c.nodes {
		if s.PID() == 0 {
			continue
		}
		v, err := s.view(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Addr(), err)
		}
		views[s], runs[s.Addr()] = v, true
	}
	var first *view
	for s, v := range views {
		if first == nil {
			first = v
		}
		for slot, addr := range v.masters {
			if !runs[addr] || addr != first.masters[slot] {
				return fmt.Errorf("%s: slot %d is at %q, which does not run or of which others say %q", s.Addr(), slot, addr, first.masters[slot])
			}
		}
		for other, o := range views {
			if o.replica && !v.replicas[other.Addr()] {
				return fmt.Errorf("%s: the replica %s is not known to work", s.Addr(), other.Addr())
			}
		}
	}
	if first == nil {
		return errors.New("no node runs")
	}
	return nil
}

var (
	stateOK = regexp.MustCompile(`(?m)^cluster_state:ok\r?$`)
	isSlave = regexp.MustCompile(`(?m)^role:slave\r?$`)
	linkUp  = regexp.MustCompile(`(?m)^master_link_status:up\r?$`)
)

// view asks a node. A node that does not serve its part of the cluster is an error.
func (s *Server) view(ctx context.Context) (*view, error) {
	client := s.redis()
	defer client.Close()
	info, err := client.ClusterInfo(ctx).Result()
	if err != nil {
		return nil, err
	}
	if !stateOK.MatchString(info) {
		return nil, errors.New("the cluster's state is not ok")
	}
	if info, err = client.Info(ctx, "replication").Result(); err != nil {
		return nil, err
	}
	v := &view{replica: isSlave.MatchString(info), replicas: map[string]bool{}}
	if v.replica && !linkUp.MatchString(info) {
		return nil, errors.New("it is a replica whose link to its master is down")
	}
	shards, err := client.ClusterShards(ctx).Result()
	if err != nil {
		return nil, err
	}
	for _, shard := range shards {
		v.add(shard)
	}
	return v, nil
}

// add takes what the nodes of a shard are, but for those that have failed.
func (v *view) add(shard redis.ClusterShard) {
	for _, n := range shard.Nodes {
		addr := loopback(int(n.Port))
		switch {
		case n.Health != "online":
		case n.Role == "replica":
			v.replicas[addr] = true
		default:
			for _, r := range shard.Slots {
				for slot := r.Start; slot <= r.End; slot++ {
					v.masters[slot] = addr
				}
			}
		}
	}
}
