package llm_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llmsim"
)

// base is what a simulated provider's URL ends with.
func (p provider) base() string {
	if p.name == "openai" {
		return "/v1"
	}
	return ""
}

// simulate serves a simulated provider over a socket and without one.
func simulate(t *testing.T, p provider, test func(t *testing.T, url string, client *http.Client)) {
	t.Run("without a socket", func(t *testing.T) {
		test(t, "http://simulated"+p.base(), llmsim.New(llmsim.Config{}).Client())
	})
	t.Run("over a socket", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- llmsim.New(llmsim.Config{}).Run(ctx, l) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		test(t, "http://"+l.Addr().String()+p.base(), newClient(t))
	})
}

func TestSimulatedStreamSaysTheSame(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		simulate(t, p, func(t *testing.T, url string, client *http.Client) {
			m := p.model(url, client, 0, nil)
			whole, err := m.Send(t.Context(), encode(t, m, 1000))
			if err != nil {
				t.Fatal(err)
			}
			streamed, err := m.Send(t.Context(), encode(t, m, 100_000))
			if err != nil {
				t.Fatal(err)
			}
			if whole.Text() == "" || whole.Text() != streamed.Text() || whole.Usage != streamed.Usage || whole.Usage.Output == 0 || whole.StopReason != streamed.StopReason {
				t.Errorf("streamed = %s, %+v; want %s, %+v", streamed.JSON, streamed.Usage, whole.JSON, whole.Usage)
			}
		})
	})
}

func TestSimulatedReasoningIsTold(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		sim := llmsim.New(llmsim.Config{Reasoning: 40})
		m := p.model("http://simulated"+p.base(), sim.Client(), 0, nil)
		var sum llm.Usage
		for _, maxTokens := range []int{1000, 100_000} { // the second one is streamed
			r, err := m.Send(t.Context(), encode(t, m, maxTokens))
			if err != nil {
				t.Fatal(err)
			}
			want := int64(40)
			if p.name == "anthropic" {
				want = 0 // its API does not tell
			}
			if r.Usage.Reasoning != want || r.Usage.Output <= want || r.Usage.Total() != r.Usage.Input+r.Usage.Output {
				t.Errorf("with %d tokens: Usage = %+v; want %d tokens of reasoning, within the output and counted once", maxTokens, r.Usage, want)
			}
			sum = sum.Add(r.Usage)
		}
		if billed := sim.Stats().Billed; sum != billed {
			t.Errorf("usage of both = %+v; want the provider's %+v", sum, billed)
		}
	})
}

func TestSimulatedFaults(t *testing.T) {
	tests := []struct {
		fault llmsim.Fault
		class llm.Class
	}{
		{llmsim.RateLimited, llm.Throttled},
		{llmsim.RateLimitedBlind, llm.Throttled},
		{llmsim.Overloaded, llm.Throttled},
		{llmsim.CreditExhausted, llm.Blocked},
		{llmsim.SpendLimit, llm.Blocked},
		{llmsim.KeyRefused, llm.Blocked},
		{llmsim.TooLong, llm.Permanent},
		{llmsim.ServerError, llm.Ambiguous},
		{llmsim.ResetAfter, llm.Ambiguous},
		{llmsim.CutStream, llm.Ambiguous},
		{llmsim.StreamError, llm.Ambiguous},
	}
	each(t, func(t *testing.T, p provider) {
		simulate(t, p, func(t *testing.T, url string, client *http.Client) {
			for _, test := range tests {
				m := p.model(url, client, 0, http.Header{llmsim.FaultHeader: {string(test.fault)}})
				for _, maxTokens := range []int{1000, 100_000} {
					r, err := m.Send(t.Context(), encode(t, m, maxTokens))
					failed, ok := errors.AsType[*llm.Error](err)
					if !ok || failed.Class != test.class {
						t.Errorf("%s with %d tokens: Send = %v, %v; want %s", test.fault, maxTokens, r, err, test.class)
					}
				}
			}
		})
	})
}

// What the simulated provider tells of its limits is what the clients read.
func TestSimulatedThrottles(t *testing.T) {
	tests := []struct {
		name   string
		config llmsim.Config
		max    int // of the call that is refused
		api    string
		fast   bool
		told   llm.Told
		limits llm.Limits // without resets
		after  time.Duration
	}{
		{"requests a minute", llmsim.Config{Limits: llmsim.Limits{Requests: 1}}, 10, "openai", false,
			llm.Told{Limit: 1, Used: 1, Requested: 1, Per: "minute", Kind: "requests"},
			llm.Limits{Requests: llm.Level{Limit: 1, Known: true}}, time.Minute},
		{"tokens a minute", llmsim.Config{Limits: llmsim.Limits{Tokens: 600}}, 595, "openai", false,
			llm.Told{Limit: 600, Used: 10, Requested: 595, Per: "minute", Kind: "tokens"},
			llm.Limits{Tokens: llm.Level{Limit: 600, Remaining: 590, Known: true}}, 500 * time.Millisecond},
		{"requests a day", llmsim.Config{Limits: llmsim.Limits{Requests: 2, RequestsPerDay: 1}}, 10, "openai", false,
			llm.Told{Limit: 1, Used: 1, Requested: 1, Per: "day", Kind: "requests"},
			llm.Limits{RequestsPerDay: llm.Level{Limit: 1, Known: true}}, 24 * time.Hour},
		{"tokens a day", llmsim.Config{Limits: llmsim.Limits{TokensPerDay: 1440}}, 1432, "openai", false,
			llm.Told{Limit: 1440, Used: 10, Requested: 1432, Per: "day", Kind: "tokens"},
			llm.Limits{TokensPerDay: llm.Level{Limit: 1440, Remaining: 1430, Known: true}}, 2 * time.Minute},
		{"too large", llmsim.Config{Limits: llmsim.Limits{Tokens: 600}}, 601, "openai", false,
			llm.Told{Limit: 600, Requested: 601, Per: "minute", Kind: "tokens"},
			llm.Limits{Tokens: llm.Level{Limit: 600, Remaining: 590, Known: true}}, 0},
		{"no headers", llmsim.Config{Limits: llmsim.Limits{Requests: 1}, Headers: llmsim.NoHeaders}, 10, "openai", false,
			llm.Told{Limit: 1, Used: 1, Requested: 1, Per: "minute", Kind: "requests"},
			llm.Limits{Requests: llm.Level{Limit: 1, Known: true}}, time.Minute},
		{"acceleration", llmsim.Config{Limits: llmsim.Limits{Requests: 100}, Acceleration: 1}, 10, "openai", true, llm.Told{},
			llm.Limits{Requests: llm.Level{Limit: 100, Remaining: 89, Known: true}}, 0},

		{"requests a minute", llmsim.Config{Limits: llmsim.Limits{Requests: 1}}, 10, "anthropic", false, llm.Told{},
			llm.Limits{Requests: llm.Level{Limit: 1, Known: true}}, time.Minute},
		{"a burst", llmsim.Config{Limits: llmsim.Limits{Requests: 60, Burst: time.Second}}, 10, "anthropic", false, llm.Told{},
			llm.Limits{Requests: llm.Level{Limit: 60, Remaining: 59, Known: true}}, time.Second},
		{"no headers", llmsim.Config{Limits: llmsim.Limits{Requests: 1}, Headers: llmsim.NoHeaders}, 10, "anthropic", false, llm.Told{}, llm.Limits{}, 0},
		{"acceleration", llmsim.Config{Limits: llmsim.Limits{Requests: 100}, Acceleration: 1}, 10, "anthropic", true, llm.Told{},
			llm.Limits{Requests: llm.Level{Limit: 100, Remaining: 90, Known: true}}, 0},
	}
	each(t, func(t *testing.T, p provider) {
		for _, test := range tests {
			if test.api != p.name {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				m := p.model("http://simulated"+p.base(), llmsim.New(test.config).Client(), 0, nil)
				var err error
				for n := 0; err == nil && n < 20; n++ {
					most := 10
					if n > 0 {
						most = test.max
					}
					_, err = m.Send(t.Context(), encode(t, m, most))
				}
				failed, ok := errors.AsType[*llm.Error](err)
				if !ok {
					t.Fatalf("%s: Send = %v; want an *llm.Error", test.name, err)
				}
				want := llm.Throttled
				if test.name == "too large" {
					want = llm.Permanent
				}
				limits := failed.Limits
				for _, l := range []*llm.Level{&limits.Requests, &limits.Tokens, &limits.RequestsPerDay, &limits.TokensPerDay} {
					l.Reset = time.Time{}
				}
				if failed.Class != want || failed.Told != test.told || failed.TooFast != test.fast || failed.RetryAfter != test.after || limits != test.limits {
					t.Errorf("%s: Send = %+v; want %s, told %+v, too fast: %v, after %v, limits %+v",
						test.name, failed, want, test.told, test.fast, test.after, test.limits)
				}
			})
		}
	})
}

// Without a socket nothing is written before the reset.
func TestSimulatedResetBeforeIsNotSent(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		url := "http://simulated" + p.base()
		m := p.model(url, llmsim.New(llmsim.Config{}).Client(), 0, http.Header{llmsim.FaultHeader: {string(llmsim.ResetBefore)}})
		if failed := sendFails(t, t.Context(), m); failed.Class != llm.NotSent {
			t.Errorf("Send = %v; want it not sent", failed)
		}
	})
}
