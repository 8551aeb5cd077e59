package durable_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/internal/ledger"
	"github.com/pawlhq/pawl/llm"
)

// restless is a database that has no one state for the reads of a view: something happens
// before the first one of the ledger, and behind the last.
type restless struct {
	*handle
	before, behind func()
}

func (r *restless) View(_ context.Context, f func(durable.View) error) error {
	v := &restlessView{memoryTx: memoryTx{r.memory}, before: r.before}
	err := f(v)
	if v.before == nil {
		r.behind()
	}
	return err
}

type restlessView struct {
	memoryTx
	before func()
}

func (v *restlessView) Ledger(from, to ledger.Hour, kinds ...durable.LedgerKind) ([]durable.LedgerPage, ledger.Hour, error) {
	if v.before != nil {
		v.before()
		v.before = nil
	}
	return v.memoryTx.Ledger(from, to, kinds...)
}

// caller makes calls of one task.
type caller struct {
	*testing.T
	store pawl.Store
	now   time.Time
	row   *pawl.TaskRow
	calls int64
}

func newCaller(t *testing.T, store pawl.Store, now time.Time) *caller {
	c := &caller{T: t, store: store, now: now}
	id := pawl.NewID()
	row := pawl.TaskRow{ID: id, Run: id, Operation: "work", Queue: "default", User: "ann", Limit: pawl.NoLimit}
	if _, err := store.Add(t.Context(), now, []pawl.NewTask{{Row: row}}); err != nil {
		t.Fatal(err)
	}
	c.row = c.claim()[0]
	return c
}

// claim opens the book.
func (c *caller) claim() []*pawl.TaskRow {
	c.Helper()
	claimed, err := c.store.Claim(c.Context(), c.now, pawl.Claim{Worker: "w", Operations: []string{"work"}, Max: 1, Lease: 1000 * time.Hour})
	if err != nil {
		c.Fatal(err)
	}
	return claimed.Tasks
}

// call makes a call of one token; it is left in the inbox.
func (c *caller) call() {
	c.Helper()
	key := fmt.Sprint("ask/", c.calls)
	grants, err := c.store.Reserve(c.Context(), c.now, []pawl.Reservation{{Lease: c.row.Lease(), Key: key, Limit: pawl.NoLimit}})
	if err != nil || !grants[0].OK {
		c.Fatalf("Reserve = %+v, %v", grants, err)
	}
	settle := &pawl.Settlement{Key: key, Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 1}}
	if errs, err := c.store.Save(c.Context(), c.now, []pawl.Save{{Lease: c.row.Lease(), Settle: settle}}); err != nil || errs[0] != nil {
		c.Fatalf("Save = %v, %v", errs, err)
	}
	c.calls++
}

// What accounts open with is read in two parts: whatever another process does meanwhile,
// each call is in one of them.
func TestBudgetsOpenWhileOthersWork(t *testing.T) {
	nothing := func(*caller) {}
	some := func(c *caller) { c.call(); c.claim(); c.call() }
	merges := func(c *caller) { c.now = c.now.Add(time.Hour); c.call(); c.claim(); c.call() }
	many := func(c *caller) {
		for range 40 {
			merges(c)
		}
	}
	for i, did := range []struct{ before, behind func(*caller) }{
		{nothing, nothing}, {some, nothing}, {nothing, some}, {some, some}, {merges, nothing}, {nothing, merges}, {merges, merges}, {merges, some}, {many, nothing}, {nothing, many},
	} {
		a, b := newMemory().two()
		other := durable.New(b)
		c := newCaller(t, other, time.Date(2024, 2, 10, 20, 30, 0, 0, time.UTC))
		store := durable.New(&restless{a, func() { did.before(c) }, func() { did.behind(c) }})
		for range 3 {
			some(c)
			merges(c)
		}
		budgets := []pawl.Budget{
			{Scope: pawl.OfUser, Per: pawl.PerMonth, Calls: 1000}, {Scope: pawl.OfAll, Per: pawl.PerMonth, Calls: 1000}, {Scope: pawl.OfRun, Name: c.row.Run.String(), Calls: 1000},
		}
		for _, b := range budgets {
			if err := store.Configure(t.Context(), c.now, []pawl.Setting{{Budget: &b}}); err != nil {
				t.Fatal(err)
			}
			status, err := other.Status(t.Context(), c.now)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range status.Budgets {
				if spent := (pawl.Spent{Tokens: c.calls, Calls: c.calls}); len(s.Accounts) != 1 || s.Accounts[0].Spent != spent {
					t.Errorf("case %d: %s has %+v; want %+v spent", i, &s.Budget, s.Accounts, spent)
				}
			}
		}
		for _, s := range []pawl.Store{store, other} {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
