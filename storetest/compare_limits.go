package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

func (p *pair) settlement(key string) *pawl.Settlement {
	s := &pawl.Settlement{
		Key: key, Usage: llm.Usage{Input: p.Int64N(90), Output: p.Int64N(600), CacheRead: oneOf(p, 0, 0, p.Int64N(900))},
		After: oneOf(p, 0, time.Duration(p.IntN(5))*time.Second), Reason: "so", SentAgo: time.Duration(p.IntN(3000)) * time.Millisecond,
		Outcome: oneOf(p, pawl.CallAnswered, pawl.CallAnswered, pawl.CallAnswered, pawl.CallFailed, pawl.CallUnknown,
			pawl.CallNotSent, pawl.CallUnreached, pawl.CallUnreached, pawl.CallThrottled, pawl.CallThrottled, pawl.CallThrottled, pawl.CallThrottled, pawl.CallBlocked),
		TooFast: p.chance(2), Busy: p.chance(2),
	}
	if p.chance(4) && s.Outcome != pawl.CallNotSent && s.Outcome != pawl.CallUnreached && s.Outcome != pawl.CallUnknown {
		s.Seen = p.seen() // which needs a response
	}
	if s.Outcome == pawl.CallAnswered && !p.chance(8) {
		s.Paid, s.CacheSaved = price.Money(3*s.Usage.Input+15*s.Usage.Output), price.Money(p.IntN(9)-4)
	}
	if s.Outcome != pawl.CallAnswered {
		s.Class = oneOf(p, llm.Transient, llm.Throttled)
	}
	s.Waited = oneOf(p, 0, time.Second)
	if s.Outcome == pawl.CallThrottled && p.chance(2) {
		s.Told = llm.Told{Limit: 6000, Used: 5000, Requested: 900 + p.Int64N(3000), Per: "minute", Kind: oneOf(p, "tokens", "tokens", "requests")}
	}
	return s
}

// seen returns what headers may tell: some of the limits, rounded or not, and a
// reset that may be over.
func (p *pair) seen() (l llm.Limits) {
	reset := p.now.Add(time.Duration(p.IntN(150)-30) * time.Second)
	level := func(most int64) llm.Level {
		return llm.Level{Limit: oneOf(p, most, most/2, 0), Remaining: oneOf(p, 0, most, p.Int64N(most), 1000), Reset: oneOf(p, reset, time.Time{}), Known: !p.chance(5)}
	}
	l.Requests = level(60)
	switch p.IntN(4) {
	case 0:
		l.InputTokens, l.OutputTokens = level(5000), level(3000)
	case 1:
		l.RequestsPerDay, l.TokensPerDay = level(1000), level(100_000)
	default:
		l.Tokens = level(3000 + p.Int64N(3)*1000)
	}
	return l
}

// configureOne changes a queue or a limit, now and then to what makes no sense.
func (p *pair) configureOne() {
	p.configure(oneOf(p,
		pawl.Setting{Queue: "x", Pause: true}, pawl.Setting{Queue: "x"}, pawl.Setting{Queue: "x"},
		pawl.Setting{Limit: "a", Resume: true}, pawl.Setting{Limit: "b", Resume: true}, pawl.Setting{Limit: "c", Resume: true},
		pawl.Setting{Limit: "d", Resume: true}, pawl.Setting{Limit: "e", Resume: true}, pawl.Setting{Limit: "e", Resume: true},
		pawl.Setting{Limit: "c", Hold: "bill"}, pawl.Setting{Limit: pawl.NoLimit, Hold: "bill"}, p.setting(), p.setting(), p.setting(),
		p.budget(), p.budget(), p.budget(), p.budget(), p.budget(), p.budget(),
		p.unlike(), p.unlike(),
	))
}

// setting returns one of the configurations of a limit.
func (p *pair) setting() pawl.Setting {
	price := limit.Price{Input: 3, Output: 15, CacheRead: 0.3, CacheWrite: 3.75}
	within := oneOf(p, "", "", "e", "e", "a", "b") // which may be a circle
	return oneOf(p,
		tokensPerSecond("a"),
		set("a", limit.Config{Tokens: -1}),
		set("a", limit.Config{Tokens: 6000, Within: within, Charge: oneOf(p, limit.InputThenOutput, limit.MaxOrChars, limit.InputPlusMax)}),
		set("a", limit.Config{Tokens: 6000, User: limit.Ceiling{Tokens: 2000, TokensPerDay: 20_000}}),
		set("b", limit.Config{InFlight: 1 + p.IntN(4), Within: within}),
		set("b", limit.Config{InFlight: 20, User: limit.Ceiling{CostPerDay: 0.05}, Price: price}),
		set("c", limit.Config{InputTokens: 6000, OutputTokens: 3000, TokensPerDay: 50_000, CostPerDay: 1, Price: price, Within: within}),
		set("d", limit.Config{Requests: 30, Burst: 20 * time.Second, RequestsPerDay: 100}),
		set("d", limit.Config{Within: within}),
		set("e", limit.Config{Tokens: 9000, TokensPerDay: 60_000, Within: within, User: limit.Ceiling{Tokens: 4000}}),
		set("e", limit.Config{User: limit.Ceiling{TokensPerDay: 9000}}),
	)
}

func (p *pair) configure(settings ...pawl.Setting) {
	none := func(struct{}) struct{} { return struct{}{} }
	_, _ = both(p, "Configure", settings, func(s pawl.Store) (struct{}, error) {
		return struct{}{}, s.Configure(p.ctx, p.now, settings)
	}, none)
}
