package limit

import (
	"fmt"
	"time"
)

// most bounds every amount that enters, so that sums of doubles stay exact to
// a millionth and never overflow.
const most = 1e12

const day = 24 * time.Hour

// Config says what a limit allows. The zero Config names no numbers: then they
// are learned from what the provider says. Values are caps: where the provider
// tells of a lower limit, that one holds.
type Config struct {
	Requests     float64       `json:",omitempty"` // calls per Per; 0 is not configured
	Tokens       float64       `json:",omitempty"` // input and output tokens together, per Per; 0 is not configured
	InputTokens  float64       `json:",omitempty"` // per Per; 0 is not configured
	OutputTokens float64       `json:",omitempty"` // per Per; 0 is not configured
	Per          time.Duration `json:",omitempty"` // the time that these are for; default 1 minute

	RequestsPerDay float64 `json:",omitempty"` // calls in 24 hours; 0 is not configured
	TokensPerDay   float64 `json:",omitempty"` // input and output tokens together in 24 hours; 0 is not configured
	CostPerDay     float64 `json:",omitempty"` // money in 24 hours, in the currency of Price; 0 is not configured

	InFlight int `json:",omitempty"` // most calls in flight; 0 is not limited

	// Burst is the capacity of a bucket, as that much of its refill: a
	// minute's limit may be enforced by the second, so less is safer. The
	// requests bucket holds at least 1, and a day's bucket a whole day. Default
	// Per/6, 10 s of a minute.
	Burst time.Duration `json:",omitempty"`

	Charge Charge `json:",omitempty"` // how the provider charges; default InputThenOutput

	// Within names another limit that this one is a part of, such as the account
	// of a model family: each call is charged to both, or to none. Default none.
	Within string `json:",omitempty"`

	User  Ceiling `json:",omitzero"` // what each user may use of this limit; default all of it
	Price Price   `json:",omitzero"` // what tokens cost; needed for limits of money
}

// Ceiling is what one user may use of a limit. At it that user's tasks wait, and
// no other's. Its buckets hold all of their time: a user who used nothing for a
// minute or a day may use all that it gives at once.
type Ceiling struct {
	Tokens       float64 `json:",omitempty"` // input and output together, per Config.Per; 0 is no ceiling
	TokensPerDay float64 `json:",omitempty"` // in 24 hours; 0 is no ceiling
	CostPerDay   float64 `json:",omitempty"` // in 24 hours, in the currency of Config.Price; 0 is no ceiling
}

// Price is what a million tokens cost, in any one currency.
type Price struct {
	Input      float64 `json:",omitempty"`
	Output     float64 `json:",omitempty"`
	CacheRead  float64 `json:",omitempty"` // of input read from the provider's cache
	CacheWrite float64 `json:",omitempty"` // of input written to it
}

// Validate returns an error that names the first field that makes no sense.
func (c Config) Validate() error {
	for k := range kinds {
		if v := c.allowed(k); !(v >= 0 && v <= most) {
			return fmt.Errorf("limit: Config.%s is %v; want 0 or more, at most %g", k.field(), v, most)
		}
	}
	switch {
	case c.Per < 0 || c.Per > 0 && c.Per < time.Millisecond:
		return fmt.Errorf("limit: Config.Per is %v; want 1ms or more, or 0 for a minute", c.Per)
	case c.InFlight < 0:
		return fmt.Errorf("limit: Config.InFlight is %d; want 0 or more", c.InFlight)
	case c.Burst < 0 || c.Burst > c.per():
		return fmt.Errorf("limit: Config.Burst is %v; want 0 to %v, the time of Config.Per", c.Burst, c.per())
	case !c.Charge.known():
		return fmt.Errorf("limit: Config.Charge is %q; want %q, %q or %q", c.Charge, InputThenOutput, MaxOrChars, InputPlusMax)
	}
	for _, v := range []struct {
		name  string
		value float64
	}{
		{"User.Tokens", c.User.Tokens}, {"User.TokensPerDay", c.User.TokensPerDay}, {"User.CostPerDay", c.User.CostPerDay},
		{"Price.Input", c.Price.Input}, {"Price.Output", c.Price.Output},
		{"Price.CacheRead", c.Price.CacheRead}, {"Price.CacheWrite", c.Price.CacheWrite},
	} {
		if !(v.value >= 0 && v.value <= most) {
			return fmt.Errorf("limit: Config.%s is %v; want 0 or more, at most %g", v.name, v.value, most)
		}
	}
	if c.Price == (Price{}) && (c.CostPerDay > 0 || c.User.CostPerDay > 0) {
		return fmt.Errorf("limit: Config.CostPerDay or Config.User.CostPerDay is set and Config.Price is not; want what a million tokens cost")
	}
	return nil
}

// Limited reports whether anything is configured: a bucket, or calls in flight.
func (c Config) Limited() bool { return c.limited() }

func (c *Config) limited() bool {
	return c.Requests > 0 || c.Tokens > 0 || c.InputTokens > 0 || c.OutputTokens > 0 ||
		c.RequestsPerDay > 0 || c.TokensPerDay > 0 || c.CostPerDay > 0 || c.InFlight > 0
}

// Ceiling returns the limit that each single user has, and false if there is
// none. Calls in flight are not limited by it.
func (c Config) Ceiling() (Config, bool) {
	if c.User == (Ceiling{}) {
		return Config{}, false
	}
	return Config{
		Tokens: c.User.Tokens, TokensPerDay: c.User.TokensPerDay, CostPerDay: c.User.CostPerDay,
		Per: c.Per, Burst: c.per(), Charge: c.Charge, Price: c.Price,
	}, true
}

func (c *Config) per() time.Duration {
	if c.Per <= 0 {
		return time.Minute
	}
	return c.Per
}

func (c *Config) burst() time.Duration {
	if c.Burst <= 0 {
		return c.per() / 6
	}
	return c.Burst
}

// scaled returns a duration that is meant for a limit a minute, for one per Per.
func (c *Config) scaled(d time.Duration) time.Duration {
	return max(time.Duration(float64(d)*float64(c.per())/float64(time.Minute)).Truncate(time.Microsecond), time.Microsecond)
}

// rate returns how bucket k fills, given what was learned of it, and false if k is
// not limited.
func (c *Config) rate(k kind, b *Bucket) (rate, bool) {
	v := lower(lower(c.allowed(k), b.Limit), b.Pace)
	if !(v > 0) {
		return rate{}, false
	}
	v = min(v, most)
	r := rate{limit: v, per: micros(day), capacity: v}
	if !k.daily() {
		r.per = micros(c.per())
		r.capacity = v * micros(c.burst()) / r.per
	}
	if k == requests {
		r.capacity = max(r.capacity, 1)
	}
	return r, true
}

// lower returns the lower of two limits, of which 0 is none.
func lower(v, other float64) float64 {
	if other > 0 && !(v > 0 && v <= other) {
		return other
	}
	return v
}
