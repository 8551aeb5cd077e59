package pawl_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llmsim"
)

// sdk is a provider's own client as such are written: it tries again by itself,
// and its errors wrap nothing.
type sdk struct{ http *http.Client }

func newSDK(sim *llmsim.Server) sdk {
	return sdk{&http.Client{Transport: &llm.Transport{API: anthropic.API{}, Base: sim.Transport()}}}
}

func (s sdk) ask(ctx context.Context, text string) (string, error) {
	body := fmt.Sprintf(`{"model":"sim-1","max_tokens":50,"messages":[{"role":"user","content":%q}]}`, text)
	for try := 0; ; try++ {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://sim/v1/messages", strings.NewReader(body))
		if err != nil {
			return "", err
		}
		request.Header.Set("Anthropic-Version", "2023-06-01")
		response, err := s.http.Do(request)
		if err != nil {
			if try < 2 && ctx.Err() == nil {
				continue
			}
			return "", fmt.Errorf("sdk: connection: %v", err)
		}
		answer, err := io.ReadAll(response.Body)
		response.Body.Close()
		switch {
		case err == nil && response.StatusCode == 200:
			return string(bytes.TrimSpace(answer)), nil
		case try < 2 && response.Header.Get("X-Should-Retry") != "false":
			continue
		}
		return "", fmt.Errorf("sdk: status %d: %v", response.StatusCode, err)
	}
}

// judgedFaults is what becomes of a task whose call a fault befalls, however it was made.
var judgedFaults = []struct {
	fault   llmsim.Fault
	class   llm.Class
	used    bool
	unknown int
}{
	{llmsim.RateLimited, llm.Throttled, false, 0},
	{llmsim.Overloaded, llm.Throttled, false, 0},
	{llmsim.ServerError, llm.Ambiguous, true, 1},
	{llmsim.ResetBefore, llm.NotSent, false, 0},
	{llmsim.ResetAfter, llm.Ambiguous, true, 1},
	{llmsim.CutStream, llm.Ambiguous, true, 1},
}

// Each fault befalls one call; the queue alone decides what comes of it.
func TestAnSDKsCallsAreTheQueues(t *testing.T) {
	for _, test := range judgedFaults {
		t.Run(string(test.fault), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := llmsim.New(llmsim.Config{})
				must(t, sim.Inject(llmsim.None, test.fault))
				client := newSDK(sim)
				c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
					first, err := client.ask(ctx, task.Input)
					if err != nil {
						return "", err
					}
					second, err := client.ask(ctx, task.Input+" And then?")
					return first + second, err
				})
				start(t, c)
				run := add(t, c, asks, "Is anybody there?")
				result(t, run)
				r := row(t, c, run.ID)
				if first := r.Attempts[0]; len(r.Attempts) != 2 || first.Class != test.class || first.Used != test.used || first.Unknown != test.unknown {
					t.Errorf("first of %d attempts = %+v; want %s, used %v, unknown %d", len(r.Attempts), first, test.class, test.used, test.unknown)
				}
				if last := r.LastAttempt(); last.Saved != 1 || last.Calls != 1 {
					t.Errorf("last attempt = %+v; want the first answer from the store, and one call", last)
				}
				if s := sim.Stats(); s.Requests != 3 || s.PaidTwice != 0 {
					t.Errorf("the provider got %d calls, %d paid twice; want 3, 0", s.Requests, s.PaidTwice)
				}
			})
		})
	}
}

// Calls of one handler at the same time are each found again by what they say,
// in whatever order they come.
func TestParallelCallsOfOneHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 120}, Latency: llmsim.Latency{FirstToken: time.Second, Spread: 1}})
		client := newSDK(sim)
		c := newClient(newStore(t), pawl.Config{Patience: 5 * time.Minute, Limits: map[string]limit.Config{"default": {Requests: 120}}})
		asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			answers := make([]string, 60)
			var calls sync.WaitGroup
			errs := make([]error, len(answers))
			for i := range answers {
				if task.Attempt == 2 {
					i = len(answers) - 1 - i
				}
				calls.Go(func() { answers[i], errs[i] = client.ask(ctx, fmt.Sprint("Question ", i)) })
			}
			calls.Wait()
			for _, err := range errs {
				if err != nil {
					return "", err
				}
			}
			if task.Attempt < 3 {
				return "", pawl.RetryAfter(fmt.Errorf("%s", strings.Join(answers, "\n")), time.Second)
			}
			return strings.Join(answers, "\n"), nil
		})
		start(t, c)
		run := add(t, c, asks, "x")
		got := result(t, run)
		r := row(t, c, run.ID)
		for i, a := range r.Attempts[:2] {
			if a.Message != got {
				t.Errorf("the answers of attempt %d differ from those of the last", i+1)
			}
		}
		if s := sim.Stats(); s.Requests != 60 || s.Limited != 0 || r.LastAttempt().Saved != 60 || r.Usage() != s.Billed {
			t.Errorf("%d calls, %d refused, last attempt %+v; want 60, 0, all saved, and the usage of the bill", s.Requests, s.Limited, r.LastAttempt())
		}
	})
}

func TestOutsideAHandlerTheTransportPassesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{})
		must(t, sim.Inject(llmsim.ServerError, llmsim.None))
		if _, err := newSDK(sim).ask(t.Context(), "Is anybody there?"); err != nil || sim.Stats().Requests != 2 {
			t.Errorf("ask = %v after %d calls; want the SDK's own retry to help", err, sim.Stats().Requests)
		}
	})
}
