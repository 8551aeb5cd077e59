package llmsim_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl/llmsim"
)

func TestRequestLimitIsExact(t *testing.T) {
	for _, a := range apis {
		for _, scale := range []float64{1, 60} {
			synctest.Test(t, func(t *testing.T) {
				s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 50}, Scale: scale})
				if n := burst(a, s, 200); n != 50 {
					t.Errorf("%s: %d calls at once were let in; want 50", a.name, n)
				}
				time.Sleep(time.Duration(float64(12*time.Second) / scale))
				if n := burst(a, s, 200); n != 10 {
					t.Errorf("%s, scale %v: %d calls were let in after 12 s of the account; want 10", a.name, scale, n)
				}
				if st := s.Stats(); st.Limited != 340 || st.Answered != 60 {
					t.Errorf("%s: Stats = %+v; want 60 answered and 340 refused", a.name, st)
				}
			})
		}
	}
}

// burst makes n calls at once and returns how many succeeded.
func burst(a api, s *llmsim.Server, n int) int64 {
	var ok atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if r := a.post(s, ask{}); r.err == nil && r.StatusCode == 200 {
				ok.Add(1)
			}
		})
	}
	wg.Wait()
	return ok.Load()
}

// The recorded response of a real account: see its numbers in the message.
func TestOpenAIRefusalTellsItsNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 500, Tokens: 30_000}})
		openai.post(s, ask{max: 29_446}).must(t, 200)
		r := openai.post(s, ask{max: 821}).must(t, 429)
		got := openai.problem(t, r.body)
		if got.kind != "tokens" || got.code != "rate_limit_exceeded" ||
			!strings.Contains(got.message, "Limit 30000, Used 29446, Requested 821. Please try again in 534ms") {
			t.Errorf("the refusal is %+v", got)
		}
		checkHeaders(t, r, map[string]string{
			"X-Ratelimit-Limit-Requests": "500", "X-Ratelimit-Remaining-Requests": "498", "X-Ratelimit-Reset-Requests": "240ms",
			"X-Ratelimit-Limit-Tokens": "30000", "X-Ratelimit-Remaining-Tokens": "554", "X-Ratelimit-Reset-Tokens": "58.892s",
			"Retry-After": "1", "Retry-After-Ms": "534",
		})
		time.Sleep(533 * time.Millisecond)
		openai.post(s, ask{max: 821}).must(t, 429)
		time.Sleep(time.Millisecond)
		openai.post(s, ask{max: 821}).must(t, 200)
	})
}

func checkHeaders(t *testing.T, r result, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := r.Header.Get(name); got != value {
			t.Errorf("%s is %q; want %q", name, got, value)
		}
	}
}

func TestOpenAIChargesTheReservation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Tokens: 1000}})
		r := openai.post(s, ask{text: strings.Repeat("long ", 160), max: 50}).must(t, 200) // 800 characters
		checkHeaders(t, r, map[string]string{"X-Ratelimit-Remaining-Tokens": "800"})
		r = openai.post(s, ask{max: 300}).must(t, 200)
		checkHeaders(t, r, map[string]string{"X-Ratelimit-Remaining-Tokens": "500"})
		_ = s.Inject(llmsim.ServerError) // failures count as well
		r = openai.post(s, ask{max: 300}).must(t, 500)
		checkHeaders(t, r, map[string]string{"X-Ratelimit-Remaining-Tokens": "200"})
		r = openai.post(s, ask{max: 1001}).must(t, 429)
		got := openai.problem(t, r.body)
		if !strings.Contains(got.message, "Request too large") || !strings.Contains(got.message, "Limit 1000, Requested 1001.") || r.Header.Get("Retry-After") != "" {
			t.Errorf("too large a request gets %+v, retry-after %q", got, r.Header.Get("Retry-After"))
		}
	})
}

func TestOpenAIRefusedCallsCountAsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 10, Tokens: 100}})
		openai.post(s, ask{max: 100}).must(t, 200)
		for range 9 {
			openai.post(s, ask{max: 100}).must(t, 429)
		}
		r := openai.post(s, ask{max: 1}).must(t, 429)
		if got := openai.problem(t, r.body); got.kind != "requests" {
			t.Errorf("the eleventh call is refused for %s; want requests", got.kind)
		}
	})
}

func TestAnthropicHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{
			Limits: llmsim.Limits{Requests: 60, InputTokens: 30_000, OutputTokens: 8_000},
			Reply:  func(*llmsim.Call) string { return strings.Repeat("word ", 2600) },
		})
		r := anthropic.post(s, ask{text: strings.Repeat("word ", 4500), max: 5000}).must(t, 200)
		now := time.Now().UTC()
		checkHeaders(t, r, map[string]string{
			"Anthropic-Ratelimit-Requests-Limit":          "60",
			"Anthropic-Ratelimit-Requests-Remaining":      "59",
			"Anthropic-Ratelimit-Requests-Reset":          now.Add(time.Second).Format(time.RFC3339),
			"Anthropic-Ratelimit-Input-Tokens-Limit":      "30000",
			"Anthropic-Ratelimit-Input-Tokens-Remaining":  "25000", // 25,497 rounded
			"Anthropic-Ratelimit-Input-Tokens-Reset":      now.Add(9006 * time.Millisecond).Format(time.RFC3339),
			"Anthropic-Ratelimit-Output-Tokens-Limit":     "8000",
			"Anthropic-Ratelimit-Output-Tokens-Remaining": "5000", // 5,400 rounded
			"Anthropic-Ratelimit-Output-Tokens-Reset":     now.Add(19500 * time.Millisecond).Format(time.RFC3339),
			"Anthropic-Ratelimit-Tokens-Limit":            "38000",
			"Anthropic-Ratelimit-Tokens-Remaining":        "31000",
		})
		if r.Header.Get("Request-Id") == "" {
			t.Error("there is no request-id")
		}
	})
}

func TestAnthropicOutputGoesIntoDebt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{
			Limits: llmsim.Limits{OutputTokens: 600},
			Reply:  func(*llmsim.Call) string { return strings.Repeat("word ", 1500) },
		})
		anthropic.post(s, ask{max: 5000}).must(t, 200) // max_tokens is no reservation
		r := anthropic.post(s, ask{max: 1}).must(t, 429)
		checkHeaders(t, r, map[string]string{
			"Retry-After": "91", "X-Should-Retry": "true", "Anthropic-Ratelimit-Output-Tokens-Remaining": "0",
		})
		if got := anthropic.problem(t, r.body); got.kind != "rate_limit_error" || !strings.Contains(got.message, "600 output tokens per minute") {
			t.Errorf("the refusal is %+v", got)
		}
		time.Sleep(90 * time.Second)
		anthropic.post(s, ask{max: 1}).must(t, 429)
		time.Sleep(time.Second)
		anthropic.post(s, ask{max: 1}).must(t, 200)
	})
}

func TestAnthropicRefusalsAreFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 50, InputTokens: 30_000}})
		big := strings.Repeat("word ", 30_000)
		r := anthropic.post(s, ask{text: big}).must(t, 429) // larger than the limit: it never fits
		checkHeaders(t, r, map[string]string{"Retry-After": "1", "Anthropic-Ratelimit-Requests-Remaining": "50"})
		time.Sleep(time.Hour)
		anthropic.post(s, ask{text: big}).must(t, 429)
		_ = s.Inject(llmsim.Overloaded)
		anthropic.post(s, ask{}).must(t, 529)
		r = anthropic.post(s, ask{}).must(t, 200)
		checkHeaders(t, r, map[string]string{"Anthropic-Ratelimit-Requests-Remaining": "49"})
		if st := s.Stats(); st.Limited != 2 {
			t.Errorf("Limited = %d; want 2: an injected fault is not the limits'", st.Limited)
		}
	})
}

func TestSetLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 10}})
		if n := burst(anthropic, s, 20); n != 10 {
			t.Errorf("%d calls were let in; want 10", n)
		}
		if err := s.SetLimits(llmsim.Limits{Requests: 60}); err != nil {
			t.Fatal(err)
		}
		anthropic.post(s, ask{}).must(t, 429) // what was used stays used
		time.Sleep(3 * time.Second)
		if n := burst(anthropic, s, 20); n != 3 {
			t.Errorf("%d calls were let in after 3 s at 60 a minute; want 3", n)
		}
		time.Sleep(time.Minute)
		_ = s.SetLimits(llmsim.Limits{Requests: 5})
		if n := burst(anthropic, s, 20); n != 5 {
			t.Errorf("%d calls were let in; want 5", n)
		}
		_ = s.SetLimits(llmsim.Limits{})
		if n := burst(anthropic, s, 20); n != 20 {
			t.Errorf("%d calls were let in without a limit; want 20", n)
		}
		if err := s.SetLimits(llmsim.Limits{Requests: -1}); err == nil {
			t.Error("SetLimits took -1")
		}
	})
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{
			Scale:   10,
			Latency: llmsim.Latency{FirstToken: time.Second, TokensPerSecond: 50},
			Reply:   func(*llmsim.Call) string { return strings.Repeat("word ", 100) },
		})
		for _, stream := range []bool{false, true} {
			start := time.Now()
			anthropic.post(s, ask{max: 1000, stream: stream}).must(t, 200)
			if took := time.Since(start).Round(time.Millisecond); took != 300*time.Millisecond {
				t.Errorf("stream %v: took %v; want a tenth of 1 s + 100 tokens at 50/s", stream, took)
			}
		}
	})
}

func TestLatencySpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Latency: llmsim.Latency{FirstToken: 10 * time.Second, Spread: 0.5}})
		seen := map[time.Duration]bool{}
		for i := range 20 {
			start := time.Now()
			openai.post(s, ask{text: fmt.Sprint(i)}).must(t, 200)
			took := time.Since(start)
			if took < 5*time.Second || took > 15*time.Second {
				t.Errorf("took %v; want 10 s ± 50 %%", took)
			}
			seen[took] = true
		}
		if len(seen) != 20 {
			t.Errorf("20 calls took %d different times; want 20", len(seen))
		}
	})
}
