package cli

import (
	"context"
	"fmt"
	"strings"
	"time"
)

type limitsShowCommand struct {
	Name string `arg:"" help:"The limit."`
	storeFlag
	outputFlag
}

// Run implements a command of kong.
func (c *limitsShowCommand) Run(ctx context.Context, t *terminal, open opener) error {
	status, err := c.status(ctx, open)
	if err != nil {
		return err
	}
	if err := expectKnown("limit", c.Name, limitNames(status)); err != nil {
		return err
	}
	now := time.Now()
	views := map[string]limitView{}
	for _, v := range limitViews(status, now) {
		views[v.Name] = v
	}
	v := views[c.Name]
	if c.json() {
		return printJSON(t.out, struct {
			Limit limitView `json:"limit"`
		}{v})
	}
	p := limitPage{page{t: t, now: now}, v}
	p.show(views[v.Within].Gate)
	return nil
}

// limitPage prints all of one limit for people.
type limitPage struct {
	page
	v limitView
}

// show prints the page; outer is what stops the limit that this one is within.
func (p limitPage) show(outer *gateView) {
	v := p.v
	fmt.Fprintf(p.t.out, "%s  %s\n", p.t.palette.bold(printable(v.Name)), v.Gate.word())
	p.t.facts([][2]string{
		{"gate", v.Gate.sentence(p.now)},
		{"held", v.hidden(p.now)},
		{"paused", p.pause()},
		{"in flight", v.inFlight()},
		{"within", strings.TrimPrefix(v.whereWithin(outer), "within ")},
		{"learning", v.trying()},
		{"large call", p.large()},
		{"room", p.room()},
		{"each user", strings.TrimPrefix(v.eachUser(), "each user: ")},
		{"prices", v.prices()},
		{"charge", v.Config["charge"].(string)},
		{"headers", p.headers()},
	})
	if len(v.Levels) > 0 {
		p.heading("buckets")
		v.buckets().print(p.t.out, p.t.width(), p.t.palette)
	}
	if len(v.Learned) > 0 {
		p.heading("learned of calls")
		v.fits().print(p.t.out, p.t.width(), p.t.palette)
	}
}

// pause says what has failed, and how it goes on.
func (p limitPage) pause() string {
	v := p.v.Pause
	if v == nil {
		return ""
	}
	var parts []string
	if v.Throttles > 0 {
		parts = append(parts, plural(v.Throttles, "throttle")+" in a row")
	}
	if v.Unreached > 0 {
		parts = append(parts, plural(v.Unreached, "call")+" in a row did not reach the provider")
	}
	if !v.Until.IsZero() {
		parts = append(parts, untilThen(v.Until, p.now))
	}
	return because(strings.Join(append(parts, "then one call goes first to try"), "; "), v.Reason)
}

// large says for which call is saved; the buckets say how much.
func (p limitPage) large() string {
	l := p.v.Large
	if l == nil {
		return strings.TrimPrefix(p.v.saving(), "large calls: ")
	}
	return fmt.Sprintf("%s has waited for %s; %s", l.For, age(p.now.Sub(l.Since)), strings.TrimPrefix(p.v.saving(), "large calls: "))
}

// room says which priorities leave room for higher ones.
func (p limitPage) room() string {
	r := p.v.Room
	if len(r.Leave) == 0 {
		return ""
	}
	var asked []string
	for _, higher := range []struct {
		name string
		at   time.Time
	}{{"high", r.High}, {"normal", r.Normal}} {
		if !higher.at.IsZero() {
			asked = append(asked, fmt.Sprintf("%s priority asked %s ago", higher.name, age(p.now.Sub(higher.at))))
		}
	}
	return fmt.Sprintf("%s priority leaves half of each bucket to higher ones: %s", strings.Join(r.Leave, " and "), strings.Join(asked, ", "))
}

func (p limitPage) headers() string {
	if p.v.Observed.IsZero() {
		return ""
	}
	return "those last read are of a call sent " + age(p.now.Sub(p.v.Observed)) + " ago"
}

func (v limitView) prices() string {
	parts := v.settings("price-")
	if len(parts) == 0 {
		return ""
	}
	return "of a million tokens: " + strings.Join(parts, ", ")
}

// settings returns those that are set and whose flags begin with a prefix, in words.
func (v limitView) settings(prefix string) (parts []string) {
	for _, s := range settingsOf(v.config) {
		if value, ok := s.value.(float64); ok && value > 0 && strings.HasPrefix(s.flag, prefix) {
			name := strings.TrimSuffix(strings.TrimPrefix(s.flag, prefix), "-per-day")
			parts = append(parts, strings.ReplaceAll(name, "-", " ")+" "+s.text(perOf(v.config)))
		}
	}
	return parts
}

// buckets is the table of all levels.
func (v limitView) buckets() *table {
	tab := &table{columns: []column{
		{title: "BUCKET"}, {title: "READY", right: true}, {title: "OF", right: true}, {title: "RATE", right: true}, {title: "FROM"},
	}}
	for _, l := range v.Levels {
		tab.add(l.sources(), l.Name, compact(l.Level), compact(l.Capacity), l.rate(), l.fromWords())
	}
	return tab
}

// sources says where else a rate could come from; "" if there is one source.
func (l levelView) sources() string {
	var parts []string
	for _, s := range []struct {
		rate float64
		from string
	}{{l.Configured, "configured"}, {l.Told, "told"}, {l.Found, "found"}} {
		if s.rate > 0 {
			parts = append(parts, compact(s.rate)+" "+s.from)
		}
	}
	if len(parts) < 2 {
		return ""
	}
	return "the lowest of " + strings.Join(parts, ", ")
}

// fits is the table of what was learned, by operation.
func (v limitView) fits() *table {
	tab := &table{columns: []column{
		{title: "OPERATION", least: 10}, {title: "CALLS", right: true}, {title: "INPUT OFF BY", right: true},
		{title: "TOKENS/1,000 CHARS", right: true}, {title: "OUTPUT", right: true}, {title: "CACHED", right: true},
	}}
	for _, f := range v.Learned {
		name := f.Operation
		if name == "" {
			name = "all others"
		}
		tab.add("", name, thousands(f.Calls), percent(f.Error), compact(f.Input), compact(f.Output), percent(f.Cached))
	}
	return tab
}
