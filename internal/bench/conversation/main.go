// Conversation measures what a conversation of many calls costs a store: its
// bytes, against the messages that it says; the time of a call at its beginning
// and far into it; and how soon a retry with many stored answers sends the next
// call. The model is in this process and answers at once.
//
// Without -store it measures SQLite, and PostgreSQL and Redis where
// PAWL_TEST_POSTGRES and PAWL_TEST_REDIS name empty ones, as bin/services does.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
)

func main() {
	var s sizes
	flag.IntVar(&s.talks, "conversations", 100, "conversations to store")
	flag.IntVar(&s.calls, "calls", 50, "calls of each")
	flag.IntVar(&s.bytes, "bytes", 1024, "bytes of each message, as JSON")
	flag.IntVar(&s.long, "long", 200, "calls of one long conversation, each timed")
	flag.IntVar(&s.steps, "steps", 1000, "stored answers that a retry finds")
	url := flag.String("store", "", "the store to measure; it is left as it is then")
	flag.Parse()
	if err := run(context.Background(), *url, s); err != nil {
		fmt.Fprintln(os.Stderr, "conversation:", err)
		os.Exit(1)
	}
}

// sizes are how much is measured.
type sizes struct{ talks, calls, bytes, long, steps int }

func run(ctx context.Context, url string, s sizes) error {
	if url != "" {
		return measure(ctx, url, s)
	}
	dir, err := os.MkdirTemp("", "conversation")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	urls := []string{"sqlite:" + filepath.Join(dir, "bench.db")}
	for _, name := range []string{"PAWL_TEST_POSTGRES", "PAWL_TEST_REDIS"} {
		if url := os.Getenv(name); url != "" {
			urls = append(urls, url)
		}
	}
	for _, url := range urls {
		if err := measure(ctx, url, s); err != nil {
			return fmt.Errorf("%s: %w", kindOf(url), err)
		}
	}
	return nil
}

// measure does all measurements on one store.
func measure(ctx context.Context, url string, s sizes) error {
	fmt.Println(kindOf(url))
	if err := storage(ctx, url, s); err != nil {
		return err
	}
	store, err := stores.Open(ctx, url)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := appending(ctx, store, s); err != nil {
		return err
	}
	return replay(ctx, store, s)
}

// storage stores conversations and compares the store's growth with what they say.
func storage(ctx context.Context, url string, s sizes) error {
	// The first task makes what a store has but once.
	if _, err := converse(ctx, url, sizes{talks: 1, calls: 1, bytes: s.bytes}); err != nil {
		return err
	}
	before, err := sizeOf(ctx, url, false)
	if err != nil {
		return err
	}
	said, err := converse(ctx, url, s)
	if err != nil {
		return err
	}
	for _, compact := range []bool{false, true} {
		after, err := sizeOf(ctx, url, compact)
		if err != nil {
			return err
		}
		if after.bytes == 0 {
			continue
		}
		name := "stored"
		if compact {
			name = "after VACUUM"
		}
		grown := after.bytes - before.bytes
		fmt.Printf("  %-14s %8d bytes a conversation of %d calls, %.2f x its messages\n", name, grown/int64(s.talks), s.calls, float64(grown)/float64(said))
		for _, p := range after.parts {
			fmt.Printf("    %-22s %6.0f bytes a call\n", p.name, float64(p.bytes-before.part(p.name))/float64(s.talks*s.calls))
		}
	}
	return nil
}

// converse has conversations and returns the bytes of their messages.
func converse(ctx context.Context, url string, s sizes) (said int64, err error) {
	store, err := stores.Open(ctx, url)
	if err != nil {
		return 0, err
	}
	defer store.Close()
	m := newModel(s.bytes)
	err = work(ctx, store, s.talks, func(ctx context.Context, t *pawl.Task[int]) error {
		for range s.calls {
			if _, err := t.Ask(ctx, m, m.prompt()); err != nil {
				return err
			}
		}
		talk, err := t.Conversation(ctx)
		for _, message := range talk {
			m.said.Add(int64(len(message.JSON())))
		}
		return err
	})
	return m.said.Load(), err
}
