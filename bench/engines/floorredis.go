package engines

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl/bench/trial"
)

const (
	bareWaiting = "bare:waiting"
	bareTaken   = "bare:taken"
)

type redisFloor struct{ redisStore }

func openRedisFloor(_ context.Context, url string) (trial.Queue, error) {
	s, err := openRedis(url, func(p redis.Pipeliner) []*redis.IntCmd {
		ctx := context.Background() // sent by the pipeline, with the context of its own
		return []*redis.IntCmd{p.LLen(ctx, bareWaiting), p.LLen(ctx, bareTaken)}
	})
	return redisFloor{s}, err
}

func (f redisFloor) Add(ctx context.Context, a trial.Args) error {
	return f.redis.LPush(ctx, bareWaiting, body(a)).Err()
}

func (f redisFloor) AddBulk(ctx context.Context, list []trial.Args) error {
	for batch := range slices.Chunk(list, floorBatch) {
		_, err := f.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, a := range batch {
				p.LPush(ctx, bareWaiting, body(a))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (f redisFloor) Work(ctx context.Context, handle func(trial.Args)) (func() error, error) {
	return workLoops(ctx, 1, func(ctx context.Context) (int, error) { return f.step(ctx, handle) }), nil
}

// step moves tasks to another list, and takes them out of it once they are handled.
func (f redisFloor) step(ctx context.Context, handle func(trial.Args)) (int, error) {
	moves := make([]*redis.StringCmd, floorBatch)
	_, err := f.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range moves {
			moves[i] = p.LMove(ctx, bareWaiting, bareTaken, "RIGHT", "LEFT")
		}
		return nil
	})
	if err != nil && err != redis.Nil { // the list ended within the batch
		return 0, err
	}
	var taken []trial.Args
	for _, move := range moves {
		if move.Err() != nil {
			break
		}
		var a trial.Args
		if err := json.Unmarshal([]byte(move.Val()), &a); err != nil {
			return 0, fmt.Errorf("read a task: %w", err)
		}
		taken = append(taken, a)
	}
	if len(taken) == 0 {
		return 0, nil
	}
	if err := f.redis.RPopCount(ctx, bareTaken, len(taken)).Err(); err != nil {
		return 0, err
	}
	for _, a := range taken {
		handle(a)
	}
	return len(taken), nil
}
