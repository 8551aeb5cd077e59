package durable

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/pawlhq/pawl/internal/admission"
	"github.com/pawlhq/pawl/internal/budget"
	"github.com/pawlhq/pawl/internal/wire"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// callsVersion is the first byte of packed calls; those of the first version have
// nothing of budgets and prices, and those of the second have Named in place of Accounts.
const callsVersion = 3

// What a byte of flags says of a call, and one of a cost.
const (
	callUnknown = 1 << iota
	callTimed
	callMore
	callPriced // Model, Currency, Expected and Money
	callHeld   // State and Accounts
	callAgain
	callNamed
)

const (
	costProbe = 1 << iota
	costCold
)

// PackCalls returns calls as they are stored with their task, in a fraction of the
// time and the bytes of JSON: every task has them written at its claim and read at its
// end. No calls are nil.
func PackCalls(calls []Call) []byte {
	if len(calls) == 0 {
		return nil
	}
	b := append(make([]byte, 0, 96*len(calls)), callsVersion)
	for i := range calls {
		b = appendCall(b, &calls[i])
	}
	return b
}

func appendCall(b []byte, c *Call) []byte {
	flags := byte(0)
	if c.Unknown {
		flags |= callUnknown
	}
	if !c.At.IsZero() {
		flags |= callTimed
	}
	if len(c.More) > 0 {
		flags |= callMore
	}
	if c.Model != "" || c.Currency != "" || c.Money != 0 || c.Expected != (llm.Usage{}) {
		flags |= callPriced
	}
	if c.State != 0 || len(c.Accounts) > 0 {
		flags |= callHeld
	}
	if len(c.Named) > 0 {
		flags |= callNamed
	}
	if c.Again != "" {
		flags |= callAgain
	}
	b = append(b, flags)
	b = wire.AppendText(wire.AppendText(wire.AppendText(b, c.Key), c.Step), c.Limit)
	for _, n := range [...]int{c.Size.Chars, c.Size.MaxTokens, c.Size.Output} {
		b = binary.AppendVarint(b, int64(n))
	}
	b = appendCost(b, &c.Cost)
	if flags&callTimed != 0 {
		b = binary.AppendVarint(b, c.At.UnixNano())
	}
	if flags&callMore != 0 {
		b = binary.AppendUvarint(b, uint64(len(c.More)))
		for i := range c.More {
			m := &c.More[i]
			b = appendCost(wire.AppendText(wire.AppendText(b, m.Limit), m.User), &m.Cost)
		}
	}
	return appendWorth(b, c, flags)
}

// appendWorth appends what a call is expected to be worth, and what has it.
func appendWorth(b []byte, c *Call, flags byte) []byte {
	if flags&callPriced != 0 {
		u := &c.Expected
		b = wire.AppendText(wire.AppendText(b, c.Model), c.Currency)
		b = wire.AppendInts(b, int64(c.Money), u.Input, u.Output, u.CacheRead, u.CacheWrite, u.Reasoning)
	}
	if flags&callHeld != 0 {
		b = budget.AppendNumbers(binary.AppendUvarint(b, c.State), c.Accounts)
	}
	if flags&callAgain != 0 {
		b = wire.AppendText(b, c.Again)
	}
	if flags&callNamed != 0 {
		b = budget.AppendParts(b, c.Named)
	}
	return b
}

// amounts are the numbers of a cost that are mostly 0.
func amounts(c *limit.Cost) [7]*float64 {
	return [...]*float64{&c.Requests, &c.Tokens, &c.Input, &c.Output, &c.RequestsDay, &c.TokensDay, &c.Money}
}

func appendCost(b []byte, c *limit.Cost) []byte {
	flags, which := byte(0), byte(0)
	if c.Probe {
		flags |= costProbe
	}
	if c.Cold {
		flags |= costCold
	}
	all := amounts(c)
	for i, v := range all {
		if *v != 0 {
			which |= 1 << i
		}
	}
	b = append(b, flags, which)
	for _, v := range all {
		if *v != 0 {
			b = wire.AppendFloat(b, *v)
		}
	}
	return binary.AppendVarint(binary.AppendVarint(b, int64(c.InFlight)), int64(c.Epoch))
}

var errCalls = errors.New("not packed calls")

// UnpackCalls returns what PackCalls packed.
func UnpackCalls(b []byte) ([]Call, error) {
	if len(b) == 0 {
		return nil, nil
	}
	r := callReader{wire.Reader{B: b[1:], Bad: b[0] == 0 || b[0] > callsVersion}, b[0]}
	var calls []Call
	for r.More() {
		calls = append(calls, r.call())
	}
	if r.Bad {
		return nil, errCalls
	}
	return calls, nil
}

// callReader reads packed calls.
type callReader struct {
	wire.Reader
	version byte
}

func (r *callReader) call() (c Call) {
	flags := r.Byte()
	c.Unknown = flags&callUnknown != 0
	c.Key = r.Text()
	if r.version > 1 {
		c.Step = r.Text()
	}
	c.Limit = r.Text()
	c.Size = limit.Size{Chars: int(r.Int()), MaxTokens: int(r.Int()), Output: int(r.Int())}
	c.Cost = r.cost()
	if flags&callTimed != 0 {
		c.At = time.Unix(0, r.Int()).UTC()
	}
	if flags&callMore != 0 {
		for n := r.Uint(); n > 0 && !r.Bad; n-- {
			c.More = append(c.More, admission.Charge{Limit: r.Text(), User: r.Text(), Cost: r.cost()})
		}
	}
	r.worth(&c, flags)
	return c
}

func (r *callReader) worth(c *Call, flags byte) {
	if flags&callPriced != 0 {
		c.Model, c.Currency = r.Text(), r.Text()
		c.Money = price.Money(r.Int())
		u := &c.Expected
		r.Ints(&u.Input, &u.Output, &u.CacheRead, &u.CacheWrite, &u.Reasoning)
	}
	if flags&callHeld != 0 {
		c.State = r.Uint()
		if r.version > 2 {
			c.Accounts = budget.ReadNumbers(&r.Reader)
		} else {
			c.Named = budget.ReadParts(&r.Reader)
		}
	}
	if flags&callAgain != 0 {
		c.Again = r.Text()
	}
	if flags&callNamed != 0 {
		c.Named = budget.ReadParts(&r.Reader)
	}
}

func (r *callReader) cost() (c limit.Cost) {
	flags, which := r.Byte(), r.Byte()
	c.Probe, c.Cold = flags&costProbe != 0, flags&costCold != 0
	for i, v := range amounts(&c) {
		if which&(1<<i) != 0 {
			*v = r.Float()
		}
	}
	c.InFlight, c.Epoch = int(r.Int()), int(r.Int())
	return c
}
