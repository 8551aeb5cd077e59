package llmsim_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl/llmsim"
)

func TestRequestsPerDay(t *testing.T) {
	for _, scale := range []float64{1, 60} {
		synctest.Test(t, func(t *testing.T) {
			s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 500, RequestsPerDay: 200}, Scale: scale})
			if n := burst(openai, s, 300); n != 200 {
				t.Errorf("%d calls were let in; want the day's 200", n)
			}
			r := openai.post(s, ask{}).must(t, 429)
			got := openai.problem(t, r.body)
			wait := time.Duration(float64(7*time.Minute+12*time.Second) / scale)
			if got.kind != "requests" || got.code != "rate_limit_exceeded" ||
				!strings.Contains(got.message, "on requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in "+wait.String()) {
				t.Errorf("scale %v: the refusal is %+v", scale, got)
			}
			checkHeaders(t, r, map[string]string{
				"X-Ratelimit-Limit-Requests": "200", "X-Ratelimit-Remaining-Requests": "0",
				"X-Ratelimit-Reset-Requests": time.Duration(float64(24*time.Hour) / scale).String(),
			})
			time.Sleep(time.Duration(float64(time.Hour) / scale))
			if n := burst(openai, s, 20); n != 8 {
				t.Errorf("scale %v: %d calls were let in after an hour; want 8", scale, n)
			}
		})
	}
}

// The one limit of requests that the headers show is the one of which less is left.
func TestHeadersShowTheTighterLimitOfRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 3, RequestsPerDay: 10}})
		for i, want := range []struct{ limit, remaining, reset string }{
			{"3", "2", "20s"}, {"3", "1", "40s"}, {"3", "0", "1m0s"},
			{"3", "2", "20s"}, {"3", "2", "20s"}, {"3", "2", "20s"},
			{"3", "2", "20s"}, {"3", "2", "20s"}, {"10", "1", "21h30m0s"},
		} {
			if i >= 3 {
				time.Sleep(time.Minute)
			}
			checkHeaders(t, openai.post(s, ask{}).must(t, 200), map[string]string{
				"X-Ratelimit-Limit-Requests": want.limit, "X-Ratelimit-Remaining-Requests": want.remaining, "X-Ratelimit-Reset-Requests": want.reset,
			})
		}
		s = llmsim.New(llmsim.Config{Limits: llmsim.Limits{RequestsPerDay: 10}})
		checkHeaders(t, openai.post(s, ask{}).must(t, 200), map[string]string{"X-Ratelimit-Limit-Requests": "10"})
	})
}

func TestTokensPerDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Tokens: 1000, TokensPerDay: 1440}})
		openai.post(s, ask{max: 1000}).must(t, 200)
		time.Sleep(time.Minute)
		r := openai.post(s, ask{max: 500}).must(t, 429)
		if got := openai.problem(t, r.body); got.kind != "tokens" ||
			!strings.Contains(got.message, "on tokens per day (TPD): Limit 1440, Used 999, Requested 500. Please try again in 59m0s") {
			t.Errorf("the refusal is %+v", got)
		}
		checkHeaders(t, r, map[string]string{"X-Ratelimit-Limit-Tokens": "1000", "X-Ratelimit-Remaining-Tokens": "1000", "Retry-After": "3540"})
		time.Sleep(59 * time.Minute)
		openai.post(s, ask{max: 500}).must(t, 200)
	})
}

func TestAnthropicHasNoLimitsOfADay(t *testing.T) {
	s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{RequestsPerDay: 1, TokensPerDay: 1}})
	if n := burst(anthropic, s, 5); n != 5 {
		t.Errorf("%d calls were let in; want all 5", n)
	}
	if l := s.Levels("anthropic"); l != (llmsim.Levels{}) {
		t.Errorf("Levels = %+v; want no limits", l)
	}
}

// "60 RPM may be enforced as 1 request a second": the headers show plenty.
func TestBurst(t *testing.T) {
	for _, a := range apis {
		synctest.Test(t, func(t *testing.T) {
			s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 60, Burst: time.Second}})
			if n := burst(a, s, 20); n != 1 {
				t.Errorf("%s: %d calls were let in at once; want 1", a.name, n)
			}
			r := a.post(s, ask{}).must(t, 429)
			checkHeaders(t, r, map[string]string{"Retry-After": "1"})
			left := r.Header.Get("X-Ratelimit-Remaining-Requests") + r.Header.Get("Anthropic-Ratelimit-Requests-Remaining")
			limit := r.Header.Get("X-Ratelimit-Limit-Requests") + r.Header.Get("Anthropic-Ratelimit-Requests-Limit")
			if left != "59" || limit != "60" {
				t.Errorf("%s: the headers show %s of %s; want 59 of 60", a.name, left, limit)
			}
			time.Sleep(time.Minute)
			for range 10 {
				a.post(s, ask{}).must(t, 200)
				a.post(s, ask{}).must(t, 429)
				time.Sleep(time.Second)
			}
		})
	}
}

// A call that is larger than what a bucket ever holds needs a full one.
func TestLargerThanTheBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Tokens: 6000, Burst: 5 * time.Second}})
		openai.post(s, ask{max: 2000}).must(t, 200)
		want := llmsim.Level{Limit: 6000, Holds: 500, Left: -1500, Full: 20 * time.Second}
		if got := s.Levels("openai").Tokens; got != want {
			t.Errorf("Tokens = %+v; want %+v", got, want)
		}
		time.Sleep(20*time.Second - time.Millisecond)
		openai.post(s, ask{max: 2000}).must(t, 429)
		time.Sleep(time.Millisecond)
		openai.post(s, ask{max: 6000}).must(t, 200)
		r := openai.post(s, ask{max: 6001}).must(t, 429)
		if got := openai.problem(t, r.body); !strings.Contains(got.message, "Request too large") {
			t.Errorf("the refusal is %+v; want it too large for the minute", got)
		}
	})
}

func TestSetLimitsOfADayAndBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 60}})
		if n := burst(openai, s, 10); n != 10 {
			t.Errorf("%d calls were let in; want 10", n)
		}
		if err := s.SetLimits(llmsim.Limits{Requests: 60, RequestsPerDay: 11, Burst: 2 * time.Second}); err != nil {
			t.Fatal(err)
		}
		if n := burst(openai, s, 10); n != 2 {
			t.Errorf("%d calls were let in; want the 2 of a burst", n)
		}
		time.Sleep(time.Minute)
		if n := burst(openai, s, 10); n != 1 {
			t.Errorf("%d calls were let in; want the day's last: the 8 refused count too", n)
		}
		if err := s.SetLimits(llmsim.Limits{Burst: time.Hour}); err == nil || s.Levels("openai").Requests.Limit != 60 {
			t.Errorf("SetLimits = %v; want it to refuse an hour's burst and change nothing", err)
		}
	})
}

func TestLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{
			Limits: llmsim.Limits{Requests: 60, InputTokens: 6000, OutputTokens: 600, RequestsPerDay: 1440},
			Reply:  func(*llmsim.Call) string { return strings.Repeat("word ", 700) },
		})
		r := anthropic.post(s, ask{text: strings.Repeat("word ", 500), max: 1000}).must(t, 200)
		used := anthropic.read(t, r.body)
		got := s.Levels("anthropic")
		want := llmsim.Levels{
			Requests:     llmsim.Level{Limit: 60, Holds: 60, Left: 59, Full: time.Second},
			InputTokens:  llmsim.Level{Limit: 6000, Holds: 6000, Left: 6000 - float64(used.input), Full: time.Duration(used.input) * 10 * time.Millisecond},
			OutputTokens: llmsim.Level{Limit: 600, Holds: 600, Left: -100, Full: 70 * time.Second},
		}
		if got != want || used.output != 700 {
			t.Errorf("Levels = %+v after %d tokens of output; want %+v after 700", got, used.output, want)
		}
		if got := s.Levels("openai"); got.Requests.Left != 60 || got.RequestsPerDay.Left != 1440 || got.InputTokens != (llmsim.Level{}) {
			t.Errorf("Levels = %+v; want OpenAI's own, untouched", got)
		}
		if got := s.Levels("none"); got != (llmsim.Levels{}) {
			t.Errorf("Levels = %+v of no API; want none", got)
		}
	})
}

// Traffic may grow, but not leap: with plenty left, and no word of when to come back.
func TestAcceleration(t *testing.T) {
	for _, a := range apis {
		for _, scale := range []float64{1, 20} {
			synctest.Test(t, func(t *testing.T) {
				tenth := func() { time.Sleep(time.Duration(float64(10*time.Second) / scale)) }
				s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 1000}, Acceleration: 2, Scale: scale})
				for range 7 {
					if n := burst(a, s, 8); n != 8 {
						t.Fatalf("%s, scale %v: %d calls were let in; want all 8: they are few", a.name, scale, n)
					}
					tenth()
				}
				if n := burst(a, s, 100); n != 16 {
					t.Errorf("%s, scale %v: %d calls were let in; want twice the 8 of before", a.name, scale, n)
				}
				r := a.post(s, ask{}).must(t, 429)
				got := a.problem(t, r.body)
				if r.Header.Get("Retry-After") != "" || a == openai && got.code != "slow_down" || a == anthropic && !strings.Contains(got.message, "acceleration") {
					t.Errorf("%s: the refusal is %+v, retry-after %q", a.name, got, r.Header.Get("Retry-After"))
				}
				if l := s.Levels(a.name).Requests; l.Left < 800 {
					t.Errorf("%s: %v of %d requests are left; want plenty", a.name, l.Left, l.Limit)
				}
				tenth()
				if n := burst(a, s, 100); n != 18 { // twice (5 times 8, and 16) of six tens
					t.Errorf("%s, scale %v: %d calls were let in; want 18", a.name, scale, n)
				}
				time.Sleep(time.Hour)
				if n := burst(a, s, 100); n != 10 {
					t.Errorf("%s, scale %v: %d calls were let in after a pause; want the 10 that always are", a.name, scale, n)
				}
			})
		}
	}
}

func TestHeaderStyles(t *testing.T) {
	limits := llmsim.Limits{Requests: 2, Tokens: 30_000}
	refused := func(a api, style llmsim.HeaderStyle) result {
		s := llmsim.New(llmsim.Config{Limits: limits, Headers: style})
		time.Sleep(300 * time.Millisecond) // so that a time is no whole second
		a.post(s, ask{max: 5600}).must(t, 200)
		a.post(s, ask{max: 5600}).must(t, 200)
		return a.post(s, ask{max: 5600}).must(t, 429)
	}
	synctest.Test(t, func(t *testing.T) {
		for _, a := range apis {
			r := refused(a, llmsim.NoHeaders)
			for name := range r.Header {
				if strings.Contains(name, "Ratelimit") || strings.Contains(name, "Retry") {
					t.Errorf("%s: there is a header %s", a.name, name)
				}
			}
			r = refused(a, llmsim.NoResets)
			for name := range r.Header {
				if strings.Contains(name, "Reset") {
					t.Errorf("%s: there is a header %s", a.name, name)
				}
			}
			checkHeaders(t, r, map[string]string{"Retry-After": "30"})
			if r.Header.Get("X-Ratelimit-Remaining-Requests")+r.Header.Get("Anthropic-Ratelimit-Requests-Remaining") != "0" {
				t.Errorf("%s: the headers do not show what is left: %v", a.name, r.Header)
			}
		}
		checkHeaders(t, refused(openai, llmsim.CoarseHeaders), map[string]string{
			"X-Ratelimit-Remaining-Tokens": "19000", "X-Ratelimit-Reset-Tokens": "21s", // 18,800 and 22.4 s
			"X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "59s",
		})
		s := llmsim.New(llmsim.Config{Limits: limits, Headers: llmsim.CoarseHeaders})
		checkHeaders(t, anthropic.post(s, ask{}).must(t, 200), map[string]string{
			"Anthropic-Ratelimit-Tokens-Remaining": "30000", // some were used
			"Anthropic-Ratelimit-Tokens-Reset":     time.Now().Add(-time.Second).UTC().Format(time.RFC3339),
		})
	})
}

// What is counted in whole seconds is so in the account's, however fast they pass.
func TestSecondsAtAScale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 6}, Scale: 20})
		for range 6 {
			anthropic.post(s, ask{}).must(t, 200)
		}
		began := time.Now()
		time.Sleep(160 * time.Millisecond) // 3.2 s of the account, and 6.8 s until there is one
		r := anthropic.post(s, ask{}).must(t, 429)
		checkHeaders(t, r, map[string]string{
			"Retry-After":                        "0.35",
			"Anthropic-Ratelimit-Requests-Reset": began.Add(3 * time.Second).UTC().Format(time.RFC3339Nano),
		})
	})
}
