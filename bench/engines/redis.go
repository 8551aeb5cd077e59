package engines

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// redisStore is what the engines on Redis share.
type redisStore struct {
	redis *redis.Client
	left  func(redis.Pipeliner) []*redis.IntCmd // counts the tasks whose completion is not stored
}

func openRedis(url string, left func(redis.Pipeliner) []*redis.IntCmd) (redisStore, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return redisStore{}, err
	}
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redisStore{redis.NewClient(options), left}, nil
}

func (s redisStore) Left(ctx context.Context) (int, error) {
	var counts []*redis.IntCmd
	_, err := s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		counts = s.left(p)
		return nil
	})
	if err != nil {
		return 0, err
	}
	var n int64
	for _, c := range counts {
		n += c.Val()
	}
	return int(n), nil
}

// Settings fails unless what was acknowledged is on the disk a second later.
func (s redisStore) Settings(ctx context.Context) (map[string]string, error) {
	settings := make(map[string]string)
	for _, name := range []string{"appendonly", "appendfsync", "maxmemory-policy"} {
		values, err := s.redis.ConfigGet(ctx, name).Result()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		settings[name] = values[name]
	}
	info, err := s.redis.Info(ctx, "server").Result()
	if err != nil {
		return nil, fmt.Errorf("read the server's version: %w", err)
	}
	_, after, _ := strings.Cut(info, "redis_version:")
	settings["version"], _, _ = strings.Cut(after, "\r\n")
	return settings, want(settings, map[string]string{"appendonly": "yes", "maxmemory-policy": "noeviction"})
}

func (s redisStore) Close() error { return s.redis.Close() }
