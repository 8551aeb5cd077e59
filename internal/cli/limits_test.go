package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// noon is when the limits of these tests are looked at, where the reader is.
var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.Local)

// manyLimits are limits in all the states that an operator may find them in.
func manyLimits(noon time.Time) pawl.Status {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	return pawl.Status{Limits: []pawl.LimitStatus{
		{
			Name:   "anthropic",
			Config: limit.Config{Requests: 1000, CostPerDay: 250, Price: limit.Price{Input: 3, Output: 15, CacheRead: 0.3, CacheWrite: 3.75}},
			State: limit.State{
				InFlight: 12, Held: true, HeldUntil: noon.Add(time.Hour), HoldReason: "your credit balance is too low",
				Requests: limit.Bucket{Level: 100, At: ago(0)}, Money: limit.Bucket{Level: 31.5, At: ago(0)},
				Probe: limit.Probe{Wanted: true}, PausedUntil: noon.Add(2 * time.Hour), PauseReason: "slow down", Throttles: 3,
			},
		},
		{
			Name: "claude-sonnet",
			Config: limit.Config{
				InputTokens: 2_000_000, OutputTokens: 400_000, Within: "anthropic", InFlight: 100,
				User: limit.Ceiling{Tokens: 50_000, CostPerDay: 12.5}, Price: limit.Price{Input: 3, Output: 15},
			},
			State: limit.State{
				InFlight: 9, ObservedAt: ago(3 * time.Second),
				Requests: limit.Bucket{Level: 40.25, At: ago(0), Limit: 1000},
				Input:    limit.Bucket{Level: -12_345.6, At: ago(0), Limit: 1_600_000, Saved: 100_000, Saving: 250_000},
				Output:   limit.Bucket{Level: 50_000, At: ago(0), Limit: 800_000, Saved: -4000},
				Earmark:  limit.Earmark{For: "task_0123456789", Since: ago(20 * time.Second), Asked: ago(time.Second)},
				Used:     limit.Used{High: ago(2 * time.Minute), Normal: ago(time.Second)},
			},
			Fits: map[string]limit.Fit{
				"answer":                           {Calls: 40, Wrong: 0.021, Cache: 0.25, Output: 5.7, Spread: 0.1},
				"classify-by-a-long-list-of-rules": {Calls: 6000, Wrong: 0.0875, Output: 1.8, Spread: 0.02},
				"":                                 {Calls: 1, Wrong: 0.5},
			},
			Users: 17,
		},
		{
			Name:  "local",
			State: limit.State{InFlight: 3, Cold: limit.Cold{Since: ago(time.Second), Out: 3, Answered: 2}},
		},
		{
			Name:   "openai",
			Config: limit.Config{Requests: 500, Per: time.Second, RequestsPerDay: 10_000_000, Charge: limit.MaxOrChars},
			State: limit.State{
				Requests: limit.Bucket{Level: 0.2, At: ago(0), Pace: 33.34, Goal: 60}, Tokens: limit.Bucket{Level: 5, At: ago(0), Pace: 99_999, Goal: 120_000},
				RequestsDay: limit.Bucket{Level: 123_456, At: ago(0)},
				Unreached:   4, Probe: limit.Probe{Wanted: true}, PausedUntil: noon.Add(90 * time.Second), PauseReason: "dial tcp: connection refused",
			},
		},
	}}
}

// golden compares what a command prints with a file; -update writes it anew.
func golden(t *testing.T, name, got string) {
	t.Helper()
	goldenWithin(t, name, got, plainWidth)
}

func goldenWithin(t *testing.T, name, got string, width int) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("it prints\n%s\nwant %s; -update writes it anew:\n%s", got, path, want)
	}
	for line := range strings.Lines(got) {
		if n := columns(strings.TrimRight(line, "\n")); n > width {
			t.Errorf("a line has %d columns; want %d at most: %q", n, width, line)
		}
	}
}

func TestLimitsAsATable(t *testing.T) {
	var out bytes.Buffer
	limitTable(limitViews(manyLimits(noon), noon), noon).print(&out, plainWidth, false)
	golden(t, "limits", out.String())
}

func TestLimitsOneByOne(t *testing.T) {
	var out bytes.Buffer
	term := &terminal{out: &out}
	views := map[string]limitView{}
	for _, v := range limitViews(manyLimits(noon), noon) {
		views[v.Name] = v
	}
	for _, name := range sortedKeys(views) {
		if out.Len() > 0 {
			out.WriteString("\n----\n")
		}
		limitPage{page{t: term, now: noon}, views[name]}.show(views[views[name].Within].Gate)
	}
	golden(t, "limits-show", out.String())
}

func TestLimitsAsJSON(t *testing.T) {
	var out bytes.Buffer
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	if err := printJSON(&out, limitViews(manyLimits(noon), noon)); err != nil {
		t.Fatal(err)
	}
	golden(t, "limits-json", out.String())
}

func TestLimitsShow(t *testing.T) {
	w := newWard(t)
	w.well("limits show claude", "claude  held", "the key was refused: 401", "0 of 8", "BUCKETS", "50/min", "configured", "LEARNED OF CALLS", "ask")
	got := decoded[struct{ Limit limitView }](w, "limits show claude").Limit
	list := decoded[struct{ Limits []limitView }](w, "limits").Limits
	if got.Name != "claude" || got.Hold == nil || got.Hold.Reason != "the key was refused: 401" || len(got.Learned) != 1 || len(list) != 2 {
		t.Errorf("limit = %+v; want it held, with one operation learned", got)
	}
	if c := got.Config; c["requests"] != 50. || c["in_flight"] != 8. || c["charge"] != "input-then-output" || len(c) != len(settingsOf(limit.Config{})) {
		t.Errorf("config = %v; want all settings", c)
	}
	w.refused("limits show other", exitUsage, `no limit "other"`, "batch, claude")
	w.refused("limits show", exitUsage, "<name>")
}

func (w *ward) config(name string) limit.Config {
	w.Helper()
	status, err := w.client.Status(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	for _, l := range status.Limits {
		if l.Name == name {
			return l.Config
		}
	}
	w.Fatalf("there is no limit %q", name)
	return limit.Config{}
}

func TestLimitsSet(t *testing.T) {
	w := newWard(t)
	out := w.well("limits set claude --requests 80 --user-tokens 1000", "limit claude is changed", "requests     50/min  80/min", "user-tokens  none    1,000/min")
	if strings.Contains(out, "in-flight") {
		t.Errorf("limits set prints\n%s\nwant only what is changed", out)
	}
	want := limit.Config{Requests: 80, Tokens: 40_000, InFlight: 8, User: limit.Ceiling{Tokens: 1000}}
	if got := w.config("claude"); got != want {
		t.Errorf("the limit is %+v; want %+v", got, want)
	}
	w.well("limits set claude --requests 80", "limit claude was so already")
	w.well("limits set claude --tokens 0 --user-tokens 0", "tokens       40,000/min  none")
	if got, want := w.config("claude"), (limit.Config{Requests: 80, InFlight: 8}); got != want {
		t.Errorf("the limit is %+v; want %+v", got, want)
	}
	got := decoded[struct {
		Name    string
		Was, Is configView
	}](w, "limits set batch --in-flight 3")
	if got.Name != "batch" || got.Was["in_flight"] != 0. || got.Is["in_flight"] != 3. {
		t.Errorf("limits set -o json = %+v; want 3 calls in flight in place of none", got)
	}
}

// Each flag reaches its own field, and no other.
func TestLimitsSetFlags(t *testing.T) {
	w := emptyWard(t)
	w.well("limits set all --new", "limit all was so already")
	w.well("limits set outer --new")
	want := limit.Config{}
	for _, c := range []struct {
		flags string
		set   func()
	}{
		{"--requests 1.5", func() { want.Requests = 1.5 }},
		{"--tokens 2", func() { want.Tokens = 2 }},
		{"--input-tokens 3", func() { want.InputTokens = 3 }},
		{"--output-tokens 4", func() { want.OutputTokens = 4 }},
		{"--per 1h", func() { want.Per = time.Hour }},
		{"--requests-per-day 5", func() { want.RequestsPerDay = 5 }},
		{"--tokens-per-day 6", func() { want.TokensPerDay = 6 }},
		{"--price-input 7", func() { want.Price.Input = 7 }},
		{"--price-output 8", func() { want.Price.Output = 8 }},
		{"--price-cache-read 9", func() { want.Price.CacheRead = 9 }},
		{"--price-cache-write 10", func() { want.Price.CacheWrite = 10 }},
		{"--cost-per-day 0.11", func() { want.CostPerDay = 0.11 }},
		{"--in-flight 12", func() { want.InFlight = 12 }},
		{"--burst 13s", func() { want.Burst = 13 * time.Second }},
		{"--charge max-or-chars", func() { want.Charge = limit.MaxOrChars }},
		{"--within outer", func() { want.Within = "outer" }},
		{"--user-tokens 14", func() { want.User.Tokens = 14 }},
		{"--user-tokens-per-day 15", func() { want.User.TokensPerDay = 15 }},
		{"--user-cost-per-day 16", func() { want.User.CostPerDay = 16 }},
		{"--charge input-then-output --within none", func() { want.Charge, want.Within = limit.InputThenOutput, "" }},
	} {
		c.set()
		w.well("limits set all "+c.flags, strings.TrimPrefix(strings.Fields(c.flags)[0], "--")+"  ")
		if got := w.config("all"); got != want {
			t.Errorf("%s: the limit is %+v; want %+v", c.flags, got, want)
		}
	}
}

// What is wrong is said of the flag, with what is allowed, and nothing is changed.
func TestLimitsSetRefuses(t *testing.T) {
	w := newWard(t)
	w.well("limits set batch --within claude")
	before := [...]limit.Config{w.config("batch"), w.config("claude")}
	for _, c := range []struct{ flags, says string }{
		{"", "nothing to set: give what to change"},
		{"--requests -1", "--requests is -1; want 0 or more, at most 1e+12"},
		{"--requests NaN", "--requests is NaN; want 0 or more"},
		{"--requests many", "--requests: "},
		{"--tokens 1e13", "--tokens is 1e+13; want 0 or more, at most 1e+12"},
		{"--input-tokens -2", "--input-tokens is -2; want 0 or more"},
		{"--output-tokens -3", "--output-tokens is -3; want 0 or more"},
		{"--requests-per-day -4", "--requests-per-day is -4; want 0 or more"},
		{"--tokens-per-day -5", "--tokens-per-day is -5; want 0 or more"},
		{"--cost-per-day -6", "--cost-per-day is -6; want 0 or more"},
		{"--per -1s", "--per is -1s; want 1ms or more, or 0 for a minute"},
		{"--per minute", "--per: "},
		{"--in-flight -7", "--in-flight is -7; want 0 or more"},
		{"--in-flight 1.5", "--in-flight: "},
		{"--burst 2m", "--burst is 2m0s; want 0 to 1m0s, the time of --per"},
		{"--charge some", `--charge must be one of "input-then-output","max-or-chars","input-plus-max"`},
		{"--user-tokens -8", "--user-tokens is -8; want 0 or more"},
		{"--user-tokens-per-day -9", "--user-tokens-per-day is -9; want 0 or more"},
		{"--user-cost-per-day -10", "--user-cost-per-day is -10; want 0 or more"},
		{"--price-input -11", "--price-input is -11; want 0 or more"},
		{"--price-output -12", "--price-output is -12; want 0 or more"},
		{"--price-cache-read -13", "--price-cache-read is -13; want 0 or more"},
		{"--price-cache-write -14", "--price-cache-write is -14; want 0 or more"},
		{"--cost-per-day 5", "--cost-per-day or --user-cost-per-day is set and --price-input is not"},
		{"--within other", `--within: there is no limit "other"; the store has: batch, claude`},
		{"--within claude", "--within claude would have limit claude within itself: claude; want a limit that is not within it"},
		{"--within batch", "--within batch would have limit claude within itself: batch, which is within claude"},
	} {
		w.refused("limits set claude "+c.flags, exitUsage, c.says)
	}
	w.refused("limits set clade --requests 5", exitUsage, `no limit "clade"; the store has: batch, claude; to make it, add --new`)
	w.refused("limits set none --requests 5", exitUsage, `"none" stands for no limit`)
	if after := [...]limit.Config{w.config("batch"), w.config("claude")}; after != before {
		t.Errorf("the limits are %+v; want %+v", after, before)
	}
}

// A cap does not raise what the provider tells, which must not surprise whoever sets it.
func TestLimitsSetTellsWhatIsInForce(t *testing.T) {
	var out bytes.Buffer
	c := &limitsSetCommand{Name: "claude-sonnet"}
	was := manyLimits(noon).Limits[1].Config
	is := was
	is.InputTokens, is.Requests = 3_000_000, 800
	c.tell(&terminal{out: &out}, was, is, manyLimits(noon))
	// Of the three that the provider tells of, requests are set lower than that.
	if want := "\ninput tokens: 1.6M/min is in force, which was told by the provider\n"; !strings.HasSuffix(out.String(), want) || strings.Count(out.String(), "in force") != 1 {
		t.Errorf("limits set prints\n%s\nwant it to end with %q", &out, want)
	}

	out.Reset()
	was = is
	is.InFlight = 5
	c.tell(&terminal{out: &out}, was, is, manyLimits(noon))
	if strings.Contains(out.String(), "in force") {
		t.Errorf("limits set prints\n%s\nwant nothing of rates, which nobody has set now", &out)
	}
}

func TestLimitSettingsAsJSONSurvive(t *testing.T) {
	b, err := json.Marshal(viewConfig(limit.Config{}))
	if err != nil || !strings.Contains(string(b), `"user_cost_per_day":0`) || strings.Contains(string(b), "null") {
		t.Errorf("Marshal = %s, %v; want all settings, and none that is null", b, err)
	}
}

// What stops a limit is a finding with a remedy, though another gate closes longer;
// one that is only used up is not.
func TestDoctorNamesWhatStopsLimits(t *testing.T) {
	views := limitViews(manyLimits(noon), noon)
	for i, says := range []string{
		"it is held until 2026-05-04 13:00:00, in 60m: your credit balance is too low → mend what the reason names; it is tried again by itself then, or at once by pawl limits resume anthropic",
		"",
		"",
		"the provider cannot be reached: it is paused until 2026-05-04 12:01:30, in 90s: dial tcp: connection refused → see that",
	} {
		got := ""
		for _, f := range views[i].stop(noon) {
			got += f.Found + " → " + f.Remedy
		}
		if (got == "") != (says == "") || !strings.HasPrefix(got, says) {
			t.Errorf("limit %s: the doctor says %q; want %q", views[i].Name, got, says)
		}
	}
}
