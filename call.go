package pawl

import (
	"time"

	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// Settle makes of a limit's state what st says of a call of the given size that
// was reserved at the given cost. Stores call it, once for each reserved call.
func (st *Settlement) Settle(now time.Time, c limit.Config, s *limit.State, size limit.Size, cost limit.Cost) {
	switch st.Outcome {
	case CallAnswered:
		s.Settle(now, c, cost, c.Actual(size, limit.Usage(st.Usage)))
	case CallThrottled:
		s.Refuse(now, c, cost, st.After, st.Reason)
	case CallBlocked:
		s.Release(now, c, cost, true)
		s.Hold(now, holdUntil(now, st.After), st.Reason)
	case CallNotSent:
		s.Release(now, c, cost, true)
	case CallUnknown:
		s.Release(now, c, cost, false)
	default:
		s.Settle(now, c, cost, limit.Cost{Requests: cost.Requests})
	}
	s.Observe(now, now.Add(-st.SentAgo), c, observation(st.Seen))
}

// holdUntil returns when a hold ends, zero if the provider named no time.
func holdUntil(now time.Time, after time.Duration) time.Time {
	if after <= 0 {
		return time.Time{}
	}
	return now.Add(after)
}

func observation(seen llm.Limits) limit.Observation {
	return limit.Observation{
		Requests: limit.Seen(seen.Requests), Tokens: limit.Seen(seen.Tokens),
		Input: limit.Seen(seen.InputTokens), Output: limit.Seen(seen.OutputTokens),
	}
}
