package llmsim

import "time"

// Levels are the buckets of one API's account as they truly are, whatever the
// headers say. Each is named as in [Limits].
type Levels struct {
	Requests, Tokens, InputTokens, OutputTokens, RequestsPerDay, TokensPerDay Level
}

// Level is the state of one bucket. The zero Level is no limit.
type Level struct {
	Limit int64         // allowed in a minute, or a day; 0 if that is unlimited
	Holds int64         // what the bucket holds when it is full: Limit, unless [Limits].Burst says less
	Left  float64       // what is in it now; negative in debt
	Full  time.Duration // real time until it is full, if nothing is taken
}

// Levels returns the state of the account of an API, "anthropic" or "openai".
// They belong to one moment. Any other name has no limits.
func (s *Server) Levels(api string) Levels {
	a := s.accounts[api]
	if a == nil {
		return Levels{}
	}
	l := a.levels(time.Now())
	return Levels{
		Requests: l[requestsMinute].public(), Tokens: l[tokensMinute].public(),
		InputTokens: l[inputMinute].public(), OutputTokens: l[outputMinute].public(),
		RequestsPerDay: l[requestsDay].public(), TokensPerDay: l[tokensDay].public(),
	}
}

func (l level) public() Level {
	return Level{Limit: l.limit, Holds: l.holds, Left: l.left, Full: l.full}
}
