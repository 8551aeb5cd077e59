package price

import (
	"math"
	"math/bits"

	"github.com/pawlhq/pawl/llm"
)

// Rates are the prices of a million tokens of each kind that an [llm.Usage] counts.
// The kinds do not overlap: input that a cache was read for, or written with, is
// paid at that rate and not at Input. Reasoning is paid as the Output that it is a
// part of.
type Rates struct {
	Input      Money `json:"input"`
	Output     Money `json:"output"`
	CacheRead  Money `json:"cache_read"`
	CacheWrite Money `json:"cache_write"`
}

// perTokens is how many tokens the rates are for.
const perTokens = 1_000_000

// Cost returns what a call costs that used u, exactly, rounded half up to a
// billionth, and the most Money there is if it is more than that. Tokens and
// rates that are negative count as 0.
func (r Rates) Cost(u llm.Usage) Money {
	var sum wide
	sum.add(u.Input, r.Input)
	sum.add(u.Output, r.Output)
	sum.add(u.CacheRead, r.CacheRead)
	sum.add(u.CacheWrite, r.CacheWrite)
	return sum.money(perTokens / 2)
}

// CacheSaved returns what the provider's cache saved of a call that used u,
// against paying for all of its input at the rate of Input: what reading it saved,
// less what writing it cost more. It is negative where a cache was written
// and not read enough. It is as exact as Cost, and rounded in the same way.
func (r Rates) CacheSaved(u llm.Usage) Money {
	in, read, write := max(r.Input, 0), max(r.CacheRead, 0), max(r.CacheWrite, 0)
	var saved, lost wide
	saved.add(u.CacheRead, in-read)
	lost.add(u.CacheRead, read-in)
	saved.add(u.CacheWrite, in-write)
	lost.add(u.CacheWrite, write-in)
	if saved.less(lost) {
		// Half up is half down of the amount without its sign.
		return -lost.minus(saved).money(perTokens/2 - 1)
	}
	return saved.minus(lost).money(perTokens / 2)
}

// wide is a number of 128 bits. Four products of two numbers that an int64 can
// hold fit into it, with room to round their sum.
type wide struct{ high, low uint64 }

// add adds what so many tokens cost at a rate, nothing if either is negative.
func (w *wide) add(tokens int64, rate Money) {
	high, low := bits.Mul64(uint64(max(tokens, 0)), uint64(max(rate, 0)))
	var carry uint64
	w.low, carry = bits.Add64(w.low, low, 0)
	w.high, _ = bits.Add64(w.high, high, carry)
}

func (w wide) less(v wide) bool { return w.high < v.high || w.high == v.high && w.low < v.low }

// minus returns w-v, where v is not more than w.
func (w wide) minus(v wide) wide {
	low, borrow := bits.Sub64(w.low, v.low, 0)
	high, _ := bits.Sub64(w.high, v.high, borrow)
	return wide{high, low}
}

// money returns (w+round)/perTokens, and the most Money if it is more.
func (w wide) money(round uint64) Money {
	low, carry := bits.Add64(w.low, round, 0)
	high := w.high + carry
	if high >= perTokens {
		return math.MaxInt64
	}
	amount, _ := bits.Div64(high, low, perTokens)
	return Money(min(amount, math.MaxInt64))
}
