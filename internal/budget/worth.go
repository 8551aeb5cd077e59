package budget

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// Look is after how long a call that waits for a budget looks again, though nothing
// calls for it.
const Look = time.Second

// Worth is what a call is expected to cost, and what it has taken from budgets. It is
// kept with the call, so that whoever ends it can settle it and write it into the ledger.
type Worth struct {
	Step     string      `json:"step,omitempty"` // see pawl.Reservation
	Model    string      `json:"model,omitempty"`
	Currency string      `json:"currency,omitempty"` // "" if the model has no price
	Expected llm.Usage   `json:"expected,omitzero"`
	Money    price.Money `json:"money,omitempty"` // for what is Expected
	Again    string      `json:"again,omitempty"` // see pawl.Entry
	State    uint64      `json:"state,omitempty"`
	Accounts []int64     `json:"accounts,omitempty"` // of budgets; see Held
	Named    []Part      `json:"named,omitempty"`
}

// WorthOf returns what a call of a task is expected to cost, by what was learned of its
// operation, and what it asks of budgets. open is the steps of the attempt's calls whose
// outcome is unknown; fit may be nil.
func WorthOf(t *pawl.TaskRow, r *pawl.Reservation, open []string, fit *limit.Fit) (Worth, *Ask) {
	usage := expected(r.Size, fit)
	w := Worth{Step: r.Step, Model: r.Model, Expected: usage, State: r.State, Again: t.Lost(r, open)}
	if r.Rates != nil {
		w.Currency, w.Money = r.Currency, r.Rates.Cost(usage)
	}
	return w, &Ask{
		Queue: t.Queue, Operation: t.Operation, User: t.User, Run: t.Run,
		Needs: w.needs(), Model: r.Model, Priced: r.Rates != nil, Currency: w.Currency, State: r.State,
	}
}

func (w *Worth) needs() pawl.Spent {
	return pawl.Spent{Tokens: w.Expected.Total(), Money: w.Money, Calls: 1}
}

func expected(size limit.Size, fit *limit.Fit) llm.Usage {
	input := fit.InputTokens(size)
	read := input * fit.Cached()
	return llm.Usage{Input: whole(input - read), CacheRead: whole(read), Output: whole(fit.OutputTokens(size))}
}

// Holds reports whether a call has taken something from budgets.
func (w *Worth) Holds() bool { return len(w.Accounts)+len(w.Named) > 0 }

// Spend returns what a call that has ended hands back and has used; nil if it had taken
// nothing from budgets.
func (w *Worth) Spend(st *pawl.Settlement) *Ended {
	if !w.Holds() {
		return nil
	}
	e := &Ended{Held: Held{Needs: w.needs(), State: w.State, Accounts: w.Accounts, Named: w.Named}}
	switch st.Kind() {
	case pawl.EntryAnswered:
		e.Answered = true
		e.Used = pawl.Spent{Tokens: st.Usage.Total(), Money: st.Paid, Calls: 1}
		if st.Usage == (llm.Usage{}) {
			e.Used = e.Needs // it told no usage: as for limits, it is what was expected
		}
	case pawl.EntryUnknown:
		e.Used = e.Needs
	case pawl.EntryFailed:
		e.Used.Calls = 1
	}
	return e
}

// Entry returns the ledger's entry of a call of a task that has ended; nil if nothing
// was sent.
func (w *Worth) Entry(now time.Time, t *pawl.TaskRow, key, through string, st *pawl.Settlement) *pawl.Entry {
	kind := st.Kind()
	if kind == "" {
		return nil
	}
	e := &pawl.Entry{
		At: now, Kind: kind, Task: t.ID, Run: t.Run, Attempt: t.Attempt, Key: key,
		Operation: t.Operation, Queue: t.Queue, User: t.User, Limit: through, Model: w.Model,
		Class: st.Class, Calls: 1, Waited: st.Waited, Again: w.Again,
	}
	switch kind {
	case pawl.EntryAnswered:
		e.Usage, e.Cost, e.CacheSaved, e.Currency = st.Usage, st.Paid, st.CacheSaved, w.Currency
	case pawl.EntryUnknown:
		e.Usage, e.Cost, e.Currency = w.Expected, w.Money, w.Currency
	}
	return e
}
