package limit

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

// DefaultOutput is the output expected of a call of which nothing is known, in
// tokens, unless its maximum is lower.
const DefaultOutput = 256

// Size is what is known of a call before it is sent. Negative values count as 0.
type Size struct {
	Chars     int `json:",omitempty"` // characters of the input
	MaxTokens int `json:",omitempty"` // the call's own cap on its output, in tokens; 0 is none
	Output    int `json:",omitempty"` // output to expect, in tokens; 0 is unknown: DefaultOutput, or MaxTokens if that is lower
}

// Usage is what a response says it used, in tokens.
type Usage struct {
	Input      int64 // without the two below
	Output     int64
	CacheRead  int64 // input read from the provider's cache
	CacheWrite int64 // input written to it
}

// Cost is what one call takes from a limit. As returned by [State.Take],
// [State.Reserve] and [State.Adjust] it is a reservation: only what was really
// charged, so 0 for a bucket that was not limited then. Keep it, and hand it
// back exactly once, to Settle, Release, Refuse or Unreached.
type Cost struct {
	Requests    float64 `json:",omitempty"`
	Tokens      float64 `json:",omitempty"`
	Input       float64 `json:",omitempty"`
	Output      float64 `json:",omitempty"`
	RequestsDay float64 `json:",omitempty"`
	TokensDay   float64 `json:",omitempty"`
	Money       float64 `json:",omitempty"` // in the currency of Config.Price

	InFlight int  `json:",omitempty"`
	Probe    bool `json:",omitempty"` // this call tries the limit after a pause
	Cold     bool `json:",omitempty"` // this call is one of the few that try a limit of which nothing is known
	Epoch    int  `json:",omitempty"` // State.Epoch when it was charged
}

// Estimate returns what a call of size s is expected to cost: one request, one
// call in flight, and tokens by c.Charge and what f has learned; f may be nil.
func (c Config) Estimate(s Size, f *Fit) Cost {
	in, out := f.InputTokens(s), f.OutputTokens(s)
	if c.Charge == InputPlusMax && s.MaxTokens > 0 {
		out = amount(float64(s.MaxTokens))
	}
	read := in * f.Cached()
	k := c.cost(in-read, out, read, 0)
	if c.Charge == MaxOrChars {
		k.Tokens = c.reserved(s, f)
		k.TokensDay = k.Tokens
	}
	return k
}

// Actual returns what a call of size s that used u did cost. A response that
// tells no usage cost what was estimated.
func (c Config) Actual(s Size, u Usage, f *Fit) Cost {
	if u == (Usage{}) {
		return c.Estimate(s, f)
	}
	k := c.cost(amount(float64(u.Input)), amount(float64(u.Output)), amount(float64(u.CacheRead)), amount(float64(u.CacheWrite)))
	if c.Charge == MaxOrChars {
		k.Tokens = max(k.Tokens, c.reserved(s, f))
		k.TokensDay = k.Tokens
	}
	return k
}

// reserved returns what MaxOrChars charges for a call of size s, whatever it uses.
func (c *Config) reserved(s Size, f *Fit) float64 {
	return max(amount(float64(s.MaxTokens)), f.ChargedChars(s))
}

// cost returns what tokens of each kind cost.
func (c *Config) cost(in, out, read, written float64) Cost {
	k := Cost{Requests: 1, RequestsDay: 1, InFlight: 1, Input: in + written, Output: out}
	if c.Charge != InputThenOutput {
		k.Input += read
	}
	k.Tokens = k.Input + k.Output
	k.TokensDay = k.Tokens
	p := &c.Price
	k.Money = (in*p.Input + out*p.Output + read*p.CacheRead + written*p.CacheWrite) / 1e6
	return k
}

// Plus returns the sum of two costs of which neither is a probe's.
func (k Cost) Plus(other Cost) Cost {
	for i := range kinds {
		*k.part(i) += *other.part(i)
	}
	k.InFlight += other.InFlight
	return k
}

// clean returns k with every amount finite and not negative.
func (k Cost) clean() Cost {
	for i := range kinds {
		*k.part(i) = amount(*k.part(i))
	}
	k.InFlight = max(k.InFlight, 0)
	return k
}

// amount returns v within 0 and most; NaN is 0.
func amount(v float64) float64 {
	if !(v > 0) {
		return 0
	}
	return min(v, most)
}
