package storetest

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
)

// ErrFlaky is what the calls of a [FlakyStore] fail with.
var ErrFlaky = errors.New("storetest: connection reset by the store")

// FlakyStore is a store whose calls fail at random: some before they have taken
// effect, and some after. Watch and Close do not fail, but waiting for events does.
type FlakyStore struct {
	pawl.Store
	rate float64

	mu     sync.Mutex
	random *rand.Rand
	failed map[string]int
}

// Flaky returns a store that fails a share of its calls before they have reached
// store, and as many after.
func Flaky(store pawl.Store, rate float64, seed uint64) *FlakyStore {
	return &FlakyStore{Store: store, rate: rate, random: rand.New(rand.NewPCG(seed, 1)), failed: map[string]int{}}
}

// Failed returns how often calls failed, by method and moment: "Claim before" or
// "Claim after".
func (f *FlakyStore) Failed() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.failed)
}

// try does a call of the store, or fails before or after it.
func try[T any](f *FlakyStore, method string, call func() (T, error)) (T, error) {
	before, after := f.toss(method)
	var none T
	if before {
		return none, ErrFlaky
	}
	out, err := call()
	if after {
		return none, ErrFlaky
	}
	return out, err
}

// toss decides whether a call fails.
func (f *FlakyStore) toss(method string) (before, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.random.Float64()
	before, after = u < f.rate, u >= f.rate && u < 2*f.rate
	if before {
		f.failed[method+" before"]++
	}
	if after {
		f.failed[method+" after"]++
	}
	return before, after
}

// Add implements [pawl.Tasks].
func (f *FlakyStore) Add(ctx context.Context, now time.Time, tasks []pawl.NewTask) ([]pawl.Added, error) {
	return try(f, "Add", func() ([]pawl.Added, error) { return f.Store.Add(ctx, now, tasks) })
}

// Claim implements [pawl.Tasks].
func (f *FlakyStore) Claim(ctx context.Context, now time.Time, c pawl.Claim) (pawl.Claimed, error) {
	return try(f, "Claim", func() (pawl.Claimed, error) { return f.Store.Claim(ctx, now, c) })
}

// Beat implements [pawl.Tasks].
func (f *FlakyStore) Beat(ctx context.Context, now time.Time, lease time.Duration, held []pawl.Lease) ([]pawl.Beat, error) {
	return try(f, "Beat", func() ([]pawl.Beat, error) { return f.Store.Beat(ctx, now, lease, held) })
}

// Save implements [pawl.Tasks].
func (f *FlakyStore) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	return try(f, "Save", func() ([]error, error) { return f.Store.Save(ctx, now, saves) })
}

// Finish implements [pawl.Tasks].
func (f *FlakyStore) Finish(ctx context.Context, now time.Time, finishes []pawl.Finish) ([]error, error) {
	return try(f, "Finish", func() ([]error, error) { return f.Store.Finish(ctx, now, finishes) })
}

// Change implements [pawl.Tasks].
func (f *FlakyStore) Change(ctx context.Context, now time.Time, filter pawl.Filter, c pawl.Change) ([]pawl.ID, error) {
	return try(f, "Change", func() ([]pawl.ID, error) { return f.Store.Change(ctx, now, filter, c) })
}

// List implements [pawl.Tasks].
func (f *FlakyStore) List(ctx context.Context, now time.Time, filter pawl.Filter) ([]*pawl.TaskRow, error) {
	return try(f, "List", func() ([]*pawl.TaskRow, error) { return f.Store.List(ctx, now, filter) })
}

// Groups implements [pawl.Tasks].
func (f *FlakyStore) Groups(ctx context.Context, now time.Time, filter pawl.Filter) ([]pawl.Group, error) {
	return try(f, "Groups", func() ([]pawl.Group, error) { return f.Store.Groups(ctx, now, filter) })
}

// Reserve implements [pawl.Limits].
func (f *FlakyStore) Reserve(ctx context.Context, now time.Time, calls []pawl.Reservation) ([]pawl.Grant, error) {
	return try(f, "Reserve", func() ([]pawl.Grant, error) { return f.Store.Reserve(ctx, now, calls) })
}

// Configure implements [pawl.Limits].
func (f *FlakyStore) Configure(ctx context.Context, now time.Time, settings []pawl.Setting) error {
	_, err := try(f, "Configure", func() (struct{}, error) { return struct{}{}, f.Store.Configure(ctx, now, settings) })
	return err
}

// Status implements [pawl.Limits].
func (f *FlakyStore) Status(ctx context.Context, now time.Time) (pawl.Status, error) {
	return try(f, "Status", func() (pawl.Status, error) { return f.Store.Status(ctx, now) })
}

// Explain implements [pawl.Limits].
func (f *FlakyStore) Explain(ctx context.Context, now time.Time, id pawl.ID) (pawl.Standing, error) {
	return try(f, "Explain", func() (pawl.Standing, error) { return f.Store.Explain(ctx, now, id) })
}

// Conversation implements [pawl.Contexts].
func (f *FlakyStore) Conversation(ctx context.Context, head pawl.Hash) ([]pawl.Node, error) {
	return try(f, "Conversation", func() ([]pawl.Node, error) { return f.Store.Conversation(ctx, head) })
}

// Near implements [pawl.Contexts].
func (f *FlakyStore) Near(ctx context.Context, now time.Time, looks []pawl.Look) ([]pawl.Nearby, error) {
	return try(f, "Near", func() ([]pawl.Nearby, error) { return f.Store.Near(ctx, now, looks) })
}

// Watch implements [pawl.Events].
func (f *FlakyStore) Watch(ctx context.Context, filter pawl.EventFilter) (pawl.Watch, error) {
	w, err := f.Store.Watch(ctx, filter)
	if err != nil {
		return nil, err
	}
	return flakyWatch{w, f}, nil
}

type flakyWatch struct {
	pawl.Watch
	f *FlakyStore
}

// Next fails before it waits, or loses the events that it waited for.
func (w flakyWatch) Next(ctx context.Context) ([]pawl.Event, error) {
	return try(w.f, "Next", func() ([]pawl.Event, error) { return w.Watch.Next(ctx) })
}
