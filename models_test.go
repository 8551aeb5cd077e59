package pawl_test

import (
	"slices"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// Attempts in which workers died have not counted the unknown calls among the sent ones,
// and know no models. What was answered is counted beside what is of a model.
func TestAnsweredCallsOfEarlierVersions(t *testing.T) {
	row := &pawl.TaskRow{Attempts: []pawl.Attempt{
		{Class: pawl.Lost, Calls: 2, Unknown: 2, Usage: llm.Usage{Output: 40}, Cost: 600, Currency: "USD"},
		{Class: pawl.Lost, Calls: 0, Unknown: 1},
		{Calls: 3, Failed: 1, Unknown: 1, Model: "m1", Usage: llm.Usage{Output: 10}, Cost: 150, Currency: "USD"},
	}}
	want := pawl.ModelSums{
		{Sum: pawl.Sum{Calls: 2, Usage: llm.Usage{Output: 40}, Cost: 600}, Currency: "USD"},
		{Model: "m1", Sum: pawl.Sum{Calls: 1, Usage: llm.Usage{Output: 10}, Cost: 150}, Currency: "USD"},
	}
	if got := pawl.Answered(row); !slices.Equal(got, want) {
		t.Errorf("Answered = %+v; want %+v", got, want)
	}
}
