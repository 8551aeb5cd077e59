package main

import (
	"context"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
)

// timed is a store that times the latest write of a step and the latest claim of a
// task.
type timed struct {
	pawl.Store
	turn          sync.Mutex
	last, claimed time.Duration
}

// Save implements [pawl.Tasks].
func (s *timed) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	began := time.Now()
	errs, err := s.Store.Save(ctx, now, saves)
	for _, save := range saves {
		if save.Step != nil {
			s.last = time.Since(began)
		}
	}
	return errs, err
}

// Claim implements [pawl.Tasks].
func (s *timed) Claim(ctx context.Context, now time.Time, c pawl.Claim) (pawl.Claimed, error) {
	began := time.Now()
	claimed, err := s.Store.Claim(ctx, now, c)
	if len(claimed.Tasks) > 0 {
		s.claimed = time.Since(began)
	}
	return claimed, err
}
