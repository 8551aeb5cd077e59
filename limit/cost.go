package limit

import "math"

// Charge is how a provider counts the tokens of a call.
type Charge string

const (
	// InputThenOutput charges the estimated input and the expected output,
	// and then what was really used. Cache reads are free, as Anthropic has
	// it. The default.
	InputThenOutput Charge = ""

	// MaxOrChars charges max(max tokens, characters/4) in the tokens bucket,
	// as OpenAI does. Real usage never refunds it below that.
	MaxOrChars Charge = "max-or-chars"

	// InputPlusMax charges the estimated input and all of max tokens, and
	// then what was really used, as Azure, Groq, Cerebras and Bedrock do.
	InputPlusMax Charge = "input-plus-max"
)

func (c Charge) known() bool {
	return c == InputThenOutput || c == MaxOrChars || c == InputPlusMax
}

// DefaultOutput is the output expected of a call of which neither the output
// nor the maximum is known, in tokens.
const DefaultOutput = 256

// charsPerToken is the ratio by which input is estimated.
const charsPerToken = 4

// Size is what is known of a call before it is sent. Negative values count as 0.
type Size struct {
	Chars     int // characters of the input
	MaxTokens int // the call's own cap on its output, in tokens; 0 is none
	Output    int // output to expect, in tokens; 0 is unknown: MaxTokens, and without that DefaultOutput
}

// Usage is what a response says it used, in tokens.
type Usage struct {
	Input      int64 // without the two below
	Output     int64
	CacheRead  int64 // input read from the provider's cache
	CacheWrite int64 // input written to it
}

// Cost is what one call takes from a limit. As returned by [State.Admit],
// [State.Reserve] and [State.Adjust] it is a reservation: only what was really
// charged, so 0 for a bucket that was not limited then. Keep it, and hand it
// back exactly once, to Settle, Release or Refuse.
type Cost struct {
	Requests float64 `json:",omitempty"`
	Tokens   float64 `json:",omitempty"`
	Input    float64 `json:",omitempty"`
	Output   float64 `json:",omitempty"`
	InFlight int     `json:",omitempty"`
	Probe    bool    `json:",omitempty"` // this call tries the limit after a pause
}

// Estimate returns what a call of size s is expected to cost: one request, one
// call in flight, and tokens by c.Charge.
func (c Config) Estimate(s Size) Cost {
	in, out := inputTokens(s), c.outputTokens(s)
	k := Cost{Requests: 1, InFlight: 1, Input: in, Output: out, Tokens: in + out}
	if c.Charge == MaxOrChars {
		k.Tokens = max(amount(float64(s.MaxTokens)), in)
	}
	return k
}

// Actual returns what a call of size s that used u did cost. A response that
// tells no usage cost what was estimated.
func (c Config) Actual(s Size, u Usage) Cost {
	k := c.Estimate(s)
	if u == (Usage{}) {
		return k
	}
	k.Input = amount(float64(u.Input)) + amount(float64(u.CacheWrite))
	if c.Charge != InputThenOutput {
		k.Input += amount(float64(u.CacheRead))
	}
	k.Output = amount(float64(u.Output))
	used := k.Input + k.Output
	if c.Charge == MaxOrChars {
		used = max(used, k.Tokens)
	}
	k.Tokens = used
	return k
}

func inputTokens(s Size) float64 {
	return amount(math.Ceil(float64(s.Chars) / charsPerToken))
}

func (c Config) outputTokens(s Size) float64 {
	most, expected := amount(float64(s.MaxTokens)), amount(float64(s.Output))
	switch {
	case most > 0 && (expected == 0 || c.Charge == InputPlusMax):
		return most
	case most > 0:
		return min(expected, most)
	case expected > 0:
		return expected
	}
	return DefaultOutput
}

// clean returns k with every amount finite and not negative.
func (k Cost) clean() Cost {
	k.Requests, k.Tokens = amount(k.Requests), amount(k.Tokens)
	k.Input, k.Output = amount(k.Input), amount(k.Output)
	k.InFlight = max(k.InFlight, 0)
	return k
}

func (k *Cost) part(i kind) *float64 {
	switch i {
	case requests:
		return &k.Requests
	case tokens:
		return &k.Tokens
	case input:
		return &k.Input
	default:
		return &k.Output
	}
}

// amount returns v within 0 and most; NaN is 0.
func amount(v float64) float64 {
	if !(v > 0) {
		return 0
	}
	return min(v, most)
}
