package pawl_test

import (
	"context"
	"fmt"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/llmsim"
	"github.com/pawlhq/pawl/price"
)

// The first two questions use up what the user may spend. The third one waits, and goes
// on when the budget is raised.
func ExampleClient_SetBudget() {
	Answer := pawl.Operation[string, string]{Name: "answer"}
	client := pawl.New(inmem.New(), pawl.Config{})
	Answer.Handle(client, asking(simModel(llmsim.New(llmsim.Config{}), 100)))
	ctx := context.Background()
	events := client.Events(ctx, pawl.EventBudget)
	if err := client.SetBudget(ctx, pawl.Budget{Scope: pawl.OfUser, Name: "ann", Per: pawl.PerMonth, Calls: 2, Warn: 1}); err != nil {
		fmt.Println(err)
	}
	defer background(client)()
	for _, question := range []string{"Who?", "Where?"} {
		run, err := Answer.Add(ctx, client, question, pawl.User("ann"))
		if err != nil {
			fmt.Println(err)
			return
		}
		_, _ = run.Wait(ctx)
	}
	run, err := Answer.Add(ctx, client, "When?", pawl.User("ann"))
	if err != nil {
		fmt.Println(err)
		return
	}
	stopped := 0
	for e, err := range events {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.Message)
		if stopped++; stopped == 2 {
			break
		}
	}
	if err := client.RaiseBudget(ctx, pawl.Budget{Scope: pawl.OfUser, Name: "ann", Per: pawl.PerMonth, Calls: 10}); err != nil {
		fmt.Println(err)
	}
	if _, err := run.Wait(ctx); err == nil {
		fmt.Println("answered")
	}
	// Output:
	// budget user/ann per month: 100 % of it are used or reserved
	// budget user/ann per month: 2 of 2 calls are spent, and the call needs 1
	// answered
}

// Two callers ask the same: one call is paid, and the ledger says what the other saved.
func ExampleClient_Usage() {
	Answer := pawl.Operation[string, string]{Name: "answer", Reuse: 1e12}
	prices := &price.Table{Date: "2026-11-01", Currency: "USD", Models: map[string]price.Rates{"sim-1": {Input: 1e9, Output: 5e9}}}
	client := pawl.New(inmem.New(), pawl.Config{Prices: prices})
	Answer.Handle(client, asking(simModel(llmsim.New(llmsim.Config{Seed: 1}), 100)))
	defer background(client)()
	ctx := context.Background()
	for range 2 {
		run, err := Answer.Add(ctx, client, "What is a pawl?", pawl.User("ann"))
		if err != nil {
			fmt.Println(err)
			return
		}
		_, _ = run.Wait(ctx)
	}
	for row, err := range client.Usage(ctx, pawl.LedgerFilter{}, pawl.ByUser) {
		if err != nil {
			fmt.Println(err)
			return
		}
		paid, reused := row.Sums[pawl.EntryAnswered], row.Sums[pawl.EntryReused]
		fmt.Println(row.User, paid.Calls, "call, reused", reused.Calls, paid.Cost == reused.Cost && paid.Cost > 0)
	}
	// Output:
	// ann 1 call, reused 1 true
}

// A question that is the same but for politeness takes the first one's answer; one about
// another number does not.
func ExampleSimilar() {
	Answer := pawl.Operation[string, string]{Name: "answer", Similar: &pawl.Similar{}}
	client := pawl.New(inmem.New(), pawl.Config{})
	Answer.Handle(client, asking(simModel(llmsim.New(llmsim.Config{}), 100)))
	defer background(client)()
	ctx := context.Background()
	for _, question := range []string{
		"How many days of holiday do I have in my first year?",
		"Please, how many days of holiday do I have in my first year?",
		"How many days of holiday do I have in my second year?",
	} {
		run, err := Answer.Add(ctx, client, question)
		if err != nil {
			fmt.Println(err)
			return
		}
		_, _ = run.Wait(ctx)
	}
	for row, err := range client.Usage(ctx, pawl.LedgerFilter{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if answered := row.Sums[pawl.EntryAnswered].Calls; answered > 0 {
			fmt.Println("calls:", answered)
		}
		if taken := row.Sums[pawl.EntrySimilar].Calls; taken > 0 {
			fmt.Println("not needed:", taken)
		}
	}
	// Output:
	// calls: 2
	// not needed: 1
}
