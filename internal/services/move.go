package services

import (
	"context"
	"fmt"
	"net"

	"github.com/redis/go-redis/v9"
)

// Move moves a slot with its keys to another master, as redis-cli --cluster
// reshard does. Clients meet MOVED and ASK answers meanwhile.
func (c *Cluster) Move(ctx context.Context, slot int, to *Server) error {
	from, err := c.Master(ctx, slot)
	if err != nil {
		return fmt.Errorf("move slot %d: %w", slot, err)
	}
	if from == to {
		return nil
	}
	if err := c.move(ctx, slot, from, to); err != nil {
		return fmt.Errorf("move slot %d from %s to %s: %w", slot, from.Addr(), to.Addr(), err)
	}
	return nil
}

func (c *Cluster) move(ctx context.Context, slot int, from, to *Server) error {
	fromID, err := from.nodeID(ctx)
	if err != nil {
		return err
	}
	toID, err := to.nodeID(ctx)
	if err != nil {
		return err
	}
	source, target := from.redis(), to.redis()
	defer source.Close()
	defer target.Close()
	if err := target.Do(ctx, "cluster", "setslot", slot, "importing", fromID).Err(); err != nil {
		return err
	}
	if err := source.Do(ctx, "cluster", "setslot", slot, "migrating", toID).Err(); err != nil {
		return err
	}
	if err := c.migrate(ctx, source, slot, to); err != nil {
		return err
	}
	// The target first: were the source first, and the target to die now, the
	// slot would have no master.
	for _, client := range []*redis.Client{target, source} {
		if err := client.Do(ctx, "cluster", "setslot", slot, "node", toID).Err(); err != nil {
			return err
		}
	}
	return nil
}

// migrate hands over the keys of a slot, a hundred at a time.
func (c *Cluster) migrate(ctx context.Context, source *redis.Client, slot int, to *Server) error {
	host, port, err := net.SplitHostPort(to.Addr())
	if err != nil {
		return err
	}
	for {
		keys, err := source.ClusterGetKeysInSlot(ctx, slot, 100).Result()
		if err != nil || len(keys) == 0 {
			return err
		}
		args := []any{"migrate", host, port, "", 0, stopLimit.Milliseconds(), "auth", c.password, "keys"}
		for _, key := range keys {
			args = append(args, key)
		}
		if err := source.Do(ctx, args...).Err(); err != nil {
			return err
		}
	}
}
