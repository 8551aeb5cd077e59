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
		e.Accounts = rapid.SliceOfN(part, 1, 12).Draw(t, "accounts")
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
