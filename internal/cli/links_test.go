package cli

import (
	"strings"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// What a task has to do with others is shown with it, and what the queue's own
// operations do is named by what they put together.
func TestTasksShowTheirLinks(t *testing.T) {
	w := newFlowWard(t)
	add(w, pawl.Then(outline, pawl.Each(pawl.WithFallback(halve, floor, llm.Permanent))), topic{"rounded", []int{2, 3}}, "rounded")
	tree := w.until("rounded", pawl.Succeeded)
	each := tree.Line.Tasks[1]
	even, odd := each.Branches[0].Tasks[0].Task.ID.String(), each.Branches[1].Tasks[0].Task.ID.String()
	w.well("tasks", "each(hal", "floor")
	w.well("tasks --operation pawl.each", "each(hal")
	w.well("run "+w.id("rounded"), "each(halve, else floor)", "[0] halve", "[1] floor")
	w.well("show "+w.id("rounded"), "then         each(halve, else floor)", "OTHER TASKS")
	w.well("show "+each.Task.ID.String(), "operation    each(halve, else floor), priority normal", "parked")
	w.well("show "+even, "operation    halve", ".0 of "+each.Task.ID.String(), "else         floor (permanent)")
	shown := w.well("show "+odd, "operation    floor", ".1 of "+each.Task.ID.String(), "as halve: 3 is odd")
	if strings.Contains(shown, "else  ") {
		t.Errorf("a task shows a fallback that has gone on with it:\n%s", shown)
	}
}

// A run has many tasks; the page of one shows a few of the others.
func TestShowNamesAFewOthersOfTheRun(t *testing.T) {
	w := newFlowWard(t)
	add(w, study, topic{"even", make([]int, 20)}, "even")
	w.until("even", pawl.Succeeded)
	w.well("show "+w.id("even"), "… 14 more: pawl run "+w.id("even"))
	if whole := w.well("show --full "+w.id("even"), "OTHER TASKS"); strings.Contains(whole, "more: pawl run") || strings.Count(whole, "halve ") < 20 {
		t.Errorf("--full leaves tasks of the run out:\n%s", whole)
	}
}

func TestStepsThatNobodyAskedForAreTold(t *testing.T) {
	w := newFlowWard(t)
	add(w, drift, 1, "drift")
	w.until("drift", pawl.Succeeded)
	for _, command := range []string{"run ", "show "} {
		w.well(command+w.id("drift"), "1 stored step not asked for by attempt 2: its code or data has changed")
	}
}

// The cap to raise is read from the sentence that says which one is used up.
func TestTheCapThatIsUsedUp(t *testing.T) {
	for why, want := range map[string]string{
		"budget all: 2 of 2 calls are spent, and the call needs 1":                                         "--calls N",
		"budget all: 1 of 1 call is spent, and the call needs 1":                                           "--calls N",
		"budget all: 1,880 of 100 tokens are spent, and the call needs 5":                                  "--tokens N",
		"budget all: 3 of 1 token is spent":                                                                "--tokens N",
		"budget all: 4.98 of 5.00 USD are spent, and the call needs 0.04":                                  "--money X",
		"budget run/*: the same state of a conversation was asked 3 times in this run, and is asked again": "--repeats N",
	} {
		if got := capFlag(why); got != want {
			t.Errorf("capFlag(%q) = %s; want %s", why, got, want)
		}
	}
}
