package services

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// redisDatabases is how many databases a Redis of ours has, and so how many
// tests can use it at the same time.
const redisDatabases = 512

// Redis returns the URL of an empty database. It is emptied when t has ended.
// Channels of PUBLISH are shared by all databases of a server.
func Redis(t testing.TB) string {
	t.Helper()
	server := variable(t, varRedis, (*All).redis)
	return fmt.Sprintf("%s/%d", server, newRedisDatabase(t, server))
}

// RedisTLS is [Redis] with TLS, and the PEM file of the certificate to trust.
func RedisTLS(t testing.TB) (url, caFile string) {
	t.Helper()
	number := newRedisDatabase(t, variable(t, varRedis, (*All).redis))
	return fmt.Sprintf("%s/%d", variable(t, varRedisTLS, (*All).redis), number), variable(t, varRedisCA, (*All).redis)
}

// RedisCluster returns the URL of a cluster, redis://:password@host:port,host:port,…
// and a prefix for the keys. When t has ended, the keys that hold the prefix
// are deleted. Tests share the cluster and must not kill its nodes.
func RedisCluster(t testing.TB) (url, prefix string) {
	t.Helper()
	url, prefix = variable(t, varCluster, (*All).cluster), unique()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), placeLimit)
		defer cancel()
		if err := deleteKeys(ctx, url, prefix); err != nil {
			t.Errorf("services: delete the keys of %s: %v", prefix, err)
		}
	})
	return url, prefix
}

// newRedisDatabase reserves a database: its number is a key in database 0, which
// no test gets.
func newRedisDatabase(t testing.TB, server string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), placeLimit)
	defer cancel()
	registry := redisClient(server)
	defer registry.Close()
	for range redisDatabases {
		turn, err := registry.Incr(ctx, "turn").Result()
		if err != nil {
			t.Fatalf("services: %v", err)
		}
		number := 1 + int(turn%(redisDatabases-1))
		free, err := registry.SetNX(ctx, fmt.Sprint("taken:", number), t.Name(), 0).Result()
		if err != nil {
			t.Fatalf("services: %v", err)
		}
		if free {
			t.Cleanup(func() { releaseRedisDatabase(t, server, number) })
			return number
		}
	}
	t.Fatalf("services: all %d databases of Redis are taken", redisDatabases)
	return 0
}

func releaseRedisDatabase(t testing.TB, server string, number int) {
	ctx, cancel := context.WithTimeout(context.Background(), placeLimit)
	defer cancel()
	registry := redisClient(server)
	defer registry.Close()
	database := redisClient(fmt.Sprintf("%s/%d", server, number))
	defer database.Close()
	err := database.FlushDB(ctx).Err()
	if err == nil {
		err = registry.Del(ctx, fmt.Sprint("taken:", number)).Err()
	}
	if err != nil {
		t.Errorf("services: release database %d of Redis: %v", number, err)
	}
}

// deleteKeys deletes the keys that hold a word from every master of a cluster.
func deleteKeys(ctx context.Context, url, word string) error {
	password, addrs, _ := strings.Cut(strings.TrimPrefix(url, "redis://:"), "@")
	cluster := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: strings.Split(addrs, ","), Password: password, MaintNotificationsConfig: quiet,
	})
	defer cluster.Close()
	return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		var errs []error
		keys := node.Scan(ctx, 0, "*"+word+"*", 1000).Iterator()
		for keys.Next(ctx) {
			errs = append(errs, node.Unlink(ctx, keys.Val()).Err())
		}
		return errors.Join(append(errs, keys.Err())...)
	})
}
