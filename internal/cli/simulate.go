package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl/llmsim"
)

type simulateCommand struct {
	Address         string             `default:"127.0.0.1:0" help:"Where to listen. Port 0 takes a free one." placeholder:"HOST:PORT"`
	Requests        int64              `default:"50" help:"Requests a minute; 0 for no limit."`
	Tokens          int64              `default:"40000" help:"Input and output tokens together a minute; 0 for no limit."`
	InputTokens     int64              `default:"0" help:"Input tokens a minute; 0 for no limit."`
	OutputTokens    int64              `default:"0" help:"Output tokens a minute; 0 for no limit."`
	RequestsPerDay  int64              `default:"0" help:"Requests a day, of OpenAI's API alone; 0 for no limit."`
	TokensPerDay    int64              `default:"0" help:"Tokens a day, of OpenAI's API alone; 0 for no limit."`
	Burst           time.Duration      `default:"1m" help:"How much of its refill a minute's limit holds, up to 1m: with 1s, 60 requests a minute are one a second."`
	Acceleration    float64            `default:"0" help:"How fast traffic may grow: the calls of ten seconds as a multiple of the minute before, 1 or more; 0 for any."`
	Headers         string             `enum:"full,none,no-reset,coarse" default:"full" help:"What the headers tell of the limits: full, none, no-reset (not when they are full again) or coarse (rounded, possibly past)."`
	Fault           map[string]float64 `help:"The chance of a kind of fault, such as overloaded=0.05; may be repeated. Kinds: ${faults}." placeholder:"KIND=P"`
	FirstToken      time.Duration      `default:"600ms" help:"From a request to the first token of its answer."`
	TokensPerSecond float64            `default:"80" help:"How fast answers are written; 0 for at once."`
	Spread          float64            `default:"0.3" help:"How much the times of calls differ, 0 to 1."`
	Slow            time.Duration      `default:"30s" help:"What the fault slow adds before the first token."`
	Context         int                `default:"200000" help:"The most input tokens that a model reads."`
	Speed           float64            `default:"1" help:"How many times faster than real time the account's minute and the answers are, 0.1 to 1000."`
	Seed            uint64             `default:"1" help:"What faults and times are drawn from."`
	Key             string             `help:"The only key that calls may carry. Default: any, or none." placeholder:"KEY"`
}

// Help adds to the command's help.
func (*simulateCommand) Help() string {
	return `It speaks Anthropic's Messages API and OpenAI's Chat Completions API, with limits, headers, faults and a bill, which is printed at
the end. Point any client at it; a header X-Llmsim-Fault names the fault of one call.`
}

// faultKinds lists the kinds of fault, for help and errors.
func faultKinds() string { return kinds(llmsim.Kinds()) }

func kinds(faults []llmsim.Fault) string {
	var names []string
	for _, k := range faults {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// Run implements a command of kong.
func (c *simulateCommand) Run(ctx context.Context, t *terminal) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Address)
	if err != nil {
		return fmt.Errorf("--address %s: %w", c.Address, err)
	}
	sim := llmsim.New(config)
	at := "http://" + l.Addr().String()
	fmt.Fprintf(t.out, "%s\n\n", at)
	fmt.Fprintf(t.out, "as Anthropic's API:  base URL %s\n", at)
	fmt.Fprintf(t.out, "as OpenAI's API:     base URL %s/v1\n", at)
	fmt.Fprintf(t.out, "limits:              %s; the minute lasts %s\n", c.limits(), seconds(scaled(time.Minute, c.Speed)))
	fmt.Fprintf(t.out, "An interrupt (ctrl-C) ends it.\n")
	err = sim.Run(ctx, l)
	fmt.Fprintln(t.out)
	bill := stats(sim)
	for _, r := range ledger(bill) {
		fmt.Fprintf(t.out, "%-28s %s\n", r[0], r[1])
	}
	if read, written := bill.Billed.CacheRead, bill.Billed.CacheWrite; read+written > 0 {
		fmt.Fprintf(t.out, "%-28s %s tokens read, %s written\n", "prompt cache", thousands(read), thousands(written))
	}
	return err
}

// limits says what the account may use.
func (c *simulateCommand) limits() string {
	var parts []string
	for _, l := range []struct {
		n    int64
		what string
	}{
		{c.Requests, "requests a minute"}, {c.Tokens, "tokens a minute"},
		{c.InputTokens, "input tokens a minute"}, {c.OutputTokens, "output tokens a minute"},
		{c.RequestsPerDay, "requests a day"}, {c.TokensPerDay, "tokens a day"},
	} {
		if l.n > 0 {
			parts = append(parts, thousands(l.n)+" "+l.what)
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// config returns what the flags say, or what is wrong with them.
func (c *simulateCommand) config() (llmsim.Config, error) {
	if !(c.Speed >= 0.1 && c.Speed <= 1000) {
		return llmsim.Config{}, usagef("--speed is %v; want 0.1 to 1000", c.Speed)
	}
	if c.Context < 1 {
		return llmsim.Config{}, usagef("--context is %d; want 1 or more", c.Context)
	}
	config := llmsim.Config{
		APIKey: c.Key,
		Limits: llmsim.Limits{
			Requests: c.Requests, Tokens: c.Tokens, InputTokens: c.InputTokens, OutputTokens: c.OutputTokens,
			RequestsPerDay: c.RequestsPerDay, TokensPerDay: c.TokensPerDay, Burst: c.Burst,
		},
		Latency: llmsim.Latency{FirstToken: c.FirstToken, TokensPerSecond: c.TokensPerSecond, Spread: c.Spread, Slow: c.Slow},
		Faults:  llmsim.Faults{},
		Context: c.Context, Acceleration: c.Acceleration, Headers: llmsim.HeaderStyle(c.Headers), Scale: c.Speed, Seed: c.Seed,
	}
	var problems []error
	for kind, p := range c.Fault {
		switch {
		case !slices.Contains(llmsim.Kinds(), llmsim.Fault(kind)):
			problems = append(problems, usagef("--fault %s: there is no such kind; want one of %s", kind, faultKinds()))
		case !(p >= 0 && p <= 1) || math.IsNaN(p):
			problems = append(problems, usagef("--fault %s=%v: want a chance from 0 to 1", kind, p))
		}
		config.Faults[llmsim.Fault(kind)] = p
	}
	if err := errors.Join(problems...); err != nil {
		return config, err
	}
	if err := config.Validate(); err != nil {
		return config, usageError{err}
	}
	return config, nil
}
