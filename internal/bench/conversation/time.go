package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// appending times each call of long conversations: of Ask as a whole, which writes
// the request, and of what the store does alone.
func appending(ctx context.Context, store pawl.Store, s sizes) error {
	const rounds = 5
	m := newModel(s.bytes)
	whole, alone := map[int][]time.Duration{}, map[int][]time.Duration{}
	watched := &timed{Store: store}
	err := work(ctx, watched, rounds, func(ctx context.Context, t *pawl.Task[int]) error {
		watched.turn.Lock() // one at a time
		defer watched.turn.Unlock()
		for i := range s.long {
			began := time.Now()
			if _, err := t.Ask(ctx, m, m.prompt()); err != nil {
				return err
			}
			whole[i/10], alone[i/10] = append(whole[i/10], time.Since(began)), append(alone[i/10], watched.last)
		}
		return nil
	})
	if err != nil {
		return err
	}
	last := (s.long - 1) / 10
	fmt.Printf("  call 1-10      %8v, the store's write %v\n", median(whole[0]), median(alone[0]))
	fmt.Printf("  call %d-%d   %8v, the store's write %v: %.2f x\n", last*10+1, s.long, median(whole[last]), median(alone[last]),
		float64(median(alone[last]))/float64(median(alone[0])))
	return nil
}

func median(ds []time.Duration) time.Duration {
	ds = slices.Sorted(slices.Values(ds))
	return ds[len(ds)/2].Round(time.Microsecond)
}

// errAgain ends an attempt so that there is another one.
var errAgain = errors.New("again")

// replay times how long a retry takes from its claim to the first call that is not
// stored.
func replay(ctx context.Context, store pawl.Store, s sizes) error {
	m := newModel(s.bytes)
	var prompts []string
	for range s.steps + 1 {
		prompts = append(prompts, m.prompt())
	}
	var took []time.Duration
	watched := &timed{Store: store}
	err := work(ctx, watched, 1, func(ctx context.Context, t *pawl.Task[int]) error {
		began := time.Now()
		for i, prompt := range prompts[:s.steps] {
			if _, err := t.Ask(ctx, m, prompt); err != nil {
				return err
			}
			if i == 0 && t.Attempt > 1 && m.calls.Load() != int64(s.steps) {
				return pawl.Permanent(errors.New("a stored answer was asked for again"))
			}
		}
		if t.Attempt > 1 {
			took = append(took, watched.claimed+time.Since(began))
		}
		if t.Attempt < 4 {
			return errAgain
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Printf("  %d stored answers: %v from the claim to the next call (of that the claim %v)\n", s.steps, median(took), watched.claimed.Round(time.Microsecond))
	return nil
}
