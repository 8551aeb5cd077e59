package redis

import (
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/llm"
)

// fill sets every field of a value to something that is not zero.
func fill(t *testing.T, r *rand.Rand, v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.UnixMicro(1 + r.Int64N(1<<52)).UTC()))
	case v.Type() == reflect.TypeFor[pawl.State]():
		v.SetString(string(states[1+r.IntN(len(states)-1)]))
	case v.Type() == reflect.TypeFor[pawl.Priority]():
		v.SetInt(int64(pawl.High))
	case v.Type() == reflect.TypeFor[pawl.Stage](): // a stage holds stages
		v.Set(reflect.ValueOf(pawl.Stage{Operation: text(r), Queue: text(r), MaxAttempts: 1 + r.IntN(9), All: []pawl.Branch{{Name: text(r)}}}))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(t, r, v.Field(i))
		}
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, r, v.Elem())
	case v.Type() == reflect.TypeFor[json.RawMessage](), v.Type() == reflect.TypeFor[[]byte]():
		v.SetBytes([]byte(`"` + text(r) + `"`))
	case v.Kind() == reflect.Slice, v.Kind() == reflect.Array:
		if v.Kind() == reflect.Slice {
			v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		}
		for i := range v.Len() {
			fill(t, r, v.Index(i))
		}
	case v.Type() == reflect.TypeFor[map[string]int]():
		v.Set(reflect.ValueOf(map[string]int{text(r): 1 + r.IntN(9)}))
	case v.Kind() == reflect.Map:
		v.Set(reflect.ValueOf(map[string]json.RawMessage{"k": []byte("1"), "": []byte("2")}))
	case v.Kind() == reflect.String:
		v.SetString(text(r))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(1 + r.Int64N(100))
	case v.CanUint():
		v.SetUint(1 + r.Uint64N(255))
	case v.CanFloat():
		v.SetFloat(0.1 + r.Float64())
	default:
		t.Fatalf("a value of type %s is not filled", v.Type())
	}
}

func text(r *rand.Rand) string { return strconv.FormatUint(r.Uint64(), 36) }

// filled runs a test with so many records and candidates, all of which differ.
func filled(t *testing.T, test func(next func() *durable.Record, r *rand.Rand)) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 0))
		test(func() *durable.Record {
			rec := &durable.Record{}
			fill(t, r, reflect.ValueOf(rec).Elem())
			rec.Data["nothing"] = nil
			return rec
		}, r)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// No field of a task is forgotten, also one that is new in package pawl.
func TestRowsAndPayloadsHoldEverything(t *testing.T) {
	filled(t, func(next func() *durable.Record, r *rand.Rand) {
		want := next()
		row, err := appendRow(nil, want, uint64(want.Token))
		if err != nil {
			t.Fatal(err)
		}
		payload, err := appendPayload(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readRow(want.ID, string(row))
		if err != nil {
			t.Fatal(err)
		}
		if err := readPayload(&got.TaskRow, string(payload)); err != nil {
			t.Fatal(err)
		}
		got.Output = want.Output // has a key of its own
		for i := range want.Steps {
			s, err := readStep(string(appendStep(nil, &want.Steps[i])))
			if err != nil {
				t.Fatal(err)
			}
			s.Result = want.Steps[i].Result // likewise
			got.Steps = append(got.Steps, s)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Rows and steps that were stored before usage told of reasoning are read as they
// were meant.
func TestRowsWithoutReasoning(t *testing.T) {
	const (
		row = "0000000000000007040000000200000015000000000000000000000000000000000000000000000000000361736b00000000000000000000000000000000" +
			"0000020201778080f281838985068080f28183898506d00f90033c08020000097472616e7369656e740005736f7272790000120000010600"
		step = "0000000000000000000000000000000000000000000000000000000000000000016b0361736b01d00f90033c088080f2818389850680a8d6b90702"
	)
	at, usage := time.UnixMicro(1_700_000_000_000_000).UTC(), llm.Usage{Input: 1000, Output: 200, CacheRead: 30, CacheWrite: 4}
	got, err := readRow(pawl.ID{}, unhex(t, row))
	if err != nil {
		t.Fatal(err)
	}
	want := []pawl.Attempt{{
		Number: 1, Worker: "w", Started: at, Ended: at, Usage: usage, Calls: 1, Class: llm.Transient, Message: "sorry",
		Spared: llm.Usage{Output: 9}, Used: true, Unasked: 3,
	}}
	if diff := cmp.Diff(want, got.Attempts); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	s, err := readStep(unhex(t, step))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pawl.StepRow{Key: "k", Name: "ask", Call: true, Usage: usage, At: at, Took: time.Second, Attempt: 1}, s); diff != "" {
		t.Errorf("step (-want +got):\n%s", diff)
	}
}

// What an attempt has beside the rest is read, whichever of it there is.
func TestAttemptsWithSomeOfTheRest(t *testing.T) {
	for n := range 128 {
		want := pawl.Attempt{Number: 1, Used: n&1 != 0, Unasked: 2, Unknown: 2}
		if n&2 != 0 {
			want.Spared.Reasoning = 3
		}
		if n&4 != 0 {
			want.Cost, want.Currency = -1, "EUR"
		}
		if n&8 != 0 {
			want.Open = []string{"ask", ""}
		}
		if n&16 != 0 {
			want.Failed = 2
		}
		if n&32 != 0 {
			want.Model = "m1"
		}
		if n&64 != 0 {
			want.Models = pawl.ModelSums{{Model: "m1", Sum: pawl.Sum{Calls: 2, Usage: llm.Usage{Input: 1, Reasoning: 2}, Cost: -6}, Currency: "EUR"}, {}}
		}
		var b buffer
		b.attempt(&want)
		b.attempt(&want)
		r := reader{rest: string(b)}
		for range 2 {
			var got pawl.Attempt
			if r.attempt(&got); r.err != nil {
				t.Fatal(r.err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	}
}

func unhex(t *testing.T, s string) string {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A row that is cut short is an error, not a task with fields missing.
func TestDamagedRow(t *testing.T) {
	filled(t, func(next func() *durable.Record, r *rand.Rand) {
		whole := next()
		row, err := appendRow(nil, whole, 1)
		if err != nil {
			t.Fatal(err)
		}
		cut := r.IntN(len(row))
		if got, err := readRow(whole.ID, string(row[:cut])); err == nil {
			t.Errorf("readRow of %d of %d bytes = %+v; want an error", cut, len(row), got)
		}
	})
}

// A claim replaces the beginning of a row and nothing else.
func TestClaimReplacesTheLease(t *testing.T) {
	filled(t, func(next func() *durable.Record, r *rand.Rand) {
		old, claimed := next(), next()
		row, err := appendRow(nil, old, 1)
		if err != nil {
			t.Fatal(err)
		}
		lease, err := appendLease(nil, claimed, 2)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readRow(old.ID, withLease(string(row), string(lease)))
		if err != nil {
			t.Fatal(err)
		}
		want := *old
		want.Token, want.State, want.Attempt = 2, claimed.State, claimed.Attempt
		want.Started, want.LeaseUntil, want.Due, want.Worker = claimed.Started, claimed.LeaseUntil, claimed.Due, claimed.Worker
		want.Cost, want.Share, want.Calls = claimed.Cost, claimed.Share, claimed.Calls
		want.Input, want.Output, want.Next, want.Data, want.Steps = nil, nil, nil, nil, nil
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Pending tasks stand in their bins by Seq.
func TestMembersAreInOrder(t *testing.T) {
	filled(t, func(next func() *durable.Record, r *rand.Rand) {
		var members [2]string
		var want [2]candidate
		for i := range want {
			fill(t, r, reflect.ValueOf(&want[i].Candidate).Elem())
			want[i].Seq = r.Int64N(1 << 50)
			want[i].flags = byte(r.IntN(256))
			members[i] = string(appendMember(nil, &want[i]))
			got, err := readMember(members[i])
			if err != nil || got != want[i] {
				t.Fatalf("readMember = %+v, %v; want %+v", got, err, want[i])
			}
			if len(members[i]) > 64 {
				t.Fatalf("a member has %d bytes; small sets are compact up to 64", len(members[i]))
			}
		}
		if want[0].Seq != want[1].Seq && (want[0].Seq < want[1].Seq) != (members[0] < members[1]) {
			t.Errorf("members of %d and %d are not in order", want[0].Seq, want[1].Seq)
		}
	})
}
