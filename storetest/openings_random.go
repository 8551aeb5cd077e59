package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// openings sends, settles, sets and removes at random.
type openings struct {
	*chaos
	rows  []*pawl.TaskRow          // that are claimed
	under map[string]*pawl.TaskRow // calls under way, by key
	keys  []string                 // of these
	calls int
}

func (o *openings) step() {
	switch o.IntN(9) {
	case 0:
		o.pass(time.Duration(o.IntN(400)) * time.Minute)
		o.tick()
	case 1:
		if len(o.rows) < 12 {
			o.rows = append(o.rows, o.begun(user(pick(o.chaos, "", "ann", "bob")), queue(pick(o.chaos, "default", "x")), operation(pick(o.chaos, "work", "other"))))
		}
	case 2, 3, 4:
		o.send()
	case 5, 6:
		if len(o.keys) > 0 {
			o.end(o.IntN(len(o.keys)))
		}
	case 7:
		o.setOne()
	case 8:
		if len(o.rows) > 0 && o.IntN(4) == 0 {
			o.leave(o.IntN(len(o.rows)))
		}
	}
}

func (o *openings) send() {
	if len(o.rows) == 0 {
		return
	}
	r, key := pick(o.chaos, o.rows...), fmt.Sprint("ask/", o.calls)
	o.calls++
	var with []func(*pawl.Reservation)
	if o.IntN(4) > 0 {
		with = append(with, priced)
	}
	if o.call(r, key, 1+o.IntN(300), with...).OK {
		o.under[key] = r
		o.keys = append(o.keys, key)
	}
}

// end settles the i-th call.
func (o *openings) end(i int) {
	key := o.keys[i]
	st := pawl.Settlement{Key: key, Reason: "so", Outcome: pick(o.chaos, pawl.CallAnswered, pawl.CallAnswered, pawl.CallAnswered,
		pawl.CallFailed, pawl.CallUnknown, pawl.CallNotSent, pawl.CallUnreached, pawl.CallThrottled)}
	if st.Outcome == pawl.CallAnswered {
		st.Usage = llm.Usage{Input: o.Int64N(99), Output: 1 + o.Int64N(300), CacheRead: o.Int64N(9), Reasoning: 1}
		st.Paid = price.Money(st.Usage.Total() * pick[int64](o.chaos, 0, 15))
	}
	o.settle(o.under[key], st)
	o.forget(key)
}

func (o *openings) forget(key string) {
	delete(o.under, key)
	o.keys = slices.DeleteFunc(o.keys, func(k string) bool { return k == key })
}

// leave ends the i-th task's attempt, with calls under way.
func (o *openings) leave(i int) {
	r := o.rows[i]
	o.rows = slices.Delete(o.rows, i, i+1)
	o.finish(r, pick(o.chaos, pawl.Succeeded, pawl.Dead))
	for key, of := range o.under {
		if of == r {
			o.forget(key)
		}
	}
}

func (o *openings) setOne() {
	b := pawl.Budget{Scope: pick(o.chaos, pawl.Scopes()...), Per: pick(o.chaos, pawl.PerDay, pawl.PerMonth), Tokens: pick[int64](o.chaos, 3000, 1<<40)}
	switch b.Scope {
	case pawl.OfQueue:
		b.Name = pick(o.chaos, "", "x")
	case pawl.OfOperation:
		b.Name = pick(o.chaos, "", "work")
	case pawl.OfUser:
		b.Name = pick(o.chaos, "", "ann", "bob")
	case pawl.OfRun:
		if len(o.rows) == 0 {
			return
		}
		b.Name, b.Per = pick(o.chaos, o.rows...).Run.String(), pick(o.chaos, pawl.ForGood, pawl.PerDay)
	}
	o.configure(pawl.Setting{Budget: &b, Remove: o.IntN(3) == 0})
}

// openWhileOthersWork has eight workers make calls, half of them by a clock that is in the
// next hour, so that what the others have settled is put together again and again.
func openWhileOthersWork(t *trial) {
	rows := make([]*pawl.TaskRow, 8)
	for i := range rows {
		rows[i] = t.begun(user(fmt.Sprint("user ", i%3)))
	}
	now := t.now
	var all sync.WaitGroup
	for i, r := range rows {
		all.Go(func() {
			for n := range 40 {
				if err := t.failedCall(r, fmt.Sprint("ask/", n), now.Add(time.Duration(i%2)*time.Hour)); err != nil {
					t.Errorf("a call of worker %d: %v", i, err)
					return
				}
			}
		})
	}
	budgets := []pawl.Budget{{Scope: pawl.OfUser, Per: pawl.PerDay}, {Scope: pawl.OfAll, Per: pawl.PerMonth}, {Scope: pawl.OfRun, Name: rows[0].Run.String()}}
	for range 10 {
		for _, b := range budgets {
			b.Calls = 1 << 40
			t.removeAndSet(b)
		}
	}
	all.Wait()
	t.pass(time.Hour)
	t.asLedger(5)
	is(t, "calls", t.budgetOf("all per month").Accounts[0].Spent.Calls, int64(40*len(rows)))
}

// failedCall makes a call that fails.
func (t *trial) failedCall(r *pawl.TaskRow, key string, now time.Time) error {
	grants, err := t.store.Reserve(t.ctx, now, []pawl.Reservation{{Lease: r.Lease(), Key: key, Limit: pawl.NoLimit}})
	if err != nil || !grants[0].OK {
		return fmt.Errorf("reserve: %+v, %w", grants, err)
	}
	errs, err := t.store.Save(t.ctx, now, []pawl.Save{{Lease: r.Lease(), Settle: &pawl.Settlement{Key: key, Outcome: pawl.CallFailed}}})
	return errors.Join(append(errs, err)...)
}
