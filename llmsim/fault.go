package llmsim

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Fault is a way in which a call goes wrong. Its value is the word that the
// header [FaultHeader] takes.
type Fault string

// The kinds of fault. Where two statuses are given, the first is Anthropic's
// and the second OpenAI's.
const (
	None Fault = ""

	// Refused at the door: nothing is generated, nothing is billed.
	RateLimited      Fault = "rate-limited"       // 429 with retry-after
	RateLimitedBlind Fault = "rate-limited-blind" // 429 that does not say when to come back: traffic grew too fast
	Overloaded       Fault = "overloaded"         // 529, or 503
	CreditExhausted  Fault = "credit-exhausted"   // 400 "credit balance is too low", or 429 insufficient_quota
	SpendLimit       Fault = "spend-limit"        // 429 enforced_spend_limit_reached, or organization_spend_limit_exceeded
	KeyRefused       Fault = "key-refused"        // 401
	TooLong          Fault = "too-long"           // 400 "prompt is too long", or context_length_exceeded
	ResetBefore      Fault = "reset-before"       // the connection is reset before the request was read

	// Failed on the way.
	ServerError Fault = "server-error" // 500; not billed
	ResetAfter  Fault = "reset-after"  // the answer is made and billed, then the connection is reset instead
	CutStream   Fault = "cut-stream"   // the connection is reset half-way through the answer, which is billed whole
	StreamError Fault = "stream-error" // an error event half-way through a stream, billed so far; without streaming, as ServerError

	// Answered, in a way.
	Slow    Fault = "slow"    // the first token takes Latency.Slow longer
	Refused Fault = "refused" // 200 with stop_reason refusal, or a refusal and finish_reason content_filter; embeddings are given as usual
)

// FaultHeader is the request header that names the fault of its call, or
// "none" to spare it.
const FaultHeader = "X-Llmsim-Fault"

// spared is what FaultHeader says to have no fault.
const spared Fault = "none"

var kinds = []Fault{
	RateLimited, RateLimitedBlind, Overloaded, CreditExhausted, SpendLimit, KeyRefused, TooLong, ResetBefore,
	ServerError, ResetAfter, CutStream, StreamError, Slow, Refused,
}

// Kinds returns every kind of fault, in a fixed order.
func Kinds() []Fault { return slices.Clone(kinds) }

func (f Fault) known() bool { return slices.Contains(kinds, f) }

// atDoor reports whether the call was turned away before it could cost the
// provider anything.
func (f Fault) atDoor() bool {
	switch f {
	case RateLimited, RateLimitedBlind, Overloaded, CreditExhausted, SpendLimit, KeyRefused, TooLong, ResetBefore:
		return true
	}
	return false
}

// fate is what chance has in store for one call.
type fate struct {
	fault Fault
	pace  float64 // its times are multiplied by this
	nth   int     // how often its body was admitted before
}

// draw decides the fate of the nth call with a body. It depends on nothing
// but its arguments, so that a run repeats in whatever order calls arrive,
// and a retry draws anew.
func draw(seed, hash uint64, nth int, faults Faults, spread float64) fate {
	r := rand.New(rand.NewPCG(seed^hash, uint64(nth)))
	u, v := r.Float64(), r.Float64()
	f := fate{pace: 1 + spread*(2*v-1), nth: nth}
	for _, kind := range kinds {
		if u -= faults[kind]; u < 0 {
			f.fault = kind
			break
		}
	}
	return f
}

func checkFaults(faults []Fault) error {
	for _, f := range faults {
		if f != None && !f.known() {
			return fmt.Errorf("llmsim: %q is no kind of fault; see Kinds", f)
		}
	}
	return nil
}
