package saturation

import (
	"math"
	"slices"
	"time"

	"github.com/pawlhq/pawl/llmsim"
)

// span is a part of a play, from its start; end is not part of it.
type span struct{ from, end time.Duration }

func (s span) holds(d time.Duration) bool { return d >= s.from && d < s.end }

// warmUp is what figures leave out: an account that was idle holds a minute's
// worth of everything, which whoever is fast enough may use on top.
const warmUp = time.Minute

// event is one call as the provider saw it.
type event struct {
	at            time.Duration // when it arrived
	input, output int64         // tokens it used
	refused       bool          // by a rate limit
	done          bool          // answered whole
}

// events returns the calls of a play, by their arrival.
func (st *stage) events() []event {
	var events []event
	for r := range st.sim.Calls() {
		e := event{at: st.at(r.Start), refused: r.Limited, done: r.Delivered}
		if r.Billed {
			e.input, e.output = r.Usage.Input, r.Usage.Output
		}
		events = append(events, e)
	}
	slices.SortFunc(events, func(a, b event) int { return int(a.at - b.at) })
	return events
}

// use is what calls took from a provider's limits.
type use struct{ requests, input, output float64 }

// used sums up the calls that arrived within a span.
func used(events []event, s span) (u use) {
	for _, e := range events {
		if s.holds(e.at) && !e.refused {
			u.requests++
			u.input += float64(e.input)
			u.output += float64(e.output)
		}
	}
	return u
}

// share returns how much of the limit that binds, which is the one of which most
// was used, was used within a span: 1 is all that it allows.
func share(events []event, l llmsim.Limits, s span) float64 {
	u, minutes := used(events, s), (s.end - s.from).Minutes()
	most := 0.0
	for _, part := range []struct {
		used  float64
		limit int64
	}{
		{u.requests, l.Requests}, {u.input, l.InputTokens}, {u.output, l.OutputTokens}, {u.input + u.output, l.Tokens},
	} {
		if part.limit > 0 {
			most = max(most, part.used/(float64(part.limit)*minutes))
		}
	}
	return most
}

// shares returns the share of each step of a play: what a picture shows.
func shares(events []event, l llmsim.Limits, length, step time.Duration) []float64 {
	var all []float64
	for from := time.Duration(0); from+step <= length; from += step {
		all = append(all, share(events, l, span{from, from + step}))
	}
	return all
}

// refused returns when calls were refused within a span.
func refused(events []event, s span) (at []time.Duration) {
	for _, e := range events {
		if e.refused && s.holds(e.at) {
			at = append(at, e.at)
		}
	}
	return at
}

// done counts the calls that were answered.
func done(events []event) (n int) {
	for _, e := range events {
		if e.done {
			n++
		}
	}
	return n
}

// sent returns when each request first reached the provider, 0 for never.
func (st *stage) sent() []time.Duration {
	sent := make([]time.Duration, len(st.requests))
	for i := range sent {
		sent[i] = time.Duration(st.seen[i].Load())
	}
	return sent
}

// waits returns how long the requests that pick selects waited until they first
// reached the provider, of those that did. What waited before the start waits
// from the start.
func (st *stage) waits(pick func(Request) bool) []time.Duration {
	return waitsOf(st.requests, st.sent(), pick)
}

// waitsOf returns the waits of requests that were sent at these times, sorted.
func waitsOf(requests []Request, sent []time.Duration, pick func(Request) bool) (waits []time.Duration) {
	for i, r := range requests {
		if sent[i] > 0 && pick(r) {
			waits = append(waits, sent[i]-max(r.At, 0))
		}
	}
	slices.Sort(waits)
	return waits
}

func anyRequest(Request) bool { return true }

// quantile returns the value below which a part q of sorted values lies, 0 if
// there are none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	at := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(at, 0), len(sorted)-1)]
}
