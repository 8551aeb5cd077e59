package pawl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
)

// Of two calls at the same time one is throttled; the other one's later answer does
// not make that a failure of the task.
func TestAnAnswerDoesNotMakeUpForAParallelThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := make(chan struct{})
		slowSent := sync.OnceFunc(func() { close(slow) })
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			b, _ := io.ReadAll(r.Body)
			if bytes.Contains(b, []byte("slow")) {
				slowSent()
				time.Sleep(time.Second)
				return answerWith(200, `{"id":"m","type":"message","role":"assistant","content":[],"usage":{"input_tokens":1,"output_tokens":1}}`, nil), nil
			}
			<-slow // the other call is in flight when this one fails
			return answerWith(429, `{"type":"error","error":{"type":"rate_limit_error","message":"x"}}`, http.Header{"Retry-After": {"1"}}), nil
		})
		client := &http.Client{Transport: &llm.Transport{API: anthropic.API{}, Base: base}}
		post := func(ctx context.Context, text string) error {
			req, _ := http.NewRequestWithContext(ctx, "POST", "http://x/v1/messages", bytes.NewReader([]byte(`{"messages":[{"role":"user","content":"`+text+`"}],"max_tokens":5}`)))
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, _ = io.Copy(io.Discard, resp.Body)
			if resp.StatusCode != 200 {
				return fmt.Errorf("sdk: status %d", resp.StatusCode)
			}
			return nil
		}
		c := one(t, asks, func(ctx context.Context, tk *pawl.Task[string]) (string, error) {
			var wg sync.WaitGroup
			var a, b error
			wg.Go(func() { a = post(ctx, "fast") })
			wg.Go(func() { b = post(ctx, "slow") })
			wg.Wait()
			return "", errors.Join(a, b)
		})
		start(t, c)
		r := add(t, c, asks, "a")
		time.Sleep(1500 * time.Millisecond)
		got := row(t, c, r.ID)
		if len(got.Attempts) == 0 || got.Attempts[0].Used || got.Attempts[0].Class != llm.Throttled {
			t.Errorf("attempts = %+v; want the first throttled, and not used", got.Attempts)
		}
		_, _ = c.Cancel(context.Background(), pawl.Filter{})
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answerWith(status int, body string, h http.Header) *http.Response {
	if h == nil {
		h = http.Header{}
	}
	h.Set("Content-Type", "application/json")
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(bytes.NewReader([]byte(body))), ContentLength: int64(len(body))}
}

// lossy says that every Save until a time failed, though it took effect.
type lossy struct {
	pawl.Store
	until time.Time
}

func (s *lossy) Save(ctx context.Context, now time.Time, v []pawl.Save) ([]error, error) {
	errs, err := s.Store.Save(ctx, now, v)
	if time.Now().Before(s.until) {
		return nil, errors.New("connection lost")
	}
	return errs, err
}

// An SDK that tries again after the store failed sends nothing.
func TestAnAnswerThatCannotBeStoredIsNotAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			sent++
			return answerWith(200, `{"id":"m","type":"message","role":"assistant","content":[],"usage":{"input_tokens":1,"output_tokens":1}}`, nil), nil
		})
		client := &http.Client{Transport: &llm.Transport{API: anthropic.API{}, Base: base}}
		c := newClient(&lossy{newStore(t), time.Now().Add(31 * time.Second)}, pawl.Config{})
		asks.Handle(c, func(ctx context.Context, tk *pawl.Task[string]) (string, error) {
			var err error
			for range 3 { // as an SDK does when the connection fails
				req, _ := http.NewRequestWithContext(ctx, "POST", "http://x/v1/messages", bytes.NewReader([]byte(`{"messages":[],"max_tokens":5}`)))
				var resp *http.Response
				if resp, err = client.Do(req); err == nil {
					resp.Body.Close()
					return "ok", nil
				}
				time.Sleep(2 * time.Second)
			}
			return "", err
		})
		start(t, c)
		result(t, add(t, c, asks, "a"))
		if sent != 1 {
			t.Errorf("sent %d times; want 1", sent)
		}
	})
}
