package saturation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pawlhq/pawl/internal/chart"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llmsim"
)

// The account of playLarge and what is asked of it.
const (
	largeAccount = 80_000 // tokens a minute, input and output together
	largeCall    = 50_000 // tokens, of which largeOutput are output
	largeOutput  = 200
	largeEvery   = 55 * time.Second
	largeLoad    = 1.05 // of what the account allows, small calls included
)

// playLarge plays calls of more than half a minute's tokens among small ones.
func playLarge(ctx context.Context, c Config) (*Result, error) {
	requests := c.mixed()
	open := func() *stage { return c.stage(requests, llmsim.Limits{Tokens: largeAccount}, c.Length) }
	all, err := contests(ctx, []contender{
		c.pawl("Pawl", open(), (*stage).known),
		c.pawl("Pawl, holding a minute", open(), func(st *stage) limit.Config {
			config := st.known()
			config.Burst = config.Per
			return config
		}),
	})
	if err != nil {
		return nil, err
	}
	first := firstInFirstOut(requests, largeAccount, largeAccount, c.Length)
	longest := longestWait(requests, first, isLarge, c.Length)
	r := &Result{
		About: fmt.Sprintf("a call of %d tokens every %v among small ones, together %g %% of an account of %d tokens a minute; Pawl holds 10 s of that unless it is told otherwise; FIFO is first in, first out on an ideal bucket, and compared with is the one that holds a minute",
			largeCall, largeEvery, 100*largeLoad, largeAccount),
		Picture: c.largePicture(requests, all[0].st.sent(), first),
		Warning: all[0].warning(),
	}
	row := func(name string, sent []time.Duration) Row {
		large, small := longestWait(requests, sent, isLarge, c.Length), waitsOf(requests, sent, isSmall)
		return Row{Name: name, Figures: []Figure{
			seconds("large, longest", large),
			{Name: "of that of FIFO", Value: large.Seconds() / longest.Seconds()},
			seconds("small, p50", quantile(small, 0.5)),
			seconds("p99", quantile(small, 0.99)),
		}}
	}
	for i := range all {
		pawl := row(all[i].name, all[i].st.sent())
		pawl.Note = refusals(&all[i])
		r.Rows = append(r.Rows, pawl)
	}
	smooth := firstInFirstOut(requests, largeAccount, largeAccount/6, c.Length)
	r.Rows = append(r.Rows, row("FIFO, holding a minute", first), row("FIFO, holding 10 s", smooth))
	f := r.Rows[0].Figures
	f[1], f[2] = f[1].atMost(1.5), f[2].atMost(2)
	return r, nil
}

func isLarge(r Request) bool { return r.Input+r.Output >= largeCall }
func isSmall(r Request) bool { return !isLarge(r) }

// mixed returns the large calls and small ones, in the sizes of the trace, that
// arrive at random for the rest.
func (c *Config) mixed() []Request {
	r := rand.New(rand.NewPCG(c.Seed, largeCall))
	var requests []Request
	for at := largeEvery / 2; at < c.Length; at += largeEvery {
		requests = append(requests, Request{At: at, Input: largeCall - largeOutput, Output: largeOutput})
	}
	rest := largeLoad*largeAccount*c.Length.Minutes() - float64(len(requests)*largeCall)
	for rest > 0 {
		s := c.Trace[r.IntN(len(c.Trace))]
		s.At = time.Duration(r.Float64() * float64(c.Length))
		s.Input, s.Output = max(s.Input, leastInput), max(s.Output, leastOutput)
		rest -= float64(s.Input + s.Output)
		requests = append(requests, s)
	}
	slices.SortStableFunc(requests, func(a, b Request) int { return int(a.At - b.At) })
	return requests
}

// firstInFirstOut returns when each request would be sent in the order of arrival,
// on an ideal bucket that holds so much and is full at first. One that is larger
// waits until it is full, and leaves a debt. 0 is not within length.
func firstInFirstOut(requests []Request, aMinute, holds float64, length time.Duration) []time.Duration {
	sent := make([]time.Duration, len(requests))
	level, now := holds, time.Duration(0)
	refill := func(d time.Duration) {
		level = min(level+d.Minutes()*aMinute, holds)
		now += d
	}
	for i, r := range requests {
		if r.At > now {
			refill(r.At - now)
		}
		need := float64(r.Input + r.Output)
		if missing := min(need, holds) - level; missing > 0 {
			refill(time.Duration(missing / aMinute * float64(time.Minute)))
		}
		level -= need
		if now >= length {
			break
		}
		sent[i] = max(now, 1)
	}
	return sent
}

// longestWait returns the longest wait of the requests that pick selects. One that
// was not sent has waited until the end.
func longestWait(requests []Request, sent []time.Duration, pick func(Request) bool, end time.Duration) (longest time.Duration) {
	for i, r := range requests {
		if !pick(r) {
			continue
		}
		at := sent[i]
		if at == 0 {
			at = end
		}
		longest = max(longest, at-r.At)
	}
	return longest
}

func (c *Config) largePicture(requests []Request, ours, first []time.Duration) *chart.Chart {
	p := &chart.Chart{
		Title: "Large calls among small ones",
		X:     chart.Axis{Label: "when they arrive, minutes of the account's time", Most: c.Length.Minutes()},
		Y:     chart.Axis{Label: "wait, seconds"},
	}
	for _, s := range []struct {
		name string
		sent []time.Duration
		pick func(Request) bool
	}{{"Pawl, small", ours, isSmall}, {"Pawl, large", ours, isLarge}, {"first in, first out, large", first, isLarge}} {
		p.Series = append(p.Series, chart.Series{Name: s.name, Dots: true, Points: waitPoints(requests, s.sent, s.pick, time.Second)})
	}
	return p
}

// waitPoints is the wait of each request over the time at which it arrived.
func waitPoints(requests []Request, sent []time.Duration, pick func(Request) bool, unit time.Duration) (points []chart.Point) {
	for i, r := range requests {
		if sent[i] > 0 && pick(r) {
			points = append(points, chart.Point{X: r.At.Minutes(), Y: float64(sent[i]-r.At) / float64(unit)})
		}
	}
	return points
}

// refusals notes what was refused in a play that should have none.
func refusals(c *contest) string {
	if n := len(refused(c.events, span{0, c.st.length})); n > 0 {
		return fmt.Sprintf("%d refused", n)
	}
	return ""
}
