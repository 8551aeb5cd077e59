package pawl

import (
	"time"

	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// Settle makes of the state of the limit that a call went through what st says of
// the call, which was reserved at the given cost; f is what was learned of its
// operation, and may be nil. Stores call it, once for each reserved call. A
// blocked account is left to them to hold.
func (st *Settlement) Settle(now time.Time, c limit.Config, s *limit.State, f *limit.Fit, size limit.Size, cost limit.Cost) {
	switch st.Outcome {
	case CallThrottled:
		s.Refuse(now, c, cost, limit.Throttle{After: st.After, Reason: st.Reason, Blind: st.blind()})
	case CallUnreached:
		s.Miss(now, c, cost, st.Reason)
	default:
		st.Account(now, c, s, f, size, cost)
	}
	s.Observe(now, now.Add(-st.SentAgo), c, st.observation(cost))
}

// Account makes of the state of another limit, or of a user's ceiling, what st says
// of a call that was charged there too: what it cost.
func (st *Settlement) Account(now time.Time, c limit.Config, s *limit.State, f *limit.Fit, size limit.Size, cost limit.Cost) {
	switch st.Outcome {
	case CallAnswered:
		s.Settle(now, c, cost, c.Actual(size, st.Used(), f))
	case CallBlocked, CallNotSent, CallUnreached:
		s.Release(now, c, cost, true)
	case CallUnknown:
		s.Release(now, c, cost, false)
	default: // failed calls count as requests
		s.Settle(now, c, cost, limit.Cost{Requests: cost.Requests, RequestsDay: cost.RequestsDay})
	}
}

// Used returns what limits count of the call's usage: reasoning is in the output already.
func (st *Settlement) Used() limit.Usage {
	u := &st.Usage
	return limit.Usage{Input: u.Input, Output: u.Output, CacheRead: u.CacheRead, CacheWrite: u.CacheWrite}
}

// HoldUntil returns when a blocked account is tried again, zero if the provider
// named no time.
func (st *Settlement) HoldUntil(now time.Time) time.Time {
	if st.After <= 0 {
		return time.Time{}
	}
	return now.Add(st.After)
}

// blind reports whether a throttle was for a limit of the account's own that
// nothing tells of, or for traffic that grew too fast.
func (st *Settlement) blind() bool {
	return st.TooFast || !st.Busy && st.Seen == (llm.Limits{})
}

func (st *Settlement) observation(cost limit.Cost) limit.Observation {
	seen := &st.Seen
	o := limit.Observation{
		Requests: limit.Seen(seen.Requests), Tokens: limit.Seen(seen.Tokens),
		Input: limit.Seen(seen.InputTokens), Output: limit.Seen(seen.OutputTokens),
		RequestsDay: limit.Seen(seen.RequestsPerDay), TokensDay: limit.Seen(seen.TokensPerDay),
	}
	if st.Outcome == CallThrottled && !st.Busy && !st.TooFast {
		o.Refused = cost
	}
	return o
}
