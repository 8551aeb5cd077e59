package sqlite

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// No field of an attempt is forgotten, also one that is new in package pawl.
func TestAttemptsHoldEverything(t *testing.T) {
	at := time.UnixMicro(1_700_000_000_000_001).UTC()
	usage := llm.Usage{Input: 1, Output: 2, CacheRead: 3, CacheWrite: 4, Reasoning: 5}
	want := pawl.Attempt{
		Number: 1, Worker: "w", Started: at, Ended: at.Add(time.Second), Usage: usage, Calls: 9, Saved: 3, Failed: 7, Unknown: 4,
		Open: []string{"ask", "", "ask 2"}, Class: llm.Transient, As: "cheap", Message: "sorry", Waited: time.Second, Cost: -5e9, Currency: "EUR",
		Spared: llm.Usage{Output: 9}, Unasked: 6, Used: true,
		Model: "m1", Models: pawl.ModelSums{
			{Model: "m1", Sum: pawl.Sum{Calls: 2, Usage: usage, Cost: -6e9}, Currency: "EUR"}, {Model: "m2", Sum: pawl.Sum{Calls: 1, Usage: llm.Usage{Input: 9}, Cost: 1}, Currency: "USD"}, {Sum: pawl.Sum{Calls: 1}},
		},
	}
	for i, v := 0, reflect.ValueOf(want); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("the test has no %s", v.Type().Field(i).Name)
		}
	}
	got, err := unpackTry(packTry(&want))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("unpackTry: %v (-want +got):\n%s", err, diff)
	}
}
