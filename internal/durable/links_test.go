package durable_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// drawLinks sets some of the fields of links, or all, so that one that is not packed
// is missed.
func drawLinks(t *rapid.T) *pawl.Links {
	var l pawl.Links
	v := reflect.ValueOf(&l).Elem()
	all := rapid.Bool().Draw(t, "all")
	for i := range v.NumField() {
		if !all && rapid.Bool().Draw(t, "without") {
			continue
		}
		switch f := v.Field(i).Addr().Interface().(type) {
		case *pawl.ID:
			copy(f[:], rapid.SliceOfN(rapid.Byte(), len(f), len(f)).Draw(t, "id"))
		case *pawl.Hash:
			copy(f[:], rapid.SliceOfN(rapid.Byte(), len(f), len(f)).Draw(t, "hash"))
		case *string:
			*f = rapid.String().Draw(t, "text")
		case *bool:
			*f = true
		case *int:
			*f = rapid.IntRange(0, 1000).Draw(t, "number")
		case **pawl.Wait:
			*f = &pawl.Wait{Branches: 2, All: true, Line: &pawl.Line{Prefix: "each/", Next: 3, Of: 5}, Signal: "go", After: 1, Budget: "user/ann", Account: "ann", Behind: pawl.ID{3}}
		case *map[string]int:
			*f = map[string]int{rapid.String().Draw(t, "name"): 2}
		case *[]pawl.Fallback:
			*f = []pawl.Fallback{{Stage: pawl.Stage{Operation: "second", Queue: "q", Limit: "l", Priority: pawl.High, MaxAttempts: 2}}}
		case **pawl.Origin:
			*f = &pawl.Origin{Task: pawl.ID{1}, Step: "ask#1", Kept: true}
		case *pawl.Variant:
			*f = pawl.Variant{"model": []byte(`"another"`)}
		default:
			t.Fatalf("a field of type %T; say here how to fill it", f)
		}
	}
	return &l
}

func TestPackedLinksComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row := pawl.TaskRow{Links: drawLinks(t)}
		packed, err := durable.PackLinks(&row)
		if err != nil {
			t.Fatal(err)
		}
		var got pawl.TaskRow
		err = durable.UnpackLinks(packed, &got)
		if diff := cmp.Diff(row.Links, got.Links); err != nil || diff != "" {
			t.Errorf("UnpackLinks: %v (-want +got):\n%s", err, diff)
		}
	})
	if b, err := durable.PackLinks(&pawl.TaskRow{}); b != nil || err != nil {
		t.Errorf("PackLinks of a task that stands alone = %q, %v; want nil", b, err)
	}
}

func FuzzUnpackLinks(f *testing.F) {
	for _, l := range []pawl.Links{
		{Parent: pawl.ID{1}, Key: "each/17", Awaited: true},
		{Wait: &pawl.Wait{Branches: 3}, Signals: map[string]int{"go": 1}, Stored: true},
	} {
		b, err := durable.PackLinks(&pawl.TaskRow{Links: &l})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var row, again pawl.TaskRow
		if durable.UnpackLinks(b, &row) != nil {
			return
		}
		packed, err := durable.PackLinks(&row)
		if err == nil {
			err = durable.UnpackLinks(packed, &again)
		}
		if err != nil || (row.Links == nil) != (again.Links == nil) || row.Branch() != again.Branch() || row.Awaited() != again.Awaited() {
			t.Errorf("%+v comes back as %+v, %v", row.Links, again.Links, err)
		}
	})
}

func BenchmarkLinksOfABranch(b *testing.B) {
	row := pawl.TaskRow{Links: &pawl.Links{Parent: pawl.NewID(), Key: "each/1234", Awaited: true}}
	var got pawl.TaskRow
	b.ReportAllocs()
	for b.Loop() {
		packed, err := durable.PackLinks(&row)
		if err == nil {
			err = durable.UnpackLinks(packed, &got)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
