package llm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
)

var quiet = log.New(io.Discard, "", 0)

// memory is a governor that answers from memory, successes and failures.
type memory struct {
	mu     sync.Mutex
	calls  []llm.Call
	stored map[string]*llm.Exchange
	failed map[string]error
}

func (m *memory) Govern(ctx context.Context, call llm.Call, send func(context.Context) (*llm.Exchange, error)) (*llm.Exchange, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stored == nil {
		m.stored, m.failed = map[string]*llm.Exchange{}, map[string]error{}
	}
	m.calls = append(m.calls, call)
	key := call.Name + " " + string(call.Body)
	if m.stored[key] != nil || m.failed[key] != nil {
		return m.stored[key], m.failed[key]
	}
	m.stored[key], m.failed[key] = send(ctx)
	return m.stored[key], m.failed[key]
}

func (p provider) path() string {
	if p.name == "openai" {
		return "/v1/chat/completions"
	}
	return "/v1/messages"
}

// governed posts a body through a Transport under g.
func governed(t *testing.T, p provider, g llm.Governor, url, body string) (*http.Response, error) {
	t.Helper()
	client := newClient(t)
	client.Transport = &llm.Transport{API: p.api, Base: client.Transport}
	ctx := t.Context()
	if g != nil {
		ctx = llm.WithGovernor(ctx, g)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Idempotency-Key", "an SDK's own")
	return client.Do(r)
}

func readAll(t *testing.T, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const request = `{"model":"m","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}`

func TestTransportAnswersFromTheGovernor(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		for kind, answer := range map[string]string{"application/json": p.answer, "text/event-stream": p.stream} {
			var sent atomic.Int32
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				sent.Add(1)
				b, _ := io.ReadAll(r.Body)
				if string(b) != request || r.ContentLength != int64(len(request)) {
					t.Errorf("request = %s of %d bytes; want %s", b, r.ContentLength, request)
				}
				w.Header().Set("Content-Type", kind)
				w.Header().Set("Request-Id", "req_1")
				w.Header().Set("Set-Cookie", "secret=1")
				w.Header().Set("Anthropic-Ratelimit-Requests-Limit", "50")
				w.Header().Set("X-Ratelimit-Limit-Requests", "50")
				fmt.Fprint(w, answer)
			})
			g := &memory{}
			for range 2 {
				r, err := governed(t, p, g, server.URL+p.path(), request)
				if err != nil {
					t.Fatal(err)
				}
				if r.StatusCode != 200 || r.Header.Get("Content-Type") != kind || r.ContentLength != int64(len(answer)) || r.Header.Get("Request-Id") != "req_1" {
					t.Errorf("response = %d %v of %d bytes; want 200 of %d", r.StatusCode, r.Header, r.ContentLength, len(answer))
				}
				if got := readAll(t, r); got != answer {
					t.Errorf("body = %s; want %s", got, answer)
				}
			}
			if sent.Load() != 1 {
				t.Errorf("%d requests were sent; want 1", sent.Load())
			}
			call := g.calls[0]
			if call.API != p.api || call.Name != "POST "+p.path() || string(call.Body) != request || call.Size != (llm.Size{Chars: 2, MaxTokens: 10, Model: "m"}) {
				t.Errorf("Call = %+v", call)
			}
			for _, x := range g.stored {
				if x.Usage != (llm.Usage{Input: 3, Output: 2}) || x.Limits.Requests.Limit != 50 || x.Header.Get("Set-Cookie") != "" {
					t.Errorf("Exchange = %+v", x)
				}
			}
		}
	})
}

func TestTransportPassesOn(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Any", "kept")
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprint(w, r.URL.Path)
		})
		g := &memory{}
		for path, governor := range map[string]llm.Governor{p.path(): nil, "/v1/messages/count_tokens": g, "/v1/models": g, "/v1/moderations": g} {
			r, err := governed(t, p, governor, server.URL+path, request)
			if err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, r); got != path || r.StatusCode != http.StatusTeapot || r.Header.Get("X-Any") != "kept" || len(g.calls) != 0 {
				t.Errorf("response = %d %s %v after %d governed calls; want it as it came", r.StatusCode, got, r.Header, len(g.calls))
			}
		}
	})
}

// A failure comes back as the provider's response, which no SDK tries again.
func TestTransportFailureIsTheResponse(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		for status, want := range map[int]llm.Class{400: llm.Permanent, 401: llm.Blocked, 429: llm.Throttled, 500: llm.Ambiguous} {
			var sent atomic.Int32
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				sent.Add(1)
				w.Header().Set("Location", "/elsewhere")
				w.Header().Set("Retry-After", "3")
				w.Header().Set("X-Should-Retry", "")
				w.WriteHeader(status)
				fmt.Fprint(w, `{"error":{"message":"no"}}`)
			})
			if status == 400 {
				want = llm.Transient // there is a time to come back
			}
			g := &memory{}
			r, err := governed(t, p, g, server.URL+p.path(), request)
			if err != nil {
				t.Fatal(err)
			}
			if r.StatusCode != status || r.Header.Get("X-Should-Retry") != "false" || r.Header.Get("Retry-After") != "3" || readAll(t, r) != `{"error":{"message":"no"}}` {
				t.Errorf("response = %d %v; want %d, not to be retried", r.StatusCode, r.Header, status)
			}
			for _, err := range g.failed {
				if failed, ok := errors.AsType[*llm.Error](err); !ok || failed.Class != want || failed.Status != status {
					t.Errorf("%d: the governor got %v; want %s", status, err, want)
				}
			}
			// Asked again, the governor remembers the failure but not the response.
			r, err = governed(t, p, g, server.URL+p.path(), request)
			if err != nil {
				t.Fatal(err)
			}
			if body := readAll(t, r); r.StatusCode != status || r.Header.Get("X-Should-Retry") != "false" || !strings.Contains(body, `"message":"no"`) {
				t.Errorf("response = %d %v %s; want %d again", r.StatusCode, r.Header, body, status)
			}
			if sent.Load() != 1 {
				t.Errorf("%d requests were sent; want 1", sent.Load())
			}
		}
	})
}

// SDKs take every status below 400 for a success.
func TestTransportRedirect(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		var sent atomic.Int32
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			sent.Add(1)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect)
			fmt.Fprint(w, p.answer)
		})
		g := &memory{}
		r, err := governed(t, p, g, server.URL+p.path(), request)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(r.Body)
		if failed, ok := errors.AsType[*llm.Error](err); !ok || failed.Class != llm.Permanent || r.StatusCode != 307 {
			t.Errorf("response = %d, its body %v; want 307 and a permanent *llm.Error", r.StatusCode, err)
		}
		_, err = governed(t, p, g, server.URL+p.path(), request)
		if failed, ok := errors.AsType[*llm.Error](err); !ok || failed.Class != llm.Permanent || sent.Load() != 1 {
			t.Errorf("RoundTrip = %v after %d requests; want the same error after one", err, sent.Load())
		}
	})
}

// A response that broke off must not look whole to the SDK.
func TestTransportBrokenResponse(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		for name, answer := range map[string]string{
			"a stream that ends early": "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + p.stream[:len(p.stream)/2],
			"half a body":              "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + p.answer[:20],
			"a page":                   "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>",
		} {
			url := listen(t, func(conn net.Conn) {
				_ = swallow(conn)
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
			})
			r, err := governed(t, p, &memory{}, url+p.path(), request)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r.Body)
			failed, ok := errors.AsType[*llm.Error](err)
			if !ok || failed.Class != llm.Ambiguous || !strings.HasSuffix(answer, string(b)) || len(b) == 0 || r.Header.Get("X-Should-Retry") != "false" {
				t.Errorf("%s: body = %q, %v; want what came, then an ambiguous *llm.Error", name, b, err)
			}
		}
	})
}

func TestTransportWithoutAResponse(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		url := listen(t, func(conn net.Conn) {
			_ = swallow(conn)
			reset(conn)
		})
		_, err := governed(t, p, &memory{}, url+p.path(), request)
		if failed, ok := errors.AsType[*llm.Error](err); !ok || failed.Class != llm.Ambiguous {
			t.Errorf("RoundTrip = %v; want an ambiguous *llm.Error", err)
		}
		_, err = governed(t, p, &memory{}, "http://"+nobody+p.path(), request)
		if failed, ok := errors.AsType[*llm.Error](err); !ok || failed.Class != llm.NotSent {
			t.Errorf("RoundTrip = %v; want it not sent", err)
		}
	})
}

// governorFunc is a governor that is one function.
type governorFunc func(ctx context.Context, call llm.Call, send func(context.Context) (*llm.Exchange, error)) (*llm.Exchange, error)

func (f governorFunc) Govern(ctx context.Context, call llm.Call, send func(context.Context) (*llm.Exchange, error)) (*llm.Exchange, error) {
	return f(ctx, call, send)
}

func TestTransportGovernorsOwnWord(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		held := &llm.Error{Class: llm.Blocked, Message: "the limit is held"}
		lost := errors.New("lease lost")
		for _, want := range []error{held, lost, context.Canceled} {
			g := governorFunc(func(context.Context, llm.Call, func(context.Context) (*llm.Exchange, error)) (*llm.Exchange, error) {
				return nil, want
			})
			if _, err := governed(t, p, g, "http://nowhere.invalid"+p.path(), request); !errors.Is(err, want) {
				t.Errorf("RoundTrip = %v; want %v", err, want)
			}
		}
		// An exchange of a call through a Model has no status and no headers.
		g := governorFunc(func(context.Context, llm.Call, func(context.Context) (*llm.Exchange, error)) (*llm.Exchange, error) {
			return &llm.Exchange{Body: []byte(p.answer)}, nil
		})
		r, err := governed(t, p, g, "http://nowhere.invalid"+p.path(), request)
		if err != nil {
			t.Fatal(err)
		}
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/json" || readAll(t, r) != p.answer {
			t.Errorf("response = %d %v; want 200 with JSON", r.StatusCode, r.Header)
		}
		g = func(context.Context, llm.Call, func(context.Context) (*llm.Exchange, error)) (*llm.Exchange, error) {
			return nil, nil
		}
		if _, err := governed(t, p, g, "http://nowhere.invalid"+p.path(), request); err == nil {
			t.Error("RoundTrip = nil for a governor without an answer; want an error")
		}
	})
}

func TestTransportCancelledBeforeSending(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		g := governorFunc(func(ctx context.Context, _ llm.Call, send func(context.Context) (*llm.Exchange, error)) (*llm.Exchange, error) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			x, err := send(ctx)
			if err != context.Canceled {
				t.Errorf("send = %v, %v; want context.Canceled itself", x, err)
			}
			return nil, err
		})
		if _, err := governed(t, p, g, "http://nowhere.invalid"+p.path(), request); !errors.Is(err, context.Canceled) {
			t.Errorf("RoundTrip = %v; want context.Canceled", err)
		}
	})
}

// replay is a governor that knows every answer.
type replay string

func (r replay) Govern(_ context.Context, call llm.Call, _ func(context.Context) (*llm.Exchange, error)) (*llm.Exchange, error) {
	fmt.Println("governed:", call.API.Name(), call.Name)
	return &llm.Exchange{Body: []byte(r)}, nil
}

func ExampleTransport() {
	// With an SDK: option.WithHTTPClient(client).
	client := &http.Client{Transport: &llm.Transport{API: anthropic.API{}}}

	// The queue gives every handler such a context.
	ctx := llm.WithGovernor(context.Background(), replay(`{"content":[{"type":"text","text":"Paris."}]}`))

	body := strings.NewReader(`{"model":"claude","max_tokens":5,"messages":[{"role":"user","content":"The capital of France?"}]}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.anthropic.com/v1/messages", body)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, string(answer), err)
	// Output:
	// governed: anthropic POST /v1/messages
	// 200 OK {"content":[{"type":"text","text":"Paris."}]} <nil>
}
