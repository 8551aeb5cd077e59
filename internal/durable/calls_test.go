package durable_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pawlhq/pawl/internal/admission"
	"github.com/pawlhq/pawl/internal/budget"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/limit"
)

// fill sets every field below v, so that one that is not packed is missed.
func fill(t *rapid.T, v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(0, rapid.Int64().Draw(t, "time")).UTC()))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case v.Type() == reflect.TypeFor[[]admission.Charge]():
		more := make([]admission.Charge, rapid.IntRange(1, 3).Draw(t, "more"))
		for i := range more {
			fill(t, reflect.ValueOf(&more[i]).Elem())
		}
		v.Set(reflect.ValueOf(more))
	case v.Type() == reflect.TypeFor[[]budget.Part]():
		parts := make([]budget.Part, rapid.IntRange(1, 3).Draw(t, "parts"))
		for i := range parts {
			fill(t, reflect.ValueOf(&parts[i]).Elem())
		}
		v.Set(reflect.ValueOf(parts))
	case v.Type() == reflect.TypeFor[[]int64]():
		v.Set(reflect.ValueOf(rapid.SliceOfN(rapid.Int64(), 1, 3).Draw(t, "numbers")))
	case v.Kind() == reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "amount"))
	case v.Kind() == reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, "hash"))
	case v.Kind() == reflect.String:
		v.SetString(rapid.String().Draw(t, "text"))
	case v.Kind() == reflect.Int:
		v.SetInt(int64(rapid.Int().Draw(t, "number")))
	case v.Kind() == reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, "amount"))
	case v.Kind() == reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "flag"))
	default:
		t.Fatalf("a field of type %v; say here how to fill it", v.Type())
	}
}

func TestPackedCallsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		calls := make([]durable.Call, rapid.IntRange(1, 3).Draw(t, "calls"))
		for i := range calls {
			if rapid.IntRange(0, 4).Draw(t, "filled") > 0 {
				fill(t, reflect.ValueOf(&calls[i]).Elem())
			}
		}
		got, err := durable.UnpackCalls(durable.PackCalls(calls))
		if diff := cmp.Diff(calls, got); err != nil || diff != "" {
			t.Errorf("UnpackCalls: %v (-want +got):\n%s", err, diff)
		}
	})
	if b := durable.PackCalls(nil); b != nil {
		t.Errorf("PackCalls(nil) = %q; want nil", b)
	}
}

// Before accounts of budgets had numbers, calls had their names.
func TestCallsWithNamedAccountsAreRead(t *testing.T) {
	b := []byte{2, 1 << 4, 1, 'k', 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 1, 3, 'a', 'l', 'l', 0}
	want := durable.Call{Key: "k"}
	want.State, want.Named = 7, []budget.Part{{Budget: "all"}}
	for range 2 {
		got, err := durable.UnpackCalls(b)
		if err != nil || !cmp.Equal(got, []durable.Call{want}) {
			t.Fatalf("UnpackCalls = %+v, %v; want %+v", got, err, want)
		}
		b = durable.PackCalls(got)
	}
}

func FuzzUnpackCalls(f *testing.F) {
	call := durable.Call{Key: "k", Limit: "l", At: time.Unix(1, 0).UTC()}
	call.Cost = limit.Cost{Requests: 1, Input: 17, InFlight: 1, Probe: true}
	call.More = []admission.Charge{{Limit: "m", User: "u"}}
	f.Add(durable.PackCalls([]durable.Call{call, {Unknown: true}}))
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		calls, err := durable.UnpackCalls(b)
		if err != nil {
			return
		}
		again, err := durable.UnpackCalls(durable.PackCalls(calls))
		if err != nil || len(again) != len(calls) {
			t.Errorf("%d calls come back as %d, %v", len(calls), len(again), err)
		}
	})
}
