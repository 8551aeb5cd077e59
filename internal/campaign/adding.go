package main

import (
	"context"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
)

// adding is the users, who add documents all the time. An Add that fails is
// repeated until it is acknowledged, as identical tasks join.
type adding struct {
	client *pawl.Client

	mu     sync.Mutex
	acked  map[int][]promise // by document
	failed int               // calls of Add that failed
	last   error             // the latest failure
	joined int               // documents added twice whose runs were one
}

// count returns how many documents were acknowledged.
func (a *adding) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.acked)
}

// failures returns how many calls of Add failed.
func (a *adding) failures() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

// lastError returns the latest failure.
func (a *adding) lastError() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

// A promise is an Add that was acknowledged.
type promise struct {
	Run pawl.ID
	As  pawl.AddedAs
	At  time.Time
	Try int // counted from 1
}

// users is how many users add at a time.
const users = 8

// run adds documents at a rate until adds ends, and returns when each that was
// begun is acknowledged, or with ctx's error.
func (a *adding) run(ctx, adds context.Context, p plan) error {
	orders := make(chan order)
	var busy sync.WaitGroup
	for range users {
		busy.Go(func() {
			for o := range orders {
				a.add(ctx, o)
			}
		})
	}
	pace := p.random(paceStream)
	mean := time.Duration(float64(time.Second) / p.Rate)
	for n := 1; adds.Err() == nil; n++ {
		o := newOrder(n, p.random(documentStream+uint64(n)))
		for range o.times() {
			orders <- o
		}
		pause(adds, spread(pace, mean))
	}
	close(orders)
	busy.Wait()
	return ctx.Err()
}

func (o order) times() int {
	if o.Twice {
		return 2
	}
	return 1
}

// add adds one document once, however often it must try.
func (a *adding) add(ctx context.Context, o order) {
	for try := 1; ctx.Err() == nil; try++ {
		run, err := digest.Add(ctx, a.client, o.document, pawl.User(o.User), o.Priority)
		a.mu.Lock()
		if err != nil {
			a.failed, a.last = a.failed+1, err
		} else {
			a.acked[o.Number] = append(a.acked[o.Number], promise{run.ID, run.As, time.Now(), try})
		}
		if err == nil && run.As != pawl.AsNew {
			a.joined++
		}
		a.mu.Unlock()
		if err == nil {
			return
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
