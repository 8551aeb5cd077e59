package engines

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl/bench/trial"
)

var asynqEngines = []Engine{
	{
		Name: "asynq", Store: Redis, Module: "github.com/hibiken/asynq", NoBulk: true,
		About: "8 workers, checks every millisecond",
		Open: func(ctx context.Context, url string) (trial.Queue, error) {
			return openAsynq(url, asynq.Config{Concurrency: 8, TaskCheckInterval: time.Millisecond})
		},
	},
	{
		Name: "asynq, defaults", Store: Redis, Module: "github.com/hibiken/asynq", NoBulk: true, Defaults: true,
		About: "as many workers as cores, checks every second",
		Open: func(ctx context.Context, url string) (trial.Queue, error) {
			return openAsynq(url, asynq.Config{})
		},
	},
}

type asynqQueue struct {
	redisStore
	options asynq.RedisConnOpt
	config  asynq.Config
	client  *asynq.Client
}

func openAsynq(url string, config asynq.Config) (trial.Queue, error) {
	options, err := asynq.ParseRedisURI(url)
	if err != nil {
		return nil, err
	}
	s, err := openRedis(url, asynqLeft)
	if err != nil {
		return nil, err
	}
	config.LogLevel = asynq.ErrorLevel
	return &asynqQueue{s, options, config, asynq.NewClient(options)}, nil
}

// asynqLeft counts the tasks in all states; a completed one is deleted.
func asynqLeft(p redis.Pipeliner) []*redis.IntCmd {
	var counts []*redis.IntCmd
	ctx := context.Background() // sent by the pipeline, with the context of its own
	for _, list := range []string{"pending", "active"} {
		counts = append(counts, p.LLen(ctx, "asynq:{default}:"+list))
	}
	for _, set := range []string{"scheduled", "retry", "archived", "completed"} {
		counts = append(counts, p.ZCard(ctx, "asynq:{default}:"+set))
	}
	return counts
}

func (q *asynqQueue) Add(ctx context.Context, a trial.Args) error {
	payload, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = q.client.EnqueueContext(ctx, asynq.NewTask("bench", payload))
	return err
}

// AddBulk adds from 64 callers: asynq has no batches.
func (q *asynqQueue) AddBulk(ctx context.Context, list []trial.Args) error {
	return inParallel(64, list, func(a trial.Args) error { return q.Add(ctx, a) })
}

func (q *asynqQueue) Work(_ context.Context, handle func(trial.Args)) (func() error, error) {
	server := asynq.NewServer(q.options, q.config)
	err := server.Start(asynq.HandlerFunc(func(_ context.Context, t *asynq.Task) error {
		var a trial.Args
		if err := json.Unmarshal(t.Payload(), &a); err != nil {
			return err
		}
		handle(a)
		return nil
	}))
	if err != nil {
		return nil, fmt.Errorf("start asynq's server: %w", err)
	}
	return func() error {
		server.Shutdown()
		return nil
	}, nil
}

// inParallel calls do for each of the list from n goroutines, and returns the first error.
func inParallel(n int, list []trial.Args, do func(trial.Args) error) error {
	var (
		work  = make(chan trial.Args)
		first error
		once  sync.Once
		all   sync.WaitGroup
	)
	for range n {
		all.Go(func() {
			for a := range work {
				if err := do(a); err != nil {
					once.Do(func() { first = err })
				}
			}
		})
	}
	for _, a := range list {
		work <- a
	}
	close(work)
	all.Wait()
	return first
}
