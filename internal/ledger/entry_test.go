package ledger_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/ledger"
)

// fill sets every field below v, so that one that is not packed is missed.
func fill(t *rapid.T, v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.UnixMicro(rapid.Int64Range(1, 1e16).Draw(t, "time")).UTC()))
	case v.Type() == reflect.TypeFor[pawl.EntryKind]():
		v.SetString(string(rapid.SampledFrom(pawl.EntryKinds()).Draw(t, "kind")))
	case v.Type() == reflect.TypeFor[pawl.ID]():
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(rapid.Byte().Draw(t, "id")))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case v.Kind() == reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "amount"))
	case v.Kind() == reflect.Int:
		v.SetInt(int64(rapid.Int().Draw(t, "number")))
	case v.Kind() == reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, "share"))
	case v.Kind() == reflect.String:
		v.SetString(rapid.String().Draw(t, "text"))
	default:
		t.Fatalf("a field of type %v; say here how to fill it", v.Type())
	}
}

// anyEntry returns an entry with all fields set, or with some of them.
func anyEntry(t *rapid.T) pawl.Entry {
	e := pawl.Entry{Kind: rapid.SampledFrom(pawl.EntryKinds()).Draw(t, "kind"), At: time.UnixMicro(1).UTC()}
	v := reflect.ValueOf(&e).Elem()
	all := rapid.Bool().Draw(t, "all")
	for i := range v.NumField() {
		if all || rapid.Bool().Draw(t, "set") {
			fill(t, v.Field(i))
		}
	}
	if rapid.Bool().Draw(t, "first of its run") {
		e.Run = e.Task
	}
	return e
}

func unpacked(t interface{ Fatal(...any) }, packed []byte) (all []pawl.Entry) {
	for e, err := range ledger.Unpack(packed) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *e)
	}
	return all
}

func TestPackedEntriesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []pawl.Entry
		var packed []byte
		for range rapid.IntRange(0, 4).Draw(t, "entries") {
			e := anyEntry(t)
			want = append(want, e)
			packed = ledger.Pack(packed, &e)
		}
		if diff := cmp.Diff(want, unpacked(t, packed), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What a caller has read is its own, and reading can end early.
func TestUnpackEndsWhenItsCallerDoes(t *testing.T) {
	var packed []byte
	for range 3 {
		packed = ledger.Pack(packed, &pawl.Entry{Kind: pawl.EntryFailed})
	}
	n := 0
	for range ledger.Unpack(append(packed, 0xff)) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d entries; want 2", n)
	}
}

func TestBytesThatAreNoEntries(t *testing.T) {
	whole := ledger.Pack(nil, &pawl.Entry{Kind: pawl.EntryFailed, Key: "k", Class: "transient", Of: pawl.ID{1}, Currency: "USD"})
	for cut := 1; cut < len(whole); cut++ {
		failed := 0
		for _, err := range ledger.Unpack(whole[:cut]) {
			if err != nil {
				failed++
			}
		}
		if failed != 1 {
			t.Errorf("%d of %d bytes gave %d errors; want 1", cut, len(whole), failed)
		}
	}
	for _, kind := range []byte{0, 10, 255} {
		for e, err := range ledger.Unpack(append([]byte{kind}, whole[1:]...)) {
			if err == nil {
				t.Errorf("kind %d gave %+v; want an error", kind, e)
			}
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(ledger.Pack(nil, &pawl.Entry{Kind: pawl.EntryAnswered, Key: "k", Score: 0.5, Of: pawl.ID{1}, Waited: 1, Cost: 7, Currency: "USD"}))
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var packed []byte
		n := 0
		for e, err := range ledger.Unpack(b) {
			if err != nil {
				return
			}
			packed = ledger.Pack(packed, e)
			n++
		}
		if again := unpacked(t, packed); len(again) != n {
			t.Errorf("%d entries come back as %d", n, len(again))
		}
	})
}

func TestEntriesThatMakeNoSense(t *testing.T) {
	for _, by := range pawl.Dimensions() {
		if err := ledger.Check(&pawl.LedgerFilter{Kinds: pawl.EntryKinds()}, []pawl.Dimension{by}); err != nil {
			t.Errorf("Check by %s = %v", by, err)
		}
	}
	if err := ledger.Check(&pawl.LedgerFilter{}, []pawl.Dimension{"colour"}); err == nil {
		t.Error("Check by colour = nil; want an error")
	}
	if err := ledger.Check(&pawl.LedgerFilter{Kinds: []pawl.EntryKind{""}}, nil); err == nil {
		t.Error("Check of a kind without a name = nil; want an error")
	}
}
