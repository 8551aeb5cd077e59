package durable

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/pawlhq/pawl/internal/admission"
	"github.com/pawlhq/pawl/limit"
)

// callsVersion is the first byte of packed calls.
const callsVersion = 1

// What a byte of flags says of a call, and one of a cost.
const (
	callUnknown = 1 << iota
	callTimed
	callMore
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
	b = append(b, flags)
	b = appendText(appendText(b, c.Key), c.Limit)
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
			b = appendCost(appendText(appendText(b, m.Limit), m.User), &m.Cost)
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
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
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(*v))
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
	r := callReader{b: b[1:], bad: b[0] != callsVersion}
	var calls []Call
	for !r.bad && len(r.b) > 0 {
		calls = append(calls, r.call())
	}
	if r.bad {
		return nil, errCalls
	}
	return calls, nil
}

// callReader reads from b until it is bad.
type callReader struct {
	b   []byte
	bad bool
}

func (r *callReader) call() (c Call) {
	flags := r.byte()
	c.Unknown = flags&callUnknown != 0
	c.Key, c.Limit = r.text(), r.text()
	c.Size = limit.Size{Chars: int(r.varint()), MaxTokens: int(r.varint()), Output: int(r.varint())}
	c.Cost = r.cost()
	if flags&callTimed != 0 {
		c.At = time.Unix(0, r.varint()).UTC()
	}
	if flags&callMore != 0 {
		for n := r.uvarint(); n > 0 && !r.bad; n-- {
			c.More = append(c.More, admission.Charge{Limit: r.text(), User: r.text(), Cost: r.cost()})
		}
	}
	return c
}

func (r *callReader) cost() (c limit.Cost) {
	flags, which := r.byte(), r.byte()
	c.Probe, c.Cold = flags&costProbe != 0, flags&costCold != 0
	for i, v := range amounts(&c) {
		if which&(1<<i) != 0 {
			*v = r.float()
		}
	}
	c.InFlight, c.Epoch = int(r.varint()), int(r.varint())
	return c
}

// take returns the next n bytes, or nil.
func (r *callReader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return nil
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *callReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *callReader) float() float64 {
	if b := r.take(8); b != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

func (r *callReader) text() string { return string(r.take(int(min(r.uvarint(), math.MaxInt32)))) }

func (r *callReader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.bad = r.bad || n <= 0
	r.take(n)
	return v
}

func (r *callReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.bad = r.bad || n <= 0
	r.take(n)
	return v
}
