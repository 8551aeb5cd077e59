//go:build unix

package pawl_test

import (
	"testing"

	"github.com/pawlhq/pawl"
)

// tenBudgets all apply to every call of BenchmarkCalls, and stop none.
func tenBudgets() []pawl.Budget {
	all := []pawl.Budget{
		{Scope: pawl.OfAll, Per: pawl.PerDay}, {Scope: pawl.OfAll, Per: pawl.PerMonth},
		{Scope: pawl.OfQueue, Name: "default", Per: pawl.PerDay}, {Scope: pawl.OfQueue, Per: pawl.PerMonth},
		{Scope: pawl.OfOperation, Name: asks.Name, Per: pawl.PerDay}, {Scope: pawl.OfOperation, Per: pawl.PerMonth},
		{Scope: pawl.OfUser, Per: pawl.PerDay}, {Scope: pawl.OfUser, Per: pawl.PerMonth}, {Scope: pawl.OfUser},
		{Scope: pawl.OfRun},
	}
	for i := range all {
		all[i].Tokens, all[i].Money, all[i].Calls = 1e15, 1e18, 1e12
	}
	return all
}

// BenchmarkBudgets drains tasks with one call each, without a budget and with ten, in
// turns: % is the rate with budgets against that without, and cpu-% the same by processor
// time.
func BenchmarkBudgets(b *testing.B) {
	const tasks = 10_000
	var without, with effort
	for range b.N {
		without = without.plus(drainCalls(b, budgeted(b), tasks))
		with = with.plus(drainCalls(b, budgeted(b, tenBudgets()...), tasks))
	}
	of := float64(b.N * tasks)
	b.ReportMetric(of/without.wall.Seconds(), "none/s")
	b.ReportMetric(of/with.wall.Seconds(), "ten/s")
	b.ReportMetric(100*without.wall.Seconds()/with.wall.Seconds(), "%")
	b.ReportMetric(float64(without.cpu.Microseconds())/of, "none-cpu-µs/task")
	b.ReportMetric(100*without.cpu.Seconds()/with.cpu.Seconds(), "cpu-%")
	b.ReportMetric(0, "ns/op")
}

func budgeted(b *testing.B, budgets ...pawl.Budget) *pawl.Client {
	c := pawl.New(benchStore(b), pawl.Config{Workers: 1000, Prices: testPrices})
	for _, budget := range budgets {
		if err := c.SetBudget(b.Context(), budget); err != nil {
			b.Fatal(err)
		}
	}
	return c
}
