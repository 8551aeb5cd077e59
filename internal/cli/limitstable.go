package cli

import (
	"fmt"
	"math"
	"strings"
	"time"
)

func limitTable(views []limitView, now time.Time) *table {
	tab := &table{columns: []column{
		{title: "LIMIT", least: 8}, {title: "GATE", least: 8}, {title: "IN FLIGHT", right: true}, {title: "BUCKET"}, {title: "READY", right: true}, {title: "OF", right: true}, {title: "RATE", right: true}, {title: "FROM"},
	}}
	gates := map[string]*gateView{}
	for _, v := range views {
		gates[v.Name] = v.Gate
	}
	for _, v := range views {
		first := []string{v.Name, v.Gate.word(), v.inFlight()}
		if len(v.Levels) == 0 {
			tab.add("", append(first, noneName, "", "", "", "")...)
		}
		for _, l := range v.Levels {
			tab.add("", append(first, l.short(), compact(l.Level), compact(l.Capacity), l.rate(), l.from())...)
			first = []string{"", "", ""}
		}
		tab.note(v.Gate.sentence(now))
		if hidden := v.hidden(now); hidden != "" {
			tab.note("held " + hidden)
		}
		tab.note(v.whereWithin(gates[v.Within]))
		tab.note(v.trying())
		tab.note(v.saving())
		tab.note(v.eachUser())
		tab.note(v.learned())
	}
	return tab
}

func (v limitView) inFlight() string {
	if v.Most == 0 {
		return thousands(v.InFlight)
	}
	return fmt.Sprintf("%s of %s", thousands(v.InFlight), thousands(v.Most))
}

func (g *gateView) word() string {
	if g == nil {
		return "open"
	}
	return g.Name
}

// sentence says why a gate is closed, and until when; "" if it is open.
func (g *gateView) sentence(now time.Time) string {
	if g == nil {
		return ""
	}
	until := "until it is resumed"
	switch {
	case !g.Until.IsZero():
		until = untilThen(g.Until, now)
	case g.Name != "held":
		until = "until calls in flight end"
	}
	return because(until, g.Reason)
}

func (h *holdView) sentence(now time.Time) string {
	return (&gateView{"held", h.Until, h.Reason}).sentence(now)
}

// hidden says until when a limit is held whose gate is another one, which closes
// longer.
func (v limitView) hidden(now time.Time) string {
	if v.Hold == nil || v.Gate.word() == "held" {
		return ""
	}
	return v.Hold.sentence(now)
}

// untilThen says when something ends.
func untilThen(t, now time.Time) string {
	return fmt.Sprintf("until %s, in %s", moment(t), age(t.Sub(now)))
}

// because adds a reason, if there is one.
func because(what, reason string) string {
	if reason == "" {
		return what
	}
	return what + ": " + brief(firstLine(reason), "")
}

// whereWithin says which limit this one is a part of, and what stops that.
func (v limitView) whereWithin(gate *gateView) string {
	switch {
	case v.Within == "":
		return ""
	case gate == nil:
		return "within " + v.Within
	}
	return fmt.Sprintf("within %s, whose gate is %s", v.Within, gate.word())
}

// trying says how far a limit is known of which nothing is.
func (v limitView) trying() string {
	if v.Trying == nil {
		return ""
	}
	return fmt.Sprintf("nothing is known of it yet: %s it, %s answered", tries(v.Trying.InFlight), thousands(v.Trying.Answered))
}

func tries(n int) string {
	if n == 1 {
		return "1 call tries"
	}
	return plural(n, "call") + " try"
}

// saving says what is put aside for a large call, or was lent to one.
func (v limitView) saving() string {
	var parts []string
	for _, l := range v.Levels {
		switch {
		case l.Saved < 0:
			parts = append(parts, fmt.Sprintf("%s %s lent, to be paid back", compact(-l.Saved), l.Name))
		case l.Saving > 0:
			parts = append(parts, fmt.Sprintf("%s of %s %s saved", compact(l.Saved), compact(l.Saving), l.Name))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "large calls: " + strings.Join(parts, "; ")
}

// eachUser says what each user may use; "" for all.
func (v limitView) eachUser() string {
	parts := v.settings("user-")
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("each user: %s; %s used some of it", strings.Join(parts, ", "), have(v.Users, "user"))
}

func have(n int, one string) string {
	if n == 1 {
		return plural(n, one) + " has"
	}
	return plural(n, one) + " have"
}

// learned says how well calls are estimated.
func (v limitView) learned() string {
	calls, wrong := 0, 0.
	for _, f := range v.Learned {
		calls += f.Calls
		wrong += f.Error * float64(f.Calls)
	}
	if calls == 0 {
		return ""
	}
	return fmt.Sprintf("learned from %s of %s; their input is told to within %s",
		plural(calls, "call"), plural(len(v.Learned), "operation"), percent(wrong/float64(calls)))
}

// short is a bucket's name beside its rate, which tells the time.
func (l levelView) short() string {
	return strings.TrimSuffix(strings.TrimSuffix(l.Name, " a day"), " tokens")
}

func (l levelView) rate() string { return compact(l.Limit) + "/" + per(l.Per) }

// from is where the rate in force comes from, in one word.
func (l levelView) from() string {
	switch l.Limit {
	case l.Configured:
		return "set"
	case l.Told:
		return "told"
	}
	return "found"
}

// fromWords is from as a sentence has it.
func (l levelView) fromWords() string {
	return map[string]string{"set": "configured", "told": "told by the provider", "found": "found by trying"}[l.from()]
}

// per writes the time that a rate is for: "s", "min", "day", else as it is.
func per(d time.Duration) string {
	switch d {
	case time.Second:
		return "s"
	case time.Minute:
		return "min"
	case time.Hour:
		return "h"
	case 24 * time.Hour:
		return "day"
	}
	return decimal(d.Seconds()) + "s"
}

// compact writes an amount in few columns: from a million in millions.
func compact(x float64) string {
	switch {
	case math.Abs(x) >= 1e6:
		return decimal(x/1e6) + "M"
	case math.Abs(x) >= 100:
		return thousands(int64(x))
	}
	return decimal(x)
}

func percent(share float64) string { return decimal(100*share) + " %" }
