package llm_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pawlhq/pawl/llm"
)

func TestSend(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			key, path := r.Header.Get("X-Api-Key"), "/v1/messages"
			if p.name == "openai" {
				key, path = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "/chat/completions"
			}
			if key != "key" || r.URL.Path != path || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("X-Own") != "1" {
				t.Errorf("request to %s with %v", r.URL.Path, r.Header)
			}
			if p.name == "anthropic" && r.Header.Get("Anthropic-Version") != "2023-06-01" {
				t.Errorf("Anthropic-Version = %q", r.Header.Get("Anthropic-Version"))
			}
			w.Header().Set("Anthropic-Ratelimit-Requests-Limit", "50")
			w.Header().Set("Anthropic-Ratelimit-Requests-Remaining", "49")
			w.Header().Set("X-Ratelimit-Limit-Requests", "50")
			w.Header().Set("X-Ratelimit-Remaining-Requests", "49")
			fmt.Fprint(w, p.answer)
		})
		m := p.model(server.URL, newClient(t), 0, http.Header{"X-Own": {"1"}})
		r, err := m.Send(t.Context(), encode(t, m, 10))
		if err != nil {
			t.Fatal(err)
		}
		if want := (llm.Level{Limit: 50, Remaining: 49, Known: true}); r.Limits.Requests != want {
			t.Errorf("Limits.Requests = %+v; want %+v", r.Limits.Requests, want)
		}
		if r.Text() != "Hello" || r.Usage != (llm.Usage{Input: 3, Output: 2}) || string(r.JSON) != p.answer {
			t.Errorf("Send = %+v", r)
		}
	})
}

// A call that may be long is streamed on the wire, and only there.
func TestSendStreamsWhatMayBeLong(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		var body atomic.Pointer[string]
		conns := atomic.Int32{}
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			text := string(b)
			body.Store(&text)
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			for line := range strings.SplitAfterSeq(p.stream, "\n") {
				fmt.Fprint(w, line)
				w.(http.Flusher).Flush()
			}
		}))
		server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				conns.Add(1)
			}
		}
		server.Start()
		t.Cleanup(server.Close)
		m := p.model(server.URL, newClient(t), 0, nil)
		encoded := encode(t, m, 100_000)
		before := string(encoded)
		for range 3 {
			r, err := m.Send(t.Context(), encoded)
			if err != nil {
				t.Fatal(err)
			}
			if r.Text() != "Hello" || r.Usage != (llm.Usage{Input: 3, Output: 2}) {
				t.Errorf("Send = %+v", r)
			}
		}
		if string(encoded) != before || strings.Contains(before, "stream") || !strings.Contains(*body.Load(), `,"stream":true`) {
			t.Errorf("Encode = %s, on the wire %s; want the stream on the wire only", before, *body.Load())
		}
		if p.name == "openai" && !strings.Contains(*body.Load(), `"stream_options":{"include_usage":true}`) {
			t.Errorf("on the wire %s; want the usage asked for", *body.Load())
		}
		if conns.Load() != 1 {
			t.Errorf("%d connections for three calls; want one", conns.Load())
		}
	})
}

// Some servers do not stream, whatever they are asked for.
func TestSendReadsJSONWhereAStreamWasAskedFor(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, p.answer) })
		m := p.model(server.URL, newClient(t), 0, nil)
		if r, err := m.Send(t.Context(), encode(t, m, 100_000)); err != nil || r.Text() != "Hello" {
			t.Errorf("Send = %+v, %v", r, err)
		}
	})
}

func TestSendNeverRetriesNorFollows(t *testing.T) {
	for status, want := range map[int]llm.Class{
		307: llm.Permanent, 308: llm.Permanent, 302: llm.Permanent, 409: llm.Transient, 429: llm.Throttled, 500: llm.Ambiguous, 503: llm.Throttled,
	} {
		each(t, func(t *testing.T, p provider) {
			var calls atomic.Int32
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(status)
			})
			failed := sendFails(t, t.Context(), p.model(server.URL, newClient(t), 0, nil))
			if failed.Class != want || failed.Status != status || calls.Load() != 1 {
				t.Errorf("%d: Send = %v after %d calls; want %s after one", status, failed, calls.Load(), want)
			}
		})
	}
}

// What broke off still says who it was and what it knew of the limits.
func TestBrokenStreamKeepsItsHeaders(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Request-Id", "req_1")
			w.Header().Set("Anthropic-Ratelimit-Requests-Limit", "50")
			w.Header().Set("X-Ratelimit-Limit-Requests", "50")
			fmt.Fprint(w, p.stream[:len(p.stream)/2])
		})
		failed := sendFails(t, t.Context(), p.model(server.URL, newClient(t), 0, nil))
		if failed.Class != llm.Ambiguous || failed.RequestID != "req_1" || failed.Limits.Requests.Limit != 50 || failed.Status != 200 {
			t.Errorf("Send = %+v; want the request's id, its status and the limits", failed)
		}
	})
}
