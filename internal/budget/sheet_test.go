package budget_test

import (
	"bytes"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/budget"
)

// What earlier versions stored by names is settled by names, and kept in a sheet.
func TestTakeOver(t *testing.T) {
	one := pawl.Spent{Tokens: 7, Calls: 1}
	table := configured(pawl.Budget{Scope: pawl.OfUser, Repeats: 1, Calls: 9})
	ann := budget.Part{Budget: "user/*", Account: "ann"}
	table.TakeOver(ann, &budget.Account{Spent: one, Reserved: one, States: map[string]int{"loop": 1}, Recent: []string{"loop"}, Stopped: "round and round"})
	table.TakeOver(budget.Part{Budget: "user/bob"}, &budget.Account{Spent: one}) // there is no such budget
	other := configured(pawl.Budget{Scope: pawl.OfUser, Repeats: 1, Calls: 9})
	if err := other.SetSheet(0, table.PackSheet(0)); err != nil {
		t.Fatal(err)
	}
	if got, want := other.PackSheet(0), table.PackSheet(0); !bytes.Equal(got, want) {
		t.Errorf("the sheet comes back as %q; want %q", got, want)
	}
	other.Settle(began, &budget.Ended{Held: budget.Held{Needs: one, Named: []budget.Part{ann, {Budget: "all"}}}, Used: one}, nil)
	s := other.Status(began)[0]
	if a := s.Accounts[0]; s.Of != 1 || a.Name != "ann" || a.Spent != one.Plus(one) || a.Reserved != (pawl.Spent{}) || a.Stopped != "round and round" {
		t.Errorf("%d accounts, the first is %+v; want one, ann's, stopped, with 2 calls spent and none reserved", s.Of, a)
	}
}

// Earlier versions did not count the calls of a state that were under way.
func TestTheEndOfANamedCallLeavesOthersUnderWay(t *testing.T) {
	run := pawl.NewID()
	table := configured(pawl.Budget{Scope: pawl.OfRun, Repeats: 2})
	of := budget.Part{Budget: "run/*", Account: run.String()}
	table.TakeOver(of, &budget.Account{Reserved: pawl.Spent{Calls: 1}})
	ask := &budget.Ask{Run: run, State: 7 << 20, Needs: pawl.Spent{Calls: 1}}
	table.Take(began, ask)
	table.Settle(began, &budget.Ended{Held: budget.Held{Needs: ask.Needs, State: ask.State, Named: []budget.Part{of}}, Answered: true}, nil)
	if v := table.Look(began, ask); v.Wait == "" {
		t.Errorf("Look = %+v; want it wait: one was answered and one is under way, of two", v)
	}
}

// An account that was removed and made anew has another number: the sheets of both may be
// read in any order.
func TestSheetsInAnyOrder(t *testing.T) {
	b := pawl.Budget{Scope: pawl.OfUser, Calls: 9}
	with := func(number int) []byte {
		table := configured(b)
		for range number {
			table.TakeOver(budget.Part{Budget: "user/*", Account: pawl.NewID().String()}, &budget.Account{})
		}
		table.TakeOver(budget.Part{Budget: "user/*", Account: "ann"}, &budget.Account{Spent: pawl.Spent{Calls: int64(number)}})
		return table.PackSheet(int64(number+1) / 16)
	}
	table := configured(b)
	for _, err := range []error{table.SetSheet(0, with(1)), table.SetSheet(2, with(32)), table.SetSheet(0, nil)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if s := table.Status(began)[0]; len(s.Accounts) == 0 || s.Accounts[0].Name != "ann" || s.Accounts[0].Spent.Calls != 32 {
		t.Errorf("accounts = %+v; want ann's, with 32 calls spent", s.Accounts)
	}
}

func FuzzSheet(f *testing.F) {
	table := configured(pawl.Budget{Scope: pawl.OfAll, Calls: 9})
	table.Take(began, &budget.Ask{Needs: pawl.Spent{Calls: 1}})
	f.Add(table.PackSheet(0))
	f.Fuzz(func(t *testing.T, b []byte) {
		table := configured(pawl.Budget{Scope: pawl.OfAll, Calls: 9})
		if table.SetSheet(3, b) != nil {
			return
		}
		table.Status(began)
		packed := table.PackSheet(3)
		if err := table.SetSheet(3, packed); err != nil || !bytes.Equal(table.PackSheet(3), packed) {
			t.Errorf("%q comes back as %q, %v", packed, table.PackSheet(3), err)
		}
	})
}
