package llmsim

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Config describes the account, its provider and what goes wrong. The zero
// Config is an account without limits whose provider answers at once and never
// fails.
type Config struct {
	APIKey  string  // the key that calls must carry; "" accepts any, or none
	Limits  Limits  // what the account may use; the zero value is unlimited
	Latency Latency // how long answers take; the zero value answers at once
	Faults  Faults  // how often what goes wrong; nil is never
	Context int     // the most input tokens that a model reads; more is [TooLong]; default 1,000,000

	// Reasoning is how many tokens OpenAI's API thinks before each answer. They
	// are output that is produced, limited by max_tokens and billed like the rest, and
	// are in no text. Up to 1,000,000; default 0.
	Reasoning int

	// Acceleration is how fast the traffic may grow: a call is refused, whatever
	// the limits say, if with it the last ten seconds would have had more than
	// so many times the calls that ten seconds of the minute before had on
	// average. Ten calls in ten seconds are always let in. All of this is the
	// account's time, for each API by itself. Default 0: as fast as it likes.
	Acceleration float64

	Headers HeaderStyle // what the headers tell of the limits; default [FullHeaders]

	// Decide names the fault of a call by what it says: a document that is always
	// refused, for instance. It returns None for no opinion. It must depend on
	// the call alone and be safe for concurrent use. Default: no opinion.
	Decide func(*Call) Fault

	// Reply writes the answer to a call, instead of the simulator's own. It must
	// be safe for concurrent use. Default: see the package comment.
	Reply func(*Call) string

	RetryAfter time.Duration // what a [RateLimited] fault asks for, at scale 1; default 2 s
	Scale      float64       // how many times faster than real time the account lives; default 1
	Seed       uint64        // what the faults and the spread of the latency are drawn from; default 0
	Log        int           // how many of the latest calls [Server.Calls] remembers; default 10,000
}

// Limits are rate limits a minute, or a day where the name says so; 0 is
// unlimited. Each API has an account of its own with these limits. Anthropic's
// API uses Requests, Tokens, InputTokens and OutputTokens, OpenAI's Requests,
// Tokens, RequestsPerDay and TokensPerDay. A day is 1440 of the account's
// minutes.
type Limits struct {
	Requests       int64
	Tokens         int64
	InputTokens    int64
	OutputTokens   int64
	RequestsPerDay int64
	TokensPerDay   int64

	// Burst is how much of its refill a minute's limit holds: with a second, 60
	// requests a minute are one a second. Up to a minute; default a minute.
	Burst time.Duration
}

// all returns the limits by their gates.
func (l Limits) all() [gates]int64 {
	return [gates]int64{
		requestsMinute: l.Requests, tokensMinute: l.Tokens, inputMinute: l.InputTokens, outputMinute: l.OutputTokens,
		requestsDay: l.RequestsPerDay, tokensDay: l.TokensPerDay,
	}
}

// holds is how much the bucket of a limit holds, at least 1 if there is one.
func (l Limits) holds(g gate, limit int64) int64 {
	if l.Burst == 0 || g.period() != time.Minute || limit == 0 {
		return limit
	}
	return max(1, int64(math.Round(float64(limit)*l.Burst.Minutes())))
}

// HeaderStyle says what the headers tell of the limits.
type HeaderStyle string

// The styles of headers.
const (
	FullHeaders   HeaderStyle = "full"     // as the provider's own
	NoHeaders     HeaderStyle = "none"     // nothing, nor when to come back
	NoResets      HeaderStyle = "no-reset" // not when a limit is full again
	CoarseHeaders HeaderStyle = "coarse"   // tokens in thousands, resets in whole seconds and one too early, so possibly past
)

// HeaderStyles returns every style of headers, in a fixed order.
func HeaderStyles() []HeaderStyle {
	return []HeaderStyle{FullHeaders, NoHeaders, NoResets, CoarseHeaders}
}

// Latency says how long an answer takes. All times are at scale 1.
type Latency struct {
	FirstToken      time.Duration // from the request to the first token; default 0
	TokensPerSecond float64       // the speed of the output; 0 writes it at once
	Spread          float64       // each call's times are multiplied by a number from 1-Spread to 1+Spread; 0 to 1; default 0
	Slow            time.Duration // what a [Slow] fault adds before the first token; default 30 s
}

// Faults gives each kind of fault the probability that a call suffers it. A
// call suffers one at most, so they may not exceed 1 together.
type Faults map[Fault]float64

// Validate names the first field that cannot be used. [New] panics with the
// same error.
func (c Config) Validate() error {
	switch {
	case c.Scale < 0 || c.Scale != c.Scale:
		return fmt.Errorf("llmsim: Config.Scale is %v; want more than 0, or 0 for 1", c.Scale)
	case c.Context < 0:
		return fmt.Errorf("llmsim: Config.Context is %d; want 0 or more", c.Context)
	case c.Reasoning < 0 || c.Reasoning > 1_000_000:
		return fmt.Errorf("llmsim: Config.Reasoning is %d; want 0 to 1,000,000", c.Reasoning)
	case c.Log < 0:
		return fmt.Errorf("llmsim: Config.Log is %d; want 0 or more", c.Log)
	case c.RetryAfter < 0:
		return fmt.Errorf("llmsim: Config.RetryAfter is %v; want 0 or more", c.RetryAfter)
	case !(c.Acceleration >= 1 || c.Acceleration == 0):
		return fmt.Errorf("llmsim: Config.Acceleration is %v; want 1 or more, or 0 for any", c.Acceleration)
	case c.Headers != "" && !slices.Contains(HeaderStyles(), c.Headers):
		return fmt.Errorf("llmsim: Config.Headers is %q; want one of %q", c.Headers, HeaderStyles())
	}
	return errors.Join(c.Limits.check(), c.Latency.check(), c.Faults.check())
}

func (l Limits) check() error {
	for _, f := range []struct {
		name  string
		limit int64
	}{
		{"Requests", l.Requests}, {"Tokens", l.Tokens}, {"InputTokens", l.InputTokens}, {"OutputTokens", l.OutputTokens},
		{"RequestsPerDay", l.RequestsPerDay}, {"TokensPerDay", l.TokensPerDay},
	} {
		if f.limit < 0 {
			return fmt.Errorf("llmsim: Limits.%s is %d; want 0 (unlimited) or more", f.name, f.limit)
		}
	}
	if l.Burst < 0 || l.Burst > time.Minute {
		return fmt.Errorf("llmsim: Limits.Burst is %v; want 0 (a minute) to 1m", l.Burst)
	}
	return nil
}

func (l Latency) check() error {
	switch {
	case l.FirstToken < 0:
		return fmt.Errorf("llmsim: Latency.FirstToken is %v; want 0 or more", l.FirstToken)
	case l.TokensPerSecond < 0 || l.TokensPerSecond != l.TokensPerSecond:
		return fmt.Errorf("llmsim: Latency.TokensPerSecond is %v; want 0 (at once) or more", l.TokensPerSecond)
	case !(l.Spread >= 0 && l.Spread <= 1):
		return fmt.Errorf("llmsim: Latency.Spread is %v; want 0 to 1", l.Spread)
	case l.Slow < 0:
		return fmt.Errorf("llmsim: Latency.Slow is %v; want 0 or more", l.Slow)
	}
	return nil
}

func (f Faults) check() error {
	sum := 0.0
	for _, kind := range Kinds() {
		p := f[kind]
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("llmsim: Faults[%q] is %v; want a probability from 0 to 1", kind, p)
		}
		sum += p
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("llmsim: Faults add up to %v; want 1 at most", sum)
	}
	for kind := range f {
		if !kind.known() {
			return fmt.Errorf("llmsim: Faults[%q] is no kind of fault; see Kinds", kind)
		}
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Context == 0 {
		c.Context = 1_000_000
	}
	if c.Latency.Slow == 0 {
		c.Latency.Slow = 30 * time.Second
	}
	if c.RetryAfter == 0 {
		c.RetryAfter = 2 * time.Second
	}
	if c.Headers == "" {
		c.Headers = FullHeaders
	}
	if c.Scale == 0 {
		c.Scale = 1
	}
	if c.Log == 0 {
		c.Log = 10_000
	}
	return c
}
