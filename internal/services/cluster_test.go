package services_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl/internal/services"
)

func clusterClient(t *testing.T, url string) *redis.ClusterClient {
	t.Helper()
	password, addrs, ok := strings.Cut(strings.TrimPrefix(url, "redis://:"), "@")
	if !ok {
		t.Fatalf("URL = %s; want redis://:password@host:port,host:port", url)
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: strings.Split(addrs, ","), Password: password, MaintNotificationsConfig: quiet,
	})
	t.Cleanup(func() { c.Close() })
	return c
}

// All that a store's tests do to a cluster: a master is killed, its replica
// takes over, it comes back as a replica, and a slot moves with its keys.
func TestClusterFailsOverAndMovesSlots(t *testing.T) {
	ctx := within(t)
	c, err := services.StartCluster(ctx, services.Options{})
	must(t, err)
	closed(t, c)
	if n := len(c.Nodes()); n != 6 {
		t.Fatalf("%d nodes; want 6", n)
	}
	client := clusterClient(t, c.URL())
	if got := served(t, ctx, client); got != 16384 {
		t.Errorf("%d slots have a master and a replica; want 16384", got)
	}
	const slot = 12182 // that of the tag foo
	var keys []string
	for i := range 250 {
		keys = append(keys, fmt.Sprintf("{foo}%d", i))
		must(t, client.Set(ctx, keys[i], i, 0).Err())
	}

	old, err := c.Master(ctx, slot)
	must(t, err)
	master := redisClient(t, old.URL())
	eventually(t, func() string {
		p := master.Pipeline()
		p.Set(ctx, "{foo}written", 1, 0)
		replicas := p.Do(ctx, "wait", 1, 1000) // for what this connection has written, and so for all before
		_, err := p.Exec(ctx)
		must(t, err)
		if n, err := replicas.Int(); err != nil || n == 0 {
			return fmt.Sprintf("%d replicas have what was written, %v; want one", n, err)
		}
		return ""
	})
	must(t, old.Kill())
	must(t, c.Wait(ctx))
	now, err := c.Master(ctx, slot)
	must(t, err)
	if now == old || now.PID() == 0 {
		t.Errorf("the master after the kill of %s is %s", old.Addr(), now.Addr())
	}
	must(t, old.Start(ctx))
	must(t, c.Wait(ctx))
	if again, err := c.Master(ctx, slot); err != nil || again != now {
		t.Errorf("the master is %v, %v after the old one came back; want it to stay", again, err)
	}

	other, err := c.Master(ctx, 0)
	must(t, err)
	must(t, c.Move(ctx, slot, other))
	must(t, c.Wait(ctx))
	if at, err := c.Master(ctx, slot); err != nil || at != other {
		t.Errorf("slot %d is at %v, %v; want %s", slot, at, err, other.Addr())
	}
	if got := served(t, ctx, client); got != 16384 {
		t.Errorf("%d slots have a master and a replica; want 16384", got)
	}
	for i, key := range keys {
		if got, err := client.Get(ctx, key).Int(); err != nil || got != i {
			t.Fatalf("Get %s = %d, %v; want %d", key, got, err, i)
		}
	}
}

// served counts the slots that have a master and a replica.
func served(t *testing.T, ctx context.Context, client *redis.ClusterClient) (n int64) {
	t.Helper()
	shards, err := client.ClusterShards(ctx).Result()
	must(t, err)
	for _, shard := range shards {
		roles := map[string]int{}
		for _, node := range shard.Nodes {
			if node.Health == "online" {
				roles[node.Role]++
			}
		}
		for _, r := range shard.Slots {
			if roles["master"] == 1 && roles["replica"] == 1 {
				n += r.End - r.Start + 1
			}
		}
	}
	return n
}
