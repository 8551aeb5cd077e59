// Package storetest is the contract that every store is held to, as a test, and
// the benchmarks that stores are compared by.
//
// A store's own test is one line:
//
//	storetest.Run(t, func(t *testing.T) pawl.Store { return inmem.New() })
//
// No case looks inside a store, and none sleeps: the time is what a case says it
// is. It starts in the past, so that a store that asks its own clock is found out.
package storetest

import (
	"testing"

	"github.com/pawlhq/pawl"
)

// rule is one case of the contract.
type rule struct {
	name string
	why  string // one sentence; a failure prints it
	run  func(*trial)
}

// groups are all cases, by what they are about.
var groups = []struct {
	name  string
	rules []rule
}{
	{"states", stateRules()},
	{"order", orderRules},
	{"turns", turnRules},
	{"leases", leaseRules},
	{"again", againRules},
	{"workers", workerRules},
	{"calls", callRules},
	{"duplicates", duplicateRules},
	{"time", timeRules},
	{"admission", admissionRules},
	{"reservations", reservationRules},
	{"pauses", pauseRules},
	{"within", withinRules},
	{"ceilings", ceilingRules},
	{"large", largeRules},
	{"learning", learningRules},
	{"finish", finishRules},
	{"branches", branchRules},
	{"broken branches", brokenRules},
	{"so many at once", atOnceRules},
	{"signals", signalRules},
	{"additions", additionRules},
	{"kept", keptRules},
	{"fallbacks", fallbackRules},
	{"lines of a run", lineRules},
	{"ledger", ledgerRules},
	{"savings", savingRules},
	{"usage", usageRules},
	{"budgets", budgetRules},
	{"opening budgets", openingRules},
	{"stopped by budgets", stopRules},
	{"contexts", contextRules},
	{"near-duplicates", nearRules},
	{"queries", queryRules},
	{"groups", groupRules},
	{"changes", changeRules},
	{"events", eventRules},
	{"watches", watchRules},
	{"closing", closingRules},
	{"repeated", repeatRules},
	{"removal", removalRules},
	{"random", randomRules},
	{"explain", explainRules},
	{"concurrent", concurrentRules},
}

// Run holds a store to the contract. Each case gets an empty store from open and
// closes it.
func Run(t *testing.T, open func(t *testing.T) pawl.Store) {
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, r := range g.rules {
				t.Run(r.name, func(t *testing.T) {
					defer func() {
						if t.Failed() {
							t.Logf("why this is so: %s", r.why)
						}
					}()
					r.run(newTrial(t, open(t)))
				})
			}
		})
	}
}
