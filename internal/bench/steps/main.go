// Steps measures what stored steps cost: one of them, against a commit of the
// store, and how long a retry takes to go through many of them before its first
// new one.
//
//	go run ./internal/bench/steps [URL…]
//
// Without a URL it measures a SQLite file of its own. A store that is named must
// be empty; what is added stays in it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
)

func main() {
	pairs := flag.Int("pairs", 3000, "steps to measure, each beside a commit")
	steps := flag.Int("steps", 1000, "stored steps, and stored calls, of a task that is tried again")
	rounds := flag.Int("rounds", 5, "such tasks")
	flag.Parse()
	if err := run(context.Background(), flag.Args(), *pairs, *steps, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "steps:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, urls []string, pairs, steps, rounds int) error {
	if len(urls) == 0 {
		dir, err := os.MkdirTemp("", "pawl-steps-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		urls = []string{"sqlite:" + filepath.Join(dir, "steps.db")}
	}
	for _, url := range urls {
		if err := on(ctx, url, pairs, steps, rounds); err != nil {
			return fmt.Errorf("%s: %w", stores.Redact(url), err)
		}
	}
	return nil
}

// on measures one store.
func on(ctx context.Context, url string, pairs, steps, rounds int) error {
	store, err := stores.Open(ctx, url)
	if err != nil {
		return err
	}
	defer store.Close()
	fmt.Printf("%s\n", stores.Redact(url))
	o, err := overhead(ctx, store, pairs)
	if err != nil {
		return err
	}
	fmt.Printf("  a commit of one step, by the store alone: %v in the middle, %v on average\n", round(o.commit.p50), round(o.commit.mean))
	fmt.Printf("  a pawl.Step that does nothing:            %v in the middle, %v on average: %.2f and %.2f times the commit\n",
		round(o.step.p50), round(o.step.mean), ratio(o.step.p50, o.commit.p50), ratio(o.step.mean, o.commit.mean))
	fmt.Printf("  the same in %d handlers at once:          %v for each step: %.2f times the commit\n", crowd, round(o.crowded), ratio(o.crowded, o.commit.mean))
	for _, what := range []replay{{name: "pawl.Step", do: doSteps}, {name: "t.Ask", do: doAsks()}} {
		took, err := what.measure(ctx, store, steps, rounds)
		if err != nil {
			return fmt.Errorf("replay of %s: %w", what.name, err)
		}
		fmt.Printf("  a retry with %d stored %-9s from its claim to its first new one: %v in the middle, %v at most; in the handler %v\n",
			steps, what.name+",", round(took.claimed.p50), round(took.claimed.max), round(took.handled.p50))
	}
	return nil
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func round(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

// work runs a client, whose handlers are set, until the returned function is
// called.
func work(ctx context.Context, client *pawl.Client) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- client.Run(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}
