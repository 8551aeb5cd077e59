package pawl_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
)

// mortal is a store as one worker sees it. Once the worker is dead, none of its
// calls reaches the store any more, as if its process had been killed: its
// handlers may go on for a while, and nobody hears of it.
type mortal struct {
	pawl.Store

	// before and after are called with each Save, before it reaches the store
	// and after. They may call die. Default: nothing.
	before, after func(pawl.Save)

	mu     sync.Mutex
	dead   bool
	unsent []pawl.Save // answered calls that a dead worker could not store
}

var errDead = errors.New("the worker is dead")

func (m *mortal) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
}

func (m *mortal) alive() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errDead
	}
	return nil
}

func (m *mortal) Add(ctx context.Context, now time.Time, tasks []pawl.NewTask) ([]pawl.Added, error) {
	if err := m.alive(); err != nil {
		return nil, err
	}
	return m.Store.Add(ctx, now, tasks)
}

func (m *mortal) Claim(ctx context.Context, now time.Time, c pawl.Claim) (pawl.Claimed, error) {
	if err := m.alive(); err != nil {
		return pawl.Claimed{}, err
	}
	return m.Store.Claim(ctx, now, c)
}

func (m *mortal) Beat(ctx context.Context, now time.Time, lease time.Duration, held []pawl.Lease) ([]pawl.Beat, error) {
	if err := m.alive(); err != nil {
		return nil, err
	}
	return m.Store.Beat(ctx, now, lease, held)
}

func (m *mortal) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	if m.before != nil {
		for _, s := range saves {
			m.before(s)
		}
	}
	if err := m.alive(); err != nil {
		m.lose(saves)
		return nil, err
	}
	errs, err := m.Store.Save(ctx, now, saves)
	for i, e := range errs {
		if errors.Is(e, pawl.ErrLeaseLost) {
			m.lose(saves[i : i+1])
		}
	}
	if m.after != nil {
		for _, s := range saves {
			m.after(s)
		}
	}
	return errs, err
}

// lose remembers answered calls that were not stored, each once.
func (m *mortal) lose(saves []pawl.Save) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range saves {
		if s.Settle == nil || s.Settle.Outcome != pawl.CallAnswered {
			continue
		}
		known := false
		for _, old := range m.unsent {
			known = known || old.Lease == s.Lease && old.Settle.Key == s.Settle.Key
		}
		if !known {
			m.unsent = append(m.unsent, s)
		}
	}
}

func (m *mortal) Finish(ctx context.Context, now time.Time, finishes []pawl.Finish) ([]error, error) {
	if err := m.alive(); err != nil {
		return nil, err
	}
	return m.Store.Finish(ctx, now, finishes)
}

func (m *mortal) Reserve(ctx context.Context, now time.Time, calls []pawl.Reservation) ([]pawl.Grant, error) {
	if err := m.alive(); err != nil {
		return nil, err
	}
	return m.Store.Reserve(ctx, now, calls)
}

func (m *mortal) Near(ctx context.Context, now time.Time, looks []pawl.Look) ([]pawl.Nearby, error) {
	if err := m.alive(); err != nil {
		return nil, err
	}
	return m.Store.Near(ctx, now, looks)
}
