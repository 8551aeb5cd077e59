package services

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

const (
	clusterMasters = 3
	clusterNodes   = 6
	clusterSlots   = 16384
)

// A Cluster is a Redis Cluster of six nodes of our own: three masters that
// share the slots, each with a replica. A master that is gone for two seconds
// is replaced by its replica.
type Cluster struct {
	nodes    []*Server
	warden   *warden
	password string
}

// StartCluster starts a new cluster whose nodes are as [StartRedis] makes them.
// ctx limits the start only. The options NoSync and TLS have no effect.
func StartCluster(ctx context.Context, o Options) (*Cluster, error) {
	bin, err := redisProgram.find(ctx, o.Bin)
	if err != nil {
		return nil, err
	}
	w, err := newWarden(o.Dir)
	if err != nil {
		return nil, err
	}
	o.TLS = false
	o.Settings = settings{
		"cluster-enabled":          "yes",
		"cluster-node-timeout":     "2000",
		"repl-diskless-sync-delay": "0",
		"repl-ping-replica-period": "1", // an idle replica counts for one once it has heard something
		"databases":                "1",
	}.with(o.Settings)
	c := &Cluster{warden: w, password: rand.Text()}
	for i := range clusterNodes {
		var s *Server
		if s, err = w.redis(bin, o, fmt.Sprintf("node%d", i+1), c.password); err != nil {
			break
		}
		c.nodes = append(c.nodes, s)
		if err = s.open(ctx); err != nil {
			break
		}
	}
	if err == nil {
		err = c.form(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// URL returns where the cluster is, with all its addresses:
// redis://:password@host:port,host:port,…
func (c *Cluster) URL() string {
	var addrs []string
	for _, s := range c.nodes {
		addrs = append(addrs, s.Addr())
	}
	return "redis://:" + c.password + "@" + strings.Join(addrs, ",")
}

// Nodes returns the servers, which can be killed, stopped and started one by one.
func (c *Cluster) Nodes() []*Server { return c.nodes }

// Close ends all nodes at once and removes their data.
func (c *Cluster) Close() error {
	err := c.warden.close()
	for _, s := range c.nodes {
		err = errors.Join(err, s.Close())
	}
	return err
}
