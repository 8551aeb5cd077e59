package budget_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/budget"
	"github.com/pawlhq/pawl/price"
)

func TestEndsComeBack(t *testing.T) {
	spent := rapid.Custom(func(t *rapid.T) pawl.Spent {
		return pawl.Spent{Tokens: rapid.Int64().Draw(t, "tokens"), Money: price.Money(rapid.Int64().Draw(t, "money")), Calls: rapid.Int64().Draw(t, "calls")}
	})
	part := rapid.Custom(func(t *rapid.T) budget.Part {
		return budget.Part{Budget: rapid.String().Draw(t, "budget"), Account: rapid.String().Draw(t, "account")}
	})
	rapid.Check(t, func(t *rapid.T) {
		e := budget.Ended{Used: spent.Draw(t, "used"), Answered: rapid.Bool().Draw(t, "answered")}
		e.Needs, e.State = spent.Draw(t, "needs"), rapid.Uint64().Draw(t, "state")
		if n := rapid.IntRange(0, 12).Draw(t, "accounts"); n > 0 {
			e.Accounts = rapid.SliceOfN(rapid.Int64(), n, n).Draw(t, "numbers")
		}
		if n := rapid.IntRange(0, 12).Draw(t, "named"); n > 0 {
			e.Named = rapid.SliceOfN(part, n, n).Draw(t, "names")
		}
		b, err := json.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		var got budget.Ended
		if err := json.Unmarshal(b, &got); err != nil || !cmp.Equal(e, got) {
			t.Errorf("%s comes back as %+v, %v; want %+v", b, got, err, e)
		}
	})
}

// Before accounts had numbers, the end of a call had their names.
func TestNamedEndsAreRead(t *testing.T) {
	b := []byte{1, 6, 0, 2, 8, 0, 2, 0, 1, 3, 'a', 'l', 'l', 0}
	text, _ := json.Marshal(b)
	want := budget.Ended{Used: pawl.Spent{Tokens: 4, Calls: 1}, Answered: true}
	want.Needs, want.Named = pawl.Spent{Tokens: 3, Calls: 1}, []budget.Part{{Budget: "all"}}
	var got budget.Ended
	if err := json.Unmarshal(text, &got); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v is read as %+v, %v; want %+v", b, got, err, want)
	}
}

func FuzzEnded(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		text, _ := json.Marshal(b)
		var e budget.Ended
		if json.Unmarshal(text, &e) != nil {
			return
		}
		again, err := json.Marshal(&e)
		var got budget.Ended
		if err != nil || json.Unmarshal(again, &got) != nil || !cmp.Equal(e, got) {
			t.Errorf("%+v comes back as %+v, %v", e, got, err)
		}
	})
}
