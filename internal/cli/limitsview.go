package cli

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// limitView is how a limit stands, as JSON.
type limitView struct {
	Name     string       `json:"name"`
	Within   string       `json:"within,omitempty"` // the limit that this one is a part of
	Gate     *gateView    `json:"gate"`             // null if it is open
	Hold     *holdView    `json:"hold,omitempty"`
	Pause    *pauseView   `json:"pause,omitempty"`
	InFlight int          `json:"in_flight"`
	Most     int          `json:"in_flight_limit"` // 0 for none
	Levels   []levelView  `json:"levels"`
	Trying   *tryingView  `json:"trying,omitempty"` // while nothing is known of it
	Large    *earmarkView `json:"large,omitempty"`  // the large call that is being saved for
	Room     roomView     `json:"room"`
	Learned  []fitView    `json:"learned"`           // by operation
	Users    int          `json:"users"`             // who have used something of their ceiling
	Observed time.Time    `json:"observed,omitzero"` // when the call was sent whose headers were last read
	Config   configView   `json:"config"`

	config limit.Config
}

// gateView is what stops a limit: "held" by an operator or a blocked account,
// "paused", "unreachable" or "probe" after calls that failed, or the bucket or the
// calls in flight that are used up. Of several it is the one that closes longest.
type gateView struct {
	Name   string    `json:"name"`
	Until  time.Time `json:"until,omitzero"` // none: until it is resumed, or calls in flight end
	Reason string    `json:"reason,omitempty"`
}

// holdView is a hold that is in force.
type holdView struct {
	Until  time.Time `json:"until,omitzero"` // when it is tried again; none: until it is resumed
	Reason string    `json:"reason"`
}

// pauseView is what a throttle began, or a provider that cannot be reached. It
// lasts until a call has shown that it is over.
type pauseView struct {
	Until     time.Time `json:"until,omitzero"` // none: it is over, and one call goes first to try
	Reason    string    `json:"reason,omitempty"`
	Throttles int       `json:"throttles"` // in a row
	Unreached int       `json:"unreached"` // calls in a row that did not reach the provider
}

type levelView struct {
	Name       string        `json:"name"`
	Limit      float64       `json:"limit"` // in force, in each time of Per: the lowest of the three below
	Configured float64       `json:"configured,omitempty"`
	Told       float64       `json:"told,omitempty"`  // by the provider
	Found      float64       `json:"found,omitempty"` // by trying, where the provider tells nothing
	Per        time.Duration `json:"per"`             // in nanoseconds
	Level      float64       `json:"level"`           // what is left; negative is debt
	Capacity   float64       `json:"capacity"`
	Saved      float64       `json:"saved,omitempty"`  // put aside for a large call; negative is what one was lent
	Saving     float64       `json:"saving,omitempty"` // what the large call needs that is being saved for
}

// tryingView is how far a limit is known of which nothing was configured or told.
type tryingView struct {
	InFlight int `json:"in_flight"` // calls that try it
	Answered int `json:"answered"`
}

type earmarkView struct {
	For   string    `json:"for"` // the task
	Since time.Time `json:"since"`
	Asked time.Time `json:"asked"` // when it was last turned away
}

// roomView is which priorities leave room for higher ones that are in use.
type roomView struct {
	High   time.Time `json:"high_asked,omitzero"`   // when a high priority last asked, to about a tenth of what matters
	Normal time.Time `json:"normal_asked,omitzero"` // and a normal one
	Leave  []string  `json:"leave"`                 // the priorities that leave room now
}

// fitView is what was learned of one operation's calls.
type fitView struct {
	Operation string  `json:"operation"`   // "" for all beyond the first 256
	Calls     int     `json:"calls"`       // that were learned from
	Error     float64 `json:"input_error"` // the median of |estimated − actual| / actual input tokens
	Input     float64 `json:"input"`       // tokens to expect of 1,000 characters
	Output    float64 `json:"output"`      // tokens that nine in ten answers stay below; before 5 answers a guess
	Cached    float64 `json:"cached"`      // the share of input that the provider's cache gives
}

// leastCall is what every call needs at least: with the highest priority, no room
// is left for a higher one.
var leastCall = limit.Call{Cost: limit.Cost{Requests: 1, RequestsDay: 1, InFlight: 1}, Rank: int8(pawl.High)}

func limitViews(status pawl.Status, now time.Time) []limitView {
	views := []limitView{}
	for i := range status.Limits {
		views = append(views, viewLimit(&status.Limits[i], now))
	}
	return views
}

func viewLimit(l *pawl.LimitStatus, now time.Time) limitView {
	s := &l.State
	v := limitView{
		Name: l.Name, Within: l.Config.Within, InFlight: s.InFlight, Most: l.Config.InFlight,
		Levels: levelViews(s.Levels(now, l.Config)), Room: viewRoom(l, now), Learned: fitViews(l.Fits),
		Users: l.Users, Observed: s.ObservedAt, Config: viewConfig(l.Config), config: l.Config,
	}
	if _, gate := s.Next(now, l.Config, leastCall); gate != (limit.Gate{}) {
		v.Gate = &gateView{gate.Name, gate.Until, gate.Reason}
	}
	if s.Held && (s.HeldUntil.IsZero() || now.Before(s.HeldUntil)) {
		v.Hold = &holdView{s.HeldUntil, s.HoldReason}
	}
	if s.Probe.Wanted {
		v.Pause = &pauseView{Reason: s.PauseReason, Throttles: s.Throttles, Unreached: s.Unreached}
		if now.Before(s.PausedUntil) {
			v.Pause.Until = s.PausedUntil
		}
	}
	if !s.Cold.Since.IsZero() && len(v.Levels) == 0 && v.Most == 0 {
		v.Trying = &tryingView{s.Cold.Out, s.Cold.Answered}
	}
	if s.Earmark.For != "" {
		v.Large = &earmarkView{s.Earmark.For, s.Earmark.Since, s.Earmark.Asked}
	}
	return v
}

func levelViews(levels []limit.Level) []levelView {
	views := []levelView{}
	for _, l := range levels {
		views = append(views, levelView{
			Name: l.Name, Limit: l.Limit, Configured: l.Configured, Told: l.Told, Found: l.Pace, Per: l.Per,
			Level: l.Level, Capacity: l.Capacity, Saved: l.Saved, Saving: l.Saving,
		})
	}
	return views
}

func viewRoom(l *pawl.LimitStatus, now time.Time) roomView {
	v := roomView{High: l.State.Used.High, Normal: l.State.Used.Normal, Leave: []string{}}
	for _, p := range []pawl.Priority{pawl.Normal, pawl.Low} {
		if l.State.LeavesRoom(now, l.Config, int8(p)) {
			v.Leave = append(v.Leave, p.String())
		}
	}
	return v
}

func fitViews(fits map[string]limit.Fit) []fitView {
	views := []fitView{}
	for _, operation := range sortedKeys(fits) {
		f := fits[operation]
		wrong, calls := f.Error()
		views = append(views, fitView{
			Operation: operation, Calls: calls, Error: wrong, Input: f.InputTokens(limit.Size{Chars: 1000}),
			Output: f.OutputTokens(limit.Size{}), Cached: f.Cached(),
		})
	}
	return views
}
