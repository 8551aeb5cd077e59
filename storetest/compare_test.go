package storetest_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/storetest"
)

func TestCompare(t *testing.T) {
	storetest.Compare(t, func(*testing.T) pawl.Store { return inmem.New() }, 20)
}

// broken is inmem with one rule broken, by changing what goes in or comes out.
type broken struct {
	pawl.Store
	add      func(*pawl.NewTask)
	claim    func(*pawl.Claim)
	claimed  func(*pawl.Claimed)
	beat     func(*pawl.Beat)
	save     func(*pawl.Save)
	finish   func(*pawl.Finish)
	filter   func(*pawl.Filter)
	change   func(*pawl.Change)
	reserve  func(*pawl.Reservation)
	setting  func(*pawl.Setting)
	look     func(*pawl.Look)
	notFound bool // unknown conversations are empty ones
	types    []pawl.EventType
}

func do[V any](f func(*V), all []V) []V {
	if f == nil {
		return all
	}
	all = slices.Clone(all)
	for i := range all {
		f(&all[i])
	}
	return all
}

func one[V any](f func(*V), v V) V { return do(f, []V{v})[0] }

func (b *broken) Add(ctx context.Context, now time.Time, tasks []pawl.NewTask) ([]pawl.Added, error) {
	return b.Store.Add(ctx, now, do(b.add, tasks))
}

func (b *broken) Claim(ctx context.Context, now time.Time, c pawl.Claim) (pawl.Claimed, error) {
	claimed, err := b.Store.Claim(ctx, now, one(b.claim, c))
	return one(b.claimed, claimed), err
}

func (b *broken) Beat(ctx context.Context, now time.Time, lease time.Duration, held []pawl.Lease) ([]pawl.Beat, error) {
	beats, err := b.Store.Beat(ctx, now, lease, held)
	return do(b.beat, beats), err
}

func (b *broken) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	return b.Store.Save(ctx, now, do(b.save, saves))
}

func (b *broken) Finish(ctx context.Context, now time.Time, finishes []pawl.Finish) ([]error, error) {
	return b.Store.Finish(ctx, now, do(b.finish, finishes))
}

func (b *broken) Change(ctx context.Context, now time.Time, f pawl.Filter, c pawl.Change) ([]pawl.ID, error) {
	return b.Store.Change(ctx, now, one(b.filter, f), one(b.change, c))
}

func (b *broken) List(ctx context.Context, now time.Time, f pawl.Filter) ([]*pawl.TaskRow, error) {
	return b.Store.List(ctx, now, one(b.filter, f))
}

func (b *broken) Reserve(ctx context.Context, now time.Time, calls []pawl.Reservation) ([]pawl.Grant, error) {
	return b.Store.Reserve(ctx, now, do(b.reserve, calls))
}

func (b *broken) Configure(ctx context.Context, now time.Time, settings []pawl.Setting) error {
	return b.Store.Configure(ctx, now, do(b.setting, settings))
}

func (b *broken) Near(ctx context.Context, now time.Time, looks []pawl.Look) ([]pawl.Nearby, error) {
	return b.Store.Near(ctx, now, do(b.look, looks))
}

func (b *broken) Conversation(ctx context.Context, head pawl.Hash) ([]pawl.Node, error) {
	nodes, err := b.Store.Conversation(ctx, head)
	if b.notFound {
		err = nil
	}
	return nodes, err
}

func (b *broken) Watch(ctx context.Context, f pawl.EventFilter) (pawl.Watch, error) {
	if b.types != nil {
		f.Types = b.types
	}
	return b.Store.Watch(ctx, f)
}

// Compare finds each of these within a few seeds, and a short way to it.
func TestCompareFindsBrokenRules(t *testing.T) {
	for name, b := range map[string]*broken{
		"joined though it is to be kept":   {add: func(n *pawl.NewTask) { n.Duplicates = pawl.Join }},
		"no reuse":                         {add: func(n *pawl.NewTask) { n.Reuse = 0 }},
		"priorities":                       {add: func(n *pawl.NewTask) { n.Row.Priority = pawl.Normal }},
		"users":                            {add: func(n *pawl.NewTask) { n.Row.User = "" }},
		"claims are not repeated":          {claim: func(c *pawl.Claim) { c.Known = nil }},
		"workers that leave are listed":    {claim: func(c *pawl.Claim) { c.Leaving = false }},
		"what a worker works on":           {claim: func(c *pawl.Claim) { c.Queues = slices.Clone(c.Queues); slices.Reverse(c.Queues) }},
		"a place for those that have none": {claim: func(c *pawl.Claim) { c.Max = max(c.Max, 1) }},
		"queues of others":                 {claim: func(c *pawl.Claim) { c.Queues = nil }},
		"the order of a claim":             {claimed: func(c *pawl.Claimed) { c.Tasks = slices.Clone(c.Tasks); slices.Reverse(c.Tasks) }},
		"no time to wake up":               {claimed: func(c *pawl.Claimed) { c.Next = time.Time{} }},
		"late by a millisecond":            {claimed: func(c *pawl.Claimed) { c.Now = c.Now.Add(time.Millisecond) }},
		"cancelling is not told":           {beat: func(b *pawl.Beat) { b.Cancelled = false }},
		"steps without their head":         {save: func(v *pawl.Save) { v.Step = one(func(s **pawl.StepRow) { *s = headless(*s) }, v.Step) }},
		"headers are not read":             {save: settled(func(s *pawl.Settlement) { s.Seen = llm.Limits{} })},
		"failures without a fingerprint":   {finish: func(f *pawl.Finish) { f.Fingerprint = "" }},
		"sent or not":                      {finish: func(f *pawl.Finish) { f.NotSent = false }},
		"nothing follows":                  {finish: func(f *pawl.Finish) { f.Follow = nil }},
		"usage is not charged":             {finish: func(f *pawl.Finish) { f.Attempt.Usage.Output = 0 }},
		"of any age":                       {filter: func(f *pawl.Filter) { f.EndedFor = 0 }},
		"of any class":                     {filter: func(f *pawl.Filter) { f.Class = "" }},
		"endless patience":                 {reserve: func(r *pawl.Reservation) { r.Patience = time.Hour }},
		"no hold":                          {setting: func(s *pawl.Setting) { s.Hold = "" }},
		"limits within others":             {setting: configured(func(c *limit.Config) { c.Within = "" })},
		"users' ceilings":                  {setting: configured(func(c *limit.Config) { c.User = limit.Ceiling{} })},
		"what a day allows":                {setting: configured(func(c *limit.Config) { c.RequestsPerDay, c.TokensPerDay = 0, 0 })},
		"prices":                           {setting: configured(func(c *limit.Config) { c.Price.Output *= 1.01 })},
		"how a provider charges":           {setting: configured(func(c *limit.Config) { c.Charge = limit.InputThenOutput })},
		"large calls are small":            {add: func(n *pawl.NewTask) { n.Row.Size.Output = min(n.Row.Size.Output, 300) }},
		"the most that a call may write":   {add: func(n *pawl.NewTask) { n.Row.Size.MaxTokens = 0 }},
		"a cache is not learned":           {save: settled(func(s *pawl.Settlement) { s.Usage.CacheRead = 0 })},
		"what a throttle tells":            {save: settled(func(s *pawl.Settlement) { s.Told = llm.Told{} })},
		"too fast":                         {save: settled(func(s *pawl.Settlement) { s.TooFast = false })},
		"busy":                             {save: settled(func(s *pawl.Settlement) { s.Busy = true })},
		"not reached":                      {save: settled(unreached)},
		"conversations that are not there": {notFound: true},
		"nobody waits":                     {finish: func(f *pawl.Finish) { f.Park = nil }},
		"all must succeed":                 {finish: parking(func(p *pawl.Park) { p.All = false })},
		"all at once":                      {finish: parking(func(p *pawl.Park) { p.AtOnce = 0 })},
		"one more at once":                 {finish: parking(func(p *pawl.Park) { p.AtOnce *= 2 })},
		"signals that the handler has got": {finish: parking(func(p *pawl.Park) { p.After = 0 })},
		"one branch less":                  {finish: parking(func(p *pawl.Park) { p.Branches = p.Branches[:max(len(p.Branches)-1, 0)] })},
		"a wait without an end":            {finish: endless},
		"no other operation goes on":       {finish: func(f *pawl.Finish) { f.Fallback = nil }},
		"who adds":                         {add: func(n *pawl.NewTask) { n.By = pawl.Lease{} }},
		"what a handler added":             {add: func(n *pawl.NewTask) { n.Step = nil }},
		"in line":                          {add: func(n *pawl.NewTask) { n.InLine = false }},
		"copies":                           {add: func(n *pawl.NewTask) { n.Kept = false }},
		"steps of another task":            {add: func(n *pawl.NewTask) { n.Row.Steps = nil }},
		"failures that are caught":         {finish: func(f *pawl.Finish) { f.Follow = uncaught(f.Follow) }},
		"signals are the same":             {change: func(c *pawl.Change) { c.Signal.ID = "" }},
		"prices of calls":                  {reserve: func(r *pawl.Reservation) { r.Rates = nil }},
		"what is asked again":              {reserve: func(r *pawl.Reservation) { r.Step = "" }},
		"what is asked over and over":      {reserve: func(r *pawl.Reservation) { r.State = 0 }},
		"what was paid":                    {save: settled(func(s *pawl.Settlement) { s.Paid = 0 })},
		"who waited":                       {save: settled(func(s *pawl.Settlement) { s.Waited = 0 })},
		"what was saved":                   {finish: func(f *pawl.Finish) { f.Savings = nil }},
		"which budget stopped it":          {finish: parking(func(p *pawl.Park) { p.Stop = nil })},
		"the budget of a run":              {add: func(n *pawl.NewTask) { n.Budget = nil }},
		"budgets are raised":               {setting: func(s *pawl.Setting) { s.Raise = false }},
		"budgets are removed":              {setting: func(s *pawl.Setting) { s.Remove = false }},
		"budgets let go on":                {change: func(c *pawl.Change) { c.Budget = "" }},
		"what answers others":              {finish: func(f *pawl.Finish) { f.Near = nil }},
		"which one is waited for":          {finish: parking(func(p *pawl.Park) { p.Behind = pawl.ID{} })},
		"what is forgotten":                {setting: unlike(func(u *pawl.Unlike) { u.Forget = pawl.ID{} })},
		"what is kept apart":               {setting: unlike(func(u *pawl.Unlike) { u.Apart = [2]uint64{} })},
		"what is under way":                {look: func(l *pawl.Look) { l.Near = nil }},
		"steps are no events":              {types: []pawl.EventType{pawl.EventAdded, pawl.EventJoined, pawl.EventStarted, pawl.EventRetried, pawl.EventEnded, pawl.EventCancelling}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := func() pawl.Store { c := *b; c.Store = inmem.New(); return &c }
			for seed := range uint64(60) {
				if n, _ := storetest.Difference(t.Context(), open, seed); n > 0 {
					return
				}
			}
			t.Error("60 seeds found no difference")
		})
	}
}

// What Compare prints is short enough to read.
func TestCompareShrinks(t *testing.T) {
	open := func() pawl.Store {
		return &broken{Store: inmem.New(), finish: func(f *pawl.Finish) { f.NotSent = false }}
	}
	for seed := range uint64(60) {
		n, shrink := storetest.Difference(t.Context(), open, seed)
		if n == 0 {
			continue
		}
		fewer, text := shrink()
		if fewer > n || fewer > 15 {
			t.Errorf("%d operations, shrunk to %d; want no more than 15", n, fewer)
		}
		if !strings.Contains(text, "Finish [{") || !strings.Contains(text, "NotSent") {
			t.Errorf("the text is\n%s\nwant the operations and the field that differs", text)
		}
		return
	}
	t.Error("60 seeds found no difference")
}

func headless(s *pawl.StepRow) *pawl.StepRow {
	if s == nil {
		return nil
	}
	c := *s
	c.Head = pawl.Hash{}
	return &c
}

// settled breaks the settlements of what is saved.
func settled(f func(*pawl.Settlement)) func(*pawl.Save) {
	return func(v *pawl.Save) {
		if v.Settle != nil {
			c := one(f, *v.Settle)
			v.Settle = &c
		}
	}
}

// unlike breaks the settings of what is not to be taken for a near-duplicate.
func unlike(f func(*pawl.Unlike)) func(*pawl.Setting) {
	return func(s *pawl.Setting) {
		if s.Similar != nil {
			u := one(f, *s.Similar)
			s.Similar = &u
		}
	}
}

func unreached(s *pawl.Settlement) {
	if s.Outcome == pawl.CallUnreached {
		s.Outcome = pawl.CallNotSent
	}
}

// configured breaks the configurations in settings.
func configured(f func(*limit.Config)) func(*pawl.Setting) {
	return func(s *pawl.Setting) {
		if s.Config != nil {
			c := one(f, *s.Config)
			s.Config = &c
		}
	}
}

// parking breaks what tasks wait for.
func parking(f func(*pawl.Park)) func(*pawl.Finish) {
	return func(v *pawl.Finish) {
		if v.Park != nil {
			c := one(f, *v.Park)
			v.Park = &c
		}
	}
}

func uncaught(tasks []pawl.NewTask) []pawl.NewTask {
	return do(func(n *pawl.NewTask) {
		if n.Row.Caught() {
			links := *n.Row.Links
			links.Caught = false
			n.Row.Links = &links
		}
	}, tasks)
}

func endless(f *pawl.Finish) {
	if f.To == pawl.Blocked {
		f.Delay = 0
	}
}
