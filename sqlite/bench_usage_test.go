package sqlite_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// BenchmarkUsage sums up a million calls of 1,000 users, 5 operations and 3 models,
// each at random, that were settled in the course of 30 days, or within 2 hours; and sets
// budgets that open with such sums.
func BenchmarkUsage(b *testing.B) {
	for _, span := range []time.Duration{30 * 24 * time.Hour, 2 * time.Hour} {
		b.Run(fmt.Sprint("within=", span), func(b *testing.B) {
			l := newLedgerFill(b, span)
			began := time.Now()
			l.fill(b, 1_000_000)
			b.Logf("filled in %v", time.Since(began).Round(time.Second))
			for _, by := range [][]pawl.Dimension{
				{pawl.ByUser}, {pawl.ByOperation}, {pawl.ByDay}, {pawl.ByModel}, {pawl.ByUser, pawl.ByOperation, pawl.ByDay}, {pawl.ByUser, pawl.ByHour},
			} {
				b.Run(fmt.Sprint("by=", by), func(b *testing.B) { l.sum(b, by) })
			}
			for _, budget := range []pawl.Budget{
				{Scope: pawl.OfAll, Per: pawl.PerMonth, Calls: 1e9}, {Scope: pawl.OfUser, Per: pawl.PerMonth, Calls: 1e9}, {Scope: pawl.OfRun, Name: l.tasks[0].Run.String(), Calls: 1e9},
			} {
				scope, _, _ := strings.Cut(budget.String(), "/")
				b.Run("budget="+scope, func(b *testing.B) { l.opens(b, budget) })
			}
		})
	}
}

// ledgerFill makes calls through the store as a worker does.
type ledgerFill struct {
	store pawl.Store
	start time.Time
	span  time.Duration
	tasks []*pawl.TaskRow // one of each user and operation, which runs all the time
	calls int64           // that were settled
}

const usageUsers, usageOperations = 1000, 5

func newLedgerFill(b *testing.B, span time.Duration) *ledgerFill {
	l := &ledgerFill{store: open(b), start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), span: span}
	var operations []string
	for o := range usageOperations {
		name := fmt.Sprint("operation ", o)
		operations = append(operations, name)
		tasks := make([]pawl.NewTask, usageUsers)
		for u := range tasks {
			id := pawl.NewID()
			tasks[u] = pawl.NewTask{Duplicates: pawl.Keep, Row: pawl.TaskRow{
				ID: id, Run: id, Operation: name, Queue: "default", User: fmt.Sprint("user ", u), Limit: pawl.NoLimit, MaxAttempts: 1, Input: []byte(`{}`),
			}}
		}
		if _, err := l.store.Add(b.Context(), l.start, tasks); err != nil {
			b.Fatal(err)
		}
	}
	for len(l.tasks) < usageUsers*usageOperations {
		claimed, err := l.store.Claim(b.Context(), l.start, pawl.Claim{Worker: "w", Operations: operations, Max: 1000, Lease: 2*span + time.Hour})
		if err != nil || len(claimed.Tasks) == 0 {
			b.Fatalf("Claim = %d tasks, %v; want some", len(claimed.Tasks), err)
		}
		l.tasks = append(l.tasks, claimed.Tasks...)
	}
	return l
}

// fill makes n calls, a thousand at a time.
func (l *ledgerFill) fill(b *testing.B, n int) {
	const batch = 1000
	models := []string{"claude-haiku-4-5", "claude-sonnet-4-6", "gpt-5.4-mini"}
	table, r := price.Builtin(), rand.New(rand.NewPCG(1, 2))
	for i := 0; i < n; i += batch {
		now := l.start.Add(time.Duration(float64(l.span) * float64(i) / float64(n)))
		asks, saves := make([]pawl.Reservation, batch), make([]pawl.Save, batch)
		for j := range asks {
			model := models[r.IntN(len(models))]
			rates, _ := table.Find(model)
			used := llm.Usage{Input: 200 + r.Int64N(2000), Output: 50 + r.Int64N(500), CacheRead: r.Int64N(3000)}
			step := fmt.Sprint("ask:", i+j)
			asks[j] = pawl.Reservation{
				Lease: l.tasks[r.IntN(len(l.tasks))].Lease(), Key: step + "/1", Limit: pawl.NoLimit, Size: limit.Size{Chars: 4000, MaxTokens: 500},
				Step: step, Model: model, Rates: &rates, Currency: table.Currency,
			}
			saves[j] = pawl.Save{Lease: asks[j].Lease, Settle: &pawl.Settlement{
				Key: asks[j].Key, Outcome: pawl.CallAnswered, Usage: used, Paid: rates.Cost(used), CacheSaved: rates.CacheSaved(used),
			}}
		}
		grants, err := l.store.Reserve(b.Context(), now, asks)
		for _, g := range grants {
			err = errors.Join(err, g.Err)
		}
		if err != nil {
			b.Fatal(err)
		}
		errs, err := l.store.Save(b.Context(), now, saves)
		if err := errors.Join(append(errs, err)...); err != nil {
			b.Fatal(err)
		}
		l.calls += batch
	}
}

// sum asks for the sums, and checks that every call is in them.
func (l *ledgerFill) sum(b *testing.B, by []pawl.Dimension) {
	var rows []pawl.UsageRow
	for b.Loop() {
		var err error
		if rows, err = l.store.Usage(b.Context(), l.start.Add(l.span), pawl.LedgerFilter{}, by); err != nil {
			b.Fatal(err)
		}
	}
	calls := int64(0)
	for i := range rows {
		calls += rows[i].Sent()
	}
	if calls != l.calls {
		b.Fatalf("the sums have %d calls; want %d", calls, l.calls)
	}
	b.ReportMetric(float64(len(rows)), "rows")
}

// opens sets a budget, and removes it again, and checks that it counts the calls.
func (l *ledgerFill) opens(b *testing.B, budget pawl.Budget) {
	configure := func(remove bool) {
		if err := l.store.Configure(b.Context(), l.start.Add(l.span), []pawl.Setting{{Budget: &budget, Remove: remove}}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		configure(false)
		b.StopTimer()
		status, err := l.store.Status(b.Context(), l.start.Add(l.span))
		if err != nil || len(status.Budgets) != 1 {
			b.Fatalf("Status = %+v, %v; want one budget", status.Budgets, err)
		}
		calls := int64(0)
		for _, a := range status.Budgets[0].Accounts {
			calls += a.Spent.Calls
		}
		of := status.Budgets[0].Of
		if all := budget.Scope == pawl.OfAll; all && calls != l.calls || calls == 0 || budget.Scope == pawl.OfUser && of != usageUsers {
			b.Fatalf("%d accounts have spent %d calls", of, calls)
		}
		b.ReportMetric(float64(of), "accounts")
		configure(true)
		b.StartTimer()
	}
}
