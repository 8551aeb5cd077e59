// Package saturation measures what becomes of a provider's limits when more is
// asked than they allow: how much of them is used, what is refused, and who waits
// how long. It plays scenarios on the simulated provider, in scaled time, with Pawl
// and, where they can play at all, with the ways of package rivals.
//
// Everything is measured at the provider, which knows neither. Times are the
// account's: at scale 20 its minute lasts 3 seconds.
package saturation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
)

// Config says what is played, and how.
type Config struct {
	Trace   []Request     // what is asked for; nil for a synthetic mix
	Prose   string        // what prompts and answers are cut from; some words
	Length  time.Duration // how long each contender plays, in the account's time; 5 minutes or more
	Scale   float64       // how many times faster than real time the account lives; more than 0
	Store   string        // the URL of the store that Pawl plays on
	Seed    uint64        // of what is random
	Workers Workers       // the processes that work; the zero value is this one alone
}

// Workers are processes of their own that work on the tasks.
type Workers struct {
	Processes int      // how many; 0 for none
	Command   []string // what starts one, which must call [Serve] with its standard input
}

// A Scenario is something that is played.
type Scenario struct {
	Name  string
	About string // one line for a list
	Play  func(context.Context, Config) (*Result, error)
}

// Scenarios returns all scenarios, in the order in which they are played.
func Scenarios() []Scenario {
	return []Scenario{
		{"share", "Pawl beside four other ways: what is used of the limits, refused and lost", playShare},
		{"unknown", "nothing configured: what is refused until the limits are learned, and used afterwards", playUnknown},
		{"halved", "the provider halves its limits: what is refused, and how soon the use fits again", playHalved},
		{"burst", "the provider enforces the minute's limits within seconds: what is used and refused", playBurst},
		{"priority", "urgent calls over a backlog of 100,000: how long they wait", playPriority},
		{"large", "calls of more than half a minute's tokens among small ones: how long both wait", playLarge},
		{"users", "two users, one with a hundred times the tasks: what each gets", playUsers},
		{"estimate", "how far the estimated input is from the real one after 100 calls", playEstimate},
		{"overhead", "how fast tasks are drained with limits that never bind, beside none", playOverhead},
		{"many", "1,000 limits, 10,000 users and 1,000,000 tasks, with one limit used up: what the others lose", playMany},
	}
}

// Named returns the scenarios with these names, or all for none.
func Named(names []string) ([]Scenario, error) {
	all := Scenarios()
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, s := range all {
		known = append(known, s.Name)
	}
	var picked []Scenario
	for _, name := range names {
		i := slices.Index(known, name)
		if i < 0 {
			return nil, fmt.Errorf("there is no scenario %q; want some of %s", name, strings.Join(known, ", "))
		}
		picked = append(picked, all[i])
	}
	return picked, nil
}

// Prepare returns an error if c cannot be played, and makes the synthetic mix where
// there is no trace.
func (c *Config) Prepare() error {
	if len(c.Trace) == 0 {
		c.Trace = Synthetic(c.Seed, c.Length+backlog)
		return nil
	}
	want := c.Length + backlog
	if last := c.Trace[len(c.Trace)-1].At; last < want {
		return fmt.Errorf("the trace lasts %v; want %v or more", last.Round(time.Second), want)
	}
	if n := len(within(c.Trace, want)); float64(n) < leastAMinute*want.Minutes() {
		return fmt.Errorf("the trace has %d requests in its first %v; want %d a minute or more", n, want, leastAMinute)
	}
	return nil
}

// leastAMinute is how many calls make an account that can be saturated.
const leastAMinute = 10

// backlog is what waits when a play starts, so that the account is saturated from
// the start: what is asked for in so long.
const backlog = 2 * time.Minute

// saturated returns the stage of a small account that allows 60 % of the input
// tokens that are asked for.
func (c *Config) saturated(length time.Duration) *stage {
	requests := within(c.Trace, length+backlog)
	limits := accountFor(requests, length+backlog, 0.6)
	for i := range requests {
		if requests[i].At -= backlog; requests[i].At < 0 {
			requests[i].At = -1
		}
	}
	return c.stage(requests, limits, length)
}

// short is how long a play takes that shows what it has to show sooner than others.
func (c *Config) short() time.Duration { return min(c.Length, 10*time.Minute) }

// open returns the store that Pawl plays on.
func (c *Config) open(ctx context.Context) (pawl.Store, error) { return stores.Open(ctx, c.Store) }
