package saturation

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl/llmsim"
)

const text = "The keeper's log of 1911 says little: wind, oil, and the two ships that passed. \"Nothing to report,\" it ends."

func TestPromptsAndAnswersAreExact(t *testing.T) {
	p := newProse(text)
	for n := leastInput; n < 400; n++ {
		prompt := p.prompt(n*n*n, Request{Input: n, Output: 1000})
		if got := llmsim.CountTokens(prompt) + messageTokens; got != n {
			t.Fatalf("a prompt of %d tokens has %d: %q", n, got, prompt)
		}
		if number, output, ok := parseOrder(prompt); !ok || number != n*n*n || output != 1000 {
			t.Fatalf("parseOrder(%q) = %d, %d, %v", prompt, number, output, ok)
		}
		if got := llmsim.CountTokens(p.take(n, n)); got != n {
			t.Fatalf("an answer of %d tokens has %d", n, got)
		}
	}
}

func TestShareIsThatOfTheLimitThatBinds(t *testing.T) {
	events := []event{
		{at: 30 * time.Second, input: 9000, output: 900},
		{at: 61 * time.Second, input: 300, output: 90},
		{at: 90 * time.Second, refused: true},
		{at: 179 * time.Second, input: 100, output: 10},
		{at: 180 * time.Second, input: 5000},
	}
	whole := span{time.Minute, 3 * time.Minute}
	for _, tt := range []struct {
		limits llmsim.Limits
		want   float64
	}{
		{llmsim.Limits{InputTokens: 1000, OutputTokens: 200}, 0.25},
		{llmsim.Limits{InputTokens: 1000, OutputTokens: 100}, 0.5},
		{llmsim.Limits{Requests: 1, InputTokens: 1000}, 1},
		{llmsim.Limits{Tokens: 500}, 0.5},
		{llmsim.Limits{}, 0},
	} {
		if got := share(events, tt.limits, whole); got != tt.want {
			t.Errorf("share(%+v) = %v; want %v", tt.limits, got, tt.want)
		}
	}
	if got := refused(events, whole); !slices.Equal(got, []time.Duration{90 * time.Second}) {
		t.Errorf("refused = %v; want the one at 90 s", got)
	}
}

func TestQuantile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, tt := range []struct {
		sorted []time.Duration
		q      float64
		want   time.Duration
	}{{nil, 0.5, 0}, {hundred[:1], 0.99, 1}, {hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100}, {hundred, 0, 1}} {
		if got := quantile(tt.sorted, tt.q); got != tt.want {
			t.Errorf("quantile of %d at %v = %d; want %d", len(tt.sorted), tt.q, got, tt.want)
		}
	}
}

// The ideal bucket holds a minute's worth, and a large call holds up those behind it.
func TestFirstInFirstOut(t *testing.T) {
	requests := []Request{
		{Input: 600},
		{At: 2 * time.Second, Input: 500}, // 120 of 600 a minute are missing at 2 s: 480 more
		{At: 3 * time.Second, Input: 100},
		{At: 5 * time.Minute, Input: 600},
	}
	sent := firstInFirstOut(requests, 600, 600, 4*time.Minute)
	want := []time.Duration{1, 50 * time.Second, time.Minute, 0}
	for i := range want {
		if d := sent[i] - want[i]; d.Abs() > time.Millisecond {
			t.Errorf("sent[%d] = %v; want %v", i, sent[i], want[i])
		}
	}
	if got := longestWait(requests, sent, anyRequest, 6*time.Minute); got.Round(time.Millisecond) != time.Minute {
		t.Errorf("longestWait = %v; want the minute that the last waits until the end", got)
	}
	small := firstInFirstOut(requests, 600, 100, 4*time.Minute)
	if got := small[1].Round(time.Millisecond); got != time.Minute {
		t.Errorf("sent[1] = %v with a bucket of 100; want 1m0s: the debt of the first takes 50 s, and then it is to be full", got)
	}
	if got := waitsOf(requests, sent, anyRequest); len(got) != 3 || got[2].Round(time.Millisecond) != 57*time.Second {
		t.Errorf("waitsOf = %v; want three, the longest 57 s", got)
	}
}

// Use fits again ten seconds after it has come down to the new limit.
func TestFitsAgain(t *testing.T) {
	st := &stage{change: time.Minute, length: 2 * time.Minute, changed: llmsim.Limits{InputTokens: 600}}
	c := contest{st: st}
	for s := range 120 {
		e := event{at: time.Duration(s) * time.Second, input: 20}
		if s >= 63 {
			e.input = 10
		}
		c.events = append(c.events, e)
	}
	if got := c.fits(); got < 12*time.Second || got > 13*time.Second {
		t.Errorf("fits = %v; want 12 to 13 s, the use of 3 s being double", got)
	}
	for i := range c.events {
		c.events[i].input = 20
	}
	if got := c.fits(); got != time.Minute {
		t.Errorf("fits of a use that stays double = %v; want the rest of the play", got)
	}
}

// Sixty per cent of what is asked for, in the proportions of a small account.
func TestAccountFor(t *testing.T) {
	requests := []Request{{Input: 60_000}, {Input: 40_000}}
	got := accountFor(requests, 2*time.Minute, 0.6)
	if want := (llmsim.Limits{Requests: 50, InputTokens: 30_000, OutputTokens: 8000}); got != want {
		t.Errorf("accountFor = %+v; want %+v", got, want)
	}
}

func TestWrong(t *testing.T) {
	if got := wrong(90, 100); math.Abs(got-0.1) > 1e-9 {
		t.Errorf("wrong(90, 100) = %v; want 0.1", got)
	}
	values := []float64{5, 1, 3, 2, 4}
	if m, u := median(values), upper(values); m != 3 || u != 5 {
		t.Errorf("median and p90 = %v, %v; want 3, 5", m, u)
	}
}

func TestFigures(t *testing.T) {
	for _, tt := range []struct {
		f      Figure
		met    bool
		wanted string
	}{
		{Figure{Value: 5}, true, ""},
		{Figure{Value: 5}.atLeast(5), true, "≥ 5"},
		{Figure{Value: 5}.atMost(4), false, "≤ 4"},
		{Figure{Value: 53}.atLeast(48).atMost(52), false, "48 to 52"},
	} {
		if tt.f.Met() != tt.met || tt.f.Wanted() != tt.wanted {
			t.Errorf("%+v: Met = %v, Wanted = %q; want %v, %q", tt.f, tt.f.Met(), tt.f.Wanted(), tt.met, tt.wanted)
		}
	}
	if _, err := Named([]string{"share", "shares"}); err == nil || !strings.HasPrefix(err.Error(), `there is no scenario "shares"; want some of share, `) {
		t.Errorf("Named = %v; want it to name those there are", err)
	}
}

// Each round drains both ways, and each way goes first as often as the other.
func TestInTurns(t *testing.T) {
	var order []bool
	c, err := inTurns(4, func(other bool) (float64, error) {
		order = append(order, other)
		if other {
			return 90 + float64(len(order)), nil
		}
		return 100, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []bool{false, true, true, false, false, true, true, false}; !slices.Equal(order, want) {
		t.Errorf("order = %v; want %v", order, want)
	}
	rows := c.rows("one", "other", 95)
	if one, other := rows[0].Figures[0].Value, rows[1].Figures[1]; one != 100 || math.Abs(other.Value-96) > 1e-9 || !other.Met() {
		t.Errorf("rows = %+v; want 100 tasks/s, and 96 %% of it, which is enough", rows)
	}
}
