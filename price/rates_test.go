package price_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

const dollar = price.Money(1_000_000_000)

var sonnet = price.Rates{Input: 3 * dollar, Output: 15 * dollar, CacheRead: dollar * 3 / 10, CacheWrite: dollar * 15 / 4}

func TestCost(t *testing.T) {
	tests := []struct {
		name  string
		rates price.Rates
		used  llm.Usage
		want  string
	}{
		{"nothing", sonnet, llm.Usage{}, "0.00"},
		{"a million of each", sonnet, llm.Usage{Input: 1e6, Output: 1e6, CacheRead: 1e6, CacheWrite: 1e6}, "22.05"},
		{"a small call", sonnet, llm.Usage{Input: 10, Output: 5}, "0.000105"},
		{"reasoning is in the output", sonnet, llm.Usage{Output: 100, Reasoning: 90}, "0.0015"},
		{"a half is rounded up", price.Rates{Input: 500_000}, llm.Usage{Input: 1}, "0.000000001"},
		{"less than a half is not", price.Rates{Input: 499_999}, llm.Usage{Input: 1}, "0.00"},
		{"rounded once", price.Rates{Input: 300_000, Output: 300_000}, llm.Usage{Input: 1, Output: 1}, "0.000000001"},
		{"the most", price.Rates{Input: math.MaxInt64}, llm.Usage{Input: 1e6}, "9223372036.854775807"},
		{"more than the most", price.Rates{Input: math.MaxInt64}, llm.Usage{Input: 1e6 + 1}, "9223372036.854775807"},
		{"far more", price.Rates{Input: math.MaxInt64, Output: math.MaxInt64, CacheRead: math.MaxInt64, CacheWrite: math.MaxInt64},
			llm.Usage{Input: math.MaxInt64, Output: math.MaxInt64, CacheRead: math.MaxInt64, CacheWrite: math.MaxInt64}, "9223372036.854775807"},
		{"negative tokens", sonnet, llm.Usage{Input: math.MinInt64, Output: 1e6}, "15.00"},
		{"negative rates", price.Rates{Input: math.MinInt64, Output: dollar}, llm.Usage{Input: 1e6, Output: 1e6}, "1.00"},
	}
	for _, test := range tests {
		if got := test.rates.Cost(test.used).String(); got != test.want {
			t.Errorf("%s: Cost = %s; want %s", test.name, got, test.want)
		}
	}
}

func TestCacheSaved(t *testing.T) {
	tests := []struct {
		name  string
		rates price.Rates
		used  llm.Usage
		want  string
	}{
		{"no cache", sonnet, llm.Usage{Input: 1e6, Output: 1e6}, "0.00"},
		{"read", sonnet, llm.Usage{CacheRead: 1e6}, "2.70"},
		{"written and not read", sonnet, llm.Usage{CacheWrite: 1e6}, "-0.75"},
		{"written and read", sonnet, llm.Usage{CacheRead: 1e6, CacheWrite: 1e6}, "1.95"},
		{"a cache that is no cheaper", price.Rates{Input: dollar, CacheRead: dollar, CacheWrite: dollar}, llm.Usage{CacheRead: 1e6, CacheWrite: 1e6}, "0.00"},
		{"a cache that is dearer to read", price.Rates{Input: dollar, CacheRead: 2 * dollar}, llm.Usage{CacheRead: 1e6}, "-1.00"},
		{"writing that is cheaper", price.Rates{Input: dollar}, llm.Usage{CacheWrite: 1e6}, "1.00"},
		{"a half is rounded up", price.Rates{Input: 500_000}, llm.Usage{CacheRead: 1}, "0.000000001"},
		{"a negative half too", price.Rates{CacheRead: 500_000}, llm.Usage{CacheRead: 1}, "0.00"},
		{"more than a negative half", price.Rates{CacheRead: 500_001}, llm.Usage{CacheRead: 1}, "-0.000000001"},
		{"the most", price.Rates{Input: math.MaxInt64}, llm.Usage{CacheRead: math.MaxInt64, CacheWrite: math.MaxInt64}, "9223372036.854775807"},
		{"the least", price.Rates{CacheRead: math.MaxInt64, CacheWrite: math.MaxInt64}, llm.Usage{CacheRead: math.MaxInt64, CacheWrite: math.MaxInt64}, "-9223372036.854775807"},
		{"as much lost as saved", price.Rates{Input: 5, CacheWrite: 10}, llm.Usage{CacheRead: math.MaxInt64, CacheWrite: math.MaxInt64}, "0.00"},
		{"negative tokens", sonnet, llm.Usage{CacheRead: -1e6, CacheWrite: math.MinInt64}, "0.00"},
	}
	for _, test := range tests {
		if got := test.rates.CacheSaved(test.used).String(); got != test.want {
			t.Errorf("%s: CacheSaved = %s; want %s", test.name, got, test.want)
		}
	}
}

// Costs are what arithmetic without bounds says, whatever the size of the numbers.
func TestCostsAreExact(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	number := func() int64 { return int64(r.Uint64() >> (1 + r.IntN(63))) }
	for range 20_000 {
		rates := price.Rates{
			Input: price.Money(number()), Output: price.Money(number()), CacheRead: price.Money(number()), CacheWrite: price.Money(number()),
		}
		u := llm.Usage{Input: number(), Output: number(), CacheRead: number(), CacheWrite: number()}
		times := func(n int64, rates ...price.Money) *big.Int {
			rate := big.NewInt(int64(rates[0]))
			if len(rates) > 1 {
				rate.Sub(rate, big.NewInt(int64(rates[1])))
			}
			return rate.Mul(rate, big.NewInt(n))
		}
		cost := sum(times(u.Input, rates.Input), times(u.Output, rates.Output), times(u.CacheRead, rates.CacheRead), times(u.CacheWrite, rates.CacheWrite))
		saved := sum(times(u.CacheRead, rates.Input, rates.CacheRead), times(u.CacheWrite, rates.Input, rates.CacheWrite))
		if got, want := rates.Cost(u), rounded(cost); got != want {
			t.Fatalf("seed %d: %+v cost %v at %+v; want %v", seed, u, got, rates, want)
		}
		if got, want := rates.CacheSaved(u), rounded(saved); got != want {
			t.Fatalf("seed %d: %+v saved %v at %+v; want %v", seed, u, got, rates, want)
		}
	}
}

func sum(all ...*big.Int) *big.Int {
	total := new(big.Int)
	for _, n := range all {
		total.Add(total, n)
	}
	return total
}

// rounded returns n millionths of a billionth, half up, no further from 0 than the
// most Money.
func rounded(n *big.Int) price.Money {
	n = new(big.Int).Add(n, big.NewInt(500_000))
	n.Div(n, big.NewInt(1_000_000)) // towards minus infinity, as the divisor is positive
	most := big.NewInt(math.MaxInt64)
	if n.CmpAbs(most) > 0 {
		return price.Money(int64(n.Sign()) * math.MaxInt64)
	}
	return price.Money(n.Int64())
}
