package storetest

import (
	"fmt"
	"slices"
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
