package limit

// kind is one of a limit's buckets.
type kind int

const (
	requests kind = iota
	tokens
	input
	output
	requestsDay
	tokensDay
	money
	kinds // how many there are
)

// What follows is all that must know each kind by name.

func (k kind) String() string {
	return [...]string{"requests", "tokens", "input tokens", "output tokens", "requests a day", "tokens a day", "cost a day"}[k]
}

func (k kind) field() string {
	return [...]string{"Requests", "Tokens", "InputTokens", "OutputTokens", "RequestsPerDay", "TokensPerDay", "CostPerDay"}[k]
}

// daily reports whether the bucket is for a day, in place of Config.Per.
func (k kind) daily() bool { return k >= requestsDay }

// counts reports whether the bucket counts calls, of which each takes one.
func (k kind) counts() bool { return k == requests || k == requestsDay }

func (c *Config) allowed(k kind) float64 {
	switch k {
	case requests:
		return c.Requests
	case tokens:
		return c.Tokens
	case input:
		return c.InputTokens
	case output:
		return c.OutputTokens
	case requestsDay:
		return c.RequestsPerDay
	case tokensDay:
		return c.TokensPerDay
	default:
		return c.CostPerDay
	}
}

func (k *Cost) part(i kind) *float64 {
	switch i {
	case requests:
		return &k.Requests
	case tokens:
		return &k.Tokens
	case input:
		return &k.Input
	case output:
		return &k.Output
	case requestsDay:
		return &k.RequestsDay
	case tokensDay:
		return &k.TokensDay
	default:
		return &k.Money
	}
}

func (s *State) bucket(k kind) *Bucket {
	switch k {
	case requests:
		return &s.Requests
	case tokens:
		return &s.Tokens
	case input:
		return &s.Input
	case output:
		return &s.Output
	case requestsDay:
		return &s.RequestsDay
	case tokensDay:
		return &s.TokensDay
	default:
		return &s.Money
	}
}

// seen returns what headers told of a bucket; nobody tells of money.
func (o *Observation) seen(k kind) Seen {
	switch k {
	case requests:
		return o.Requests
	case tokens:
		return o.Tokens
	case input:
		return o.Input
	case output:
		return o.Output
	case requestsDay:
		return o.RequestsDay
	case tokensDay:
		return o.TokensDay
	default:
		return Seen{}
	}
}
