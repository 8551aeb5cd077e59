package storetest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/storetest"
)

// Stores need to do what is due in Claim only. inmem does it in every call, which
// must not hide a case that forgets to claim before it looks.
func TestCasesClaimBeforeTheyLook(t *testing.T) {
	storetest.Run(t, func(t *testing.T) pawl.Store { return &punctual{Store: inmem.New(), t: t} })
}

// punctual fails its test if a call other than Claim finds something due.
type punctual struct {
	pawl.Store
	t *testing.T

	mu      sync.Mutex
	claimed time.Time // when what was due was done last
}

func (p *punctual) look(what string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.claimed.IsZero() {
		p.claimed = now
	}
	if !p.claimed.Before(now) {
		return
	}
	all := pawl.Filter{Steps: true}
	before, err := p.Store.List(context.Background(), p.claimed, all)
	if err != nil {
		return // it is closed
	}
	after, _ := p.Store.List(context.Background(), now, all)
	if diff := cmp.Diff(before, after); diff != "" {
		p.t.Errorf("%s at %v found what was due and not done by a Claim:\n%s", what, now, diff)
	}
	p.claimed = now
}

func (p *punctual) Claim(ctx context.Context, now time.Time, c pawl.Claim) (pawl.Claimed, error) {
	claimed, err := p.Store.Claim(ctx, now, c)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.claimed = now
	}
	return claimed, err
}

func (p *punctual) Add(ctx context.Context, now time.Time, tasks []pawl.NewTask) ([]pawl.Added, error) {
	p.look("Add", now)
	return p.Store.Add(ctx, now, tasks)
}

func (p *punctual) Beat(ctx context.Context, now time.Time, lease time.Duration, held []pawl.Lease) ([]pawl.Beat, error) {
	p.look("Beat", now)
	return p.Store.Beat(ctx, now, lease, held)
}

func (p *punctual) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	p.look("Save", now)
	return p.Store.Save(ctx, now, saves)
}

func (p *punctual) Finish(ctx context.Context, now time.Time, finishes []pawl.Finish) ([]error, error) {
	p.look("Finish", now)
	return p.Store.Finish(ctx, now, finishes)
}

func (p *punctual) Change(ctx context.Context, now time.Time, f pawl.Filter, c pawl.Change) ([]pawl.ID, error) {
	p.look("Change", now)
	return p.Store.Change(ctx, now, f, c)
}

func (p *punctual) List(ctx context.Context, now time.Time, f pawl.Filter) ([]*pawl.TaskRow, error) {
	p.look("List", now)
	return p.Store.List(ctx, now, f)
}

func (p *punctual) Groups(ctx context.Context, now time.Time, f pawl.Filter) ([]pawl.Group, error) {
	p.look("Groups", now)
	return p.Store.Groups(ctx, now, f)
}

func (p *punctual) Reserve(ctx context.Context, now time.Time, calls []pawl.Reservation) ([]pawl.Grant, error) {
	p.look("Reserve", now)
	return p.Store.Reserve(ctx, now, calls)
}

func (p *punctual) Configure(ctx context.Context, now time.Time, settings []pawl.Setting) error {
	p.look("Configure", now)
	return p.Store.Configure(ctx, now, settings)
}

func (p *punctual) Status(ctx context.Context, now time.Time) (pawl.Status, error) {
	p.look("Status", now)
	return p.Store.Status(ctx, now)
}

func (p *punctual) Explain(ctx context.Context, now time.Time, id pawl.ID) (pawl.Standing, error) {
	p.look("Explain", now)
	return p.Store.Explain(ctx, now, id)
}

func (p *punctual) Near(ctx context.Context, now time.Time, looks []pawl.Look) ([]pawl.Nearby, error) {
	p.look("Near", now)
	return p.Store.Near(ctx, now, looks)
}

// Neither must Compare.
func TestCompareClaimsBeforeItLooks(t *testing.T) {
	storetest.Compare(t, func(t *testing.T) pawl.Store { return &punctual{Store: inmem.New(), t: t} }, 5)
}
