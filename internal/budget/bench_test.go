package budget_test

import (
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/budget"
	"github.com/pawlhq/pawl/llm"
)

// BenchmarkSettle reserves a call on ten budgets and settles it, by its entry and, as if no
// budget could have opened meanwhile, without.
func BenchmarkSettle(b *testing.B) {
	run := pawl.NewID()
	sent := &pawl.Entry{Kind: pawl.EntryAnswered, Queue: "default", Operation: "answer", User: "ann", Run: run, Calls: 1, Usage: llm.Usage{Output: 90}}
	for name, sent := range map[string]*pawl.Entry{"entry": sent, "none": nil} {
		b.Run(name, func(b *testing.B) {
			var table budget.Table
			for _, scope := range pawl.Scopes() {
				for _, per := range []pawl.Period{pawl.PerDay, pawl.PerMonth} {
					table.Configure(began, &pawl.Setting{Budget: &pawl.Budget{Scope: scope, Per: per, Tokens: 1 << 60}})
				}
			}
			for b.Loop() {
				ask := budget.Ask{Queue: "default", Operation: "answer", User: "ann", Run: run, Needs: pawl.Spent{Tokens: 100, Calls: 1}, Priced: true}
				table.Look(began, &ask)
				held, _ := table.Take(began, &ask)
				table.Settle(began, &budget.Ended{Held: held, Used: pawl.Spent{Tokens: 90, Calls: 1}, Answered: true}, sent)
			}
		})
	}
}
