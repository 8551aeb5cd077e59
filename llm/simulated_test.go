package llm_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"

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
