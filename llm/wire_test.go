package llm_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// nobody is an address at which nobody can listen. A port that was free a moment ago may
// be another program's by now.
const nobody = "127.0.0.1:0"

func TestNotSentWhenNobodyListens(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		failed := sendFails(t, t.Context(), p.model("http://"+nobody, newClient(t), 0, nil))
		if failed.Class != llm.NotSent || failed.Status != 0 || failed.Err == nil {
			t.Errorf("Send = %v; want it not sent", failed)
		}
	})
}

func TestNotSentWhenTLSFails(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = quiet
		server.StartTLS()
		t.Cleanup(server.Close)
		failed := sendFails(t, t.Context(), p.model(server.URL, newClient(t), 0, nil))
		if failed.Class != llm.NotSent {
			t.Errorf("Send = %v; want it not sent", failed)
		}
		url := listen(t, reset)
		failed = sendFails(t, t.Context(), p.model(strings.Replace(url, "http:", "https:", 1), newClient(t), 0, nil))
		if failed.Class != llm.NotSent {
			t.Errorf("Send = %v; want it not sent when the handshake is reset", failed)
		}
	})
}

func TestNotSentWhenTheNameIsUnknown(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		client := newClient(t)
		client.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "nowhere", IsNotFound: true}
		}
		failed := sendFails(t, t.Context(), p.model("http://nowhere", client, 0, nil))
		var dns *net.DNSError
		if failed.Class != llm.NotSent || !errors.As(failed, &dns) {
			t.Errorf("Send = %v; want it not sent", failed)
		}
	})
}

func TestNotSentWhenTheURLIsNone(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		for _, url := range []string{"http://a b", "gopher://localhost", "://"} {
			if failed := sendFails(t, t.Context(), p.model(url, newClient(t), 0, nil)); failed.Class != llm.NotSent {
				t.Errorf("Send to %s = %v; want it not sent", url, failed)
			}
		}
	})
}

// Whether a connection that is reset at once has taken the request is decided
// by the machine; nothing may be sent twice for it.
func TestResetBeforeTheRequestWasRead(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		var conns atomic.Int32
		url := listen(t, func(conn net.Conn) {
			conns.Add(1)
			reset(conn)
		})
		failed := sendFails(t, t.Context(), p.model(url, newClient(t), 0, nil))
		if failed.Class != llm.Ambiguous && failed.Class != llm.NotSent || conns.Load() != 1 {
			t.Errorf("Send = %v over %d connections; want ambiguous or not sent, over one", failed, conns.Load())
		}
	})
}

func TestAmbiguousOnceTheRequestWasRead(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nRequest-Id: req_1\r\nX-Request-Id: req_1\r\n"
	const chunked = head + "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	each(t, func(t *testing.T, p provider) {
		cut := p.stream[:len(p.stream)/3]
		for name, answer := range map[string]string{
			"no response":                   "",
			"half the headers":              "HTTP/1.1 200 OK\r\nContent-",
			"no HTTP":                       "hello\r\n\r\n",
			"headers":                       head + "Content-Length: 1000\r\n\r\n",
			"half the body":                 head + "Content-Length: 1000\r\n\r\n" + p.answer[:20],
			"half a stream":                 chunked + fmt.Sprintf("%x\r\n%s\r\n", len(cut), cut),
			"a stream cut at a chunk's end": chunked + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(cut), cut),
		} {
			for _, end := range []func(net.Conn){reset, func(c net.Conn) { _ = c.Close() }} {
				var conns atomic.Int32
				url := listen(t, func(conn net.Conn) {
					conns.Add(1)
					if err := swallow(conn); err != nil {
						t.Errorf("read the request: %v", err)
					}
					_, _ = io.WriteString(conn, answer)
					end(conn)
				})
				failed := sendFails(t, t.Context(), p.model(url, newClient(t), 0, nil))
				if failed.Class != llm.Ambiguous || conns.Load() != 1 {
					t.Errorf("%s: Send = %v over %d connections; want ambiguous, over one", name, failed, conns.Load())
				}
			}
		}
	})
}

// net/http sends a request again by itself if a connection that it had kept is
// gone. That must not happen once a model call was written, even if a header
// says that the request is idempotent: to providers none is.
func TestLostKeptConnectionIsNotSentAgain(t *testing.T) {
	for _, header := range []http.Header{nil, {"Idempotency-Key": {"k"}}, {"X-Idempotency-Key": {"k"}}} {
		each(t, func(t *testing.T, p provider) {
			var requests atomic.Int32
			url := listen(t, func(conn net.Conn) {
				buffered := bufio.NewReader(conn)
				for {
					r, err := http.ReadRequest(buffered)
					if err != nil {
						break
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if requests.Add(1) > 1 {
						break
					}
					fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(p.answer), p.answer)
				}
				_ = conn.Close()
			})
			m := p.model(url, newClient(t), 0, header)
			if _, err := m.Send(t.Context(), encode(t, m, 10)); err != nil {
				t.Fatal(err)
			}
			failed := sendFails(t, t.Context(), m)
			if failed.Class != llm.Ambiguous || requests.Load() != 2 {
				t.Errorf("Send = %v after %d requests; want ambiguous after two", failed, requests.Load())
			}
		})
	}
}

func TestCancelledBeforeAnythingWasSent(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		ctx, cancel := context.WithCancel(t.Context())
		client := newClient(t)
		client.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		m := p.model("http://localhost", client, 0, nil)
		for _, when := range []string{"while dialling", "before the call"} {
			if _, err := m.Send(ctx, encode(t, m, 10)); err != context.Canceled {
				t.Errorf("%s: Send = %v; want context.Canceled itself", when, err)
			}
		}
	})
}

func TestCancelledAfterTheRequestWasSent(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		for _, begin := range []string{"", p.stream[:len(p.stream)/2]} {
			ctx, cancel := context.WithCancel(t.Context())
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if begin != "" {
					w.Header().Set("Content-Type", "text/event-stream")
					fmt.Fprint(w, begin)
					w.(http.Flusher).Flush()
				}
				cancel()
				<-r.Context().Done()
			})
			failed := sendFails(t, ctx, p.model(server.URL, newClient(t), 0, nil))
			if failed.Class != llm.Ambiguous || !errors.Is(failed, context.Canceled) {
				t.Errorf("Send = %v; want an ambiguous error that wraps context.Canceled", failed)
			}
		}
	})
}

// In virtual time: a machine that is busy may take longer than a short silence to send
// the request.
func TestSilence(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		for _, begin := range []string{"", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + p.stream[:len(p.stream)/2]} {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				client := newClient(t)
				client.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) { return ours, nil }
				hungUp := make(chan error, 1)
				go func() {
					err := swallow(theirs)
					if err == nil && begin != "" {
						_, err = io.WriteString(theirs, begin)
					}
					_, _ = theirs.Read(make([]byte, 1)) // nothing more is said until the caller hangs up
					hungUp <- errors.Join(err, theirs.Close())
				}()
				began := time.Now()
				failed := sendFails(t, t.Context(), p.model("http://localhost", client, time.Minute, nil))
				if failed.Class != llm.Ambiguous || !strings.Contains(failed.Error(), "said nothing for 1m0s") || time.Since(began) != time.Minute {
					t.Errorf("Send = %v after %v; want an ambiguous error of a provider that was silent for a minute", failed, time.Since(began))
				}
				if err := <-hungUp; err != nil {
					t.Error(err)
				}
			})
		}
	})
}
