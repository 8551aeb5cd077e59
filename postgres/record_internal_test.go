package postgres

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
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
	packed, err := packMore(&pawl.TaskRow{Attempts: []pawl.Attempt{want}})
	if err != nil {
		t.Fatal(err)
	}
	var row pawl.TaskRow
	if err := unpackMore(packed, &row); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]pawl.Attempt{want}, row.Attempts); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
}

// Attempts that were stored before they had a cost are read as they were meant.
func TestAttemptsWithoutCost(t *testing.T) {
	const stored = `{"used":1,"attempts":[{"n":1,"w":"w","s":1700000000000000,"e":1700000000000001,"u":{"input":7},"c":1,"x":true}]}`
	var row pawl.TaskRow
	if err := unpackMore(durable.Pack([]byte(stored)), &row); err != nil {
		t.Fatal(err)
	}
	at := time.UnixMicro(1_700_000_000_000_000).UTC()
	want := []pawl.Attempt{{Number: 1, Worker: "w", Started: at, Ended: at.Add(time.Microsecond), Usage: llm.Usage{Input: 7}, Calls: 1, Used: true}}
	if diff := cmp.Diff(want, row.Attempts); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
}
