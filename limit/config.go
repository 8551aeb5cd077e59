package limit

import (
	"fmt"
	"time"
)

// most bounds every amount that enters, so that sums of doubles stay exact to
// a millionth and never overflow.
const most = 1e12

// Config says what a limit allows. The zero Config limits nothing. Values are
// caps: where the provider's headers tell of a lower limit, that one holds.
type Config struct {
	Requests     float64       `json:",omitempty"` // calls per Per; 0 is not limited
	Tokens       float64       `json:",omitempty"` // input and output tokens together, per Per; 0 is not limited
	InputTokens  float64       `json:",omitempty"` // per Per; 0 is not limited
	OutputTokens float64       `json:",omitempty"` // per Per; 0 is not limited
	Per          time.Duration `json:",omitempty"` // the time that the limits are for; default 1 minute
	InFlight     int           `json:",omitempty"` // most calls in flight; 0 is not limited

	// Burst is the capacity of a bucket, as that much of its refill: a
	// minute's limit may be enforced by the second, so less is safer. The
	// requests bucket holds at least 1. Default Per/6, 10 s of a minute.
	Burst time.Duration `json:",omitempty"`

	Charge Charge `json:",omitempty"` // how the provider charges; default InputThenOutput
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
	return nil
}

// Limited reports whether anything is limited: a bucket, or calls in flight.
func (c Config) Limited() bool { return c.limited() }

func (c *Config) limited() bool {
	return c.Requests > 0 || c.Tokens > 0 || c.InputTokens > 0 || c.OutputTokens > 0 || c.InFlight > 0
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

func (c *Config) allowed(k kind) float64 {
	switch k {
	case requests:
		return c.Requests
	case tokens:
		return c.Tokens
	case input:
		return c.InputTokens
	default:
		return c.OutputTokens
	}
}

// rate returns how bucket k fills, given the limit that headers told, and
// false if k is not limited.
func (c *Config) rate(k kind, learned float64) (rate, bool) {
	v := min(c.allowed(k), most)
	if !(v > 0) {
		return rate{}, false
	}
	if learned > 0 {
		v = min(v, learned)
	}
	r := rate{limit: v, per: micros(c.per())}
	r.capacity = v * micros(c.burst()) / r.per
	if k == requests {
		r.capacity = max(r.capacity, 1)
	}
	return r, true
}
