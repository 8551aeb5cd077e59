package limit

import "time"

// Cold is how a limit begins of which nothing is configured and nothing known: a
// few calls go, and more with each that is answered, until headers or a throttle
// tell what there is. A provider refuses at once, so that a call without an answer
// lets more go, too, after some time.
type Cold struct {
	Warm     bool      `json:",omitempty"` // something is known: nothing is kept back any more
	Since    time.Time `json:",omitzero"`  // when the first call went
	Out      int       `json:",omitempty"` // calls that try the limit and have not ended
	Answered int       `json:",omitempty"`
}

const (
	// coldCalls go at once at first, and as many again after each coldTime, in the
	// time of a limit a minute.
	coldCalls = 4
	coldTime  = 5 * time.Second
	// coldEnds is how many answers without headers are taken as proof that there is
	// nothing to learn.
	coldEnds = 64
)

// try makes a call that is about to be sent one of those that try the limit, if
// nothing is known of it. The gate says when there are too many of them.
func (s *State) try(now time.Time, c *Config, charged Cost) (Cost, Gate) {
	if s.Cold.Warm || charged.Cold || charged.InFlight == 0 || c.limited() {
		return charged, Gate{}
	}
	if s.Cold.Since.IsZero() {
		s.Cold.Since = now
	}
	step := c.scaled(coldTime)
	steps := max(now.Sub(s.Cold.Since)/step, 0)
	if s.Cold.Out >= coldCalls*int(steps+1)+s.Cold.Answered {
		return charged, Gate{
			Name: "learning", Until: s.Cold.Since.Add((steps + 1) * step),
			Reason: "nothing is known of the limit yet; some calls try it",
		}
	}
	s.Cold.Out++
	charged.Cold = true
	return charged, Gate{}
}

// answered learns from an answered call.
func (s *State) answered(now time.Time, c *Config, reserved, actual Cost) {
	s.served(now, c, actual)
	s.quicken(now, c)
	if !reserved.Cold {
		return
	}
	s.Cold.Out = max(s.Cold.Out-1, 0)
	if s.Cold.Answered++; s.Cold.Answered >= coldEnds {
		s.Cold = Cold{Warm: true}
	}
}
