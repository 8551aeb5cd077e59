package llm

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"
)

// What is read of a response, at most.
const (
	maxResponse = 64 << 20
	maxRefusal  = 1 << 20
)

// Sender makes single calls of one provider's endpoint. It never retries and
// never follows a redirect. It is safe for concurrent use.
type Sender struct {
	API     API
	URL     string
	Header  http.Header   // sent with every call; the caller must not change it
	Client  *http.Client  // default: one for all Senders, fit for ten thousand calls in flight
	Timeout time.Duration // how long the provider may say nothing; default 10 minutes
}

// Send posts a JSON body and reads the response, which may be an event stream.
// more is written at the body's end on the wire, where it asks for the stream:
// fields of JSON, "" for none. It does not change body, or copy it. A failure is an *Error, or ctx.Err() if ctx ended before anything was sent.
func (s *Sender) Send(ctx context.Context, body []byte, more string) (*Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	watch := newWatch(ctx, s.Timeout)
	defer watch.stop()
	req, err := http.NewRequestWithContext(watch.ctx, http.MethodPost, s.URL, nil)
	if err != nil {
		return nil, unanswered(ctx, s.API, false, err)
	}
	req.Header = s.Header.Clone()
	out := extended(body, more)
	resp, err := s.client().Do(out.attach(req))
	if err != nil {
		return nil, unanswered(ctx, s.API, out.seal(), watch.cause(err))
	}
	defer resp.Body.Close()
	return s.read(ctx, resp, watch)
}

// Call makes one call, of a name such as "embed", under the [Governor] of ctx: as
// any model call of a handler it waits for the limit, is settled and stored, and
// on a retry its stored response is returned and nothing is sent. Without a
// Governor it is Send. The response that is stored must be whole and right as far
// as the API can tell: its Decode sees it first.
func (s *Sender) Call(ctx context.Context, name string, body []byte) (*Response, error) {
	governor := GovernorFrom(ctx)
	if governor == nil {
		return s.Send(ctx, body, "")
	}
	var sent *Response
	call := Call{API: s.API, Name: name, Body: body, Size: s.API.Measure(body)}
	exchange, err := governor.Govern(ctx, call, func(ctx context.Context) (*Exchange, error) {
		var err error
		// The client may have a Transport of its own, which must not govern it again.
		if sent, err = s.Send(WithGovernor(ctx, nil), body, ""); err != nil {
			return nil, err
		}
		return &Exchange{Body: sent.JSON, Usage: sent.Usage, Limits: sent.Limits}, nil
	})
	switch {
	case err != nil:
		return nil, err
	case exchange == nil:
		return nil, errNothing
	case sent != nil:
		return sent, nil
	}
	stored, err := s.API.Decode(exchange.Body)
	if err != nil {
		return nil, &Error{Class: Permanent, API: s.API.Name(), Err: fmt.Errorf("the stored response: %w", err)}
	}
	return stored, nil
}

// errNothing is what a governor must not do.
var errNothing = errors.New("llm: the governor returned neither a response nor an error")

// read reads a response whose headers have come. From here on it is the
// provider's: whatever fails may have been billed.
func (s *Sender) read(ctx context.Context, resp *http.Response, watch *watch) (*Response, error) {
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		// What cannot be read of a refusal is not needed to understand it.
		body, _ := io.ReadAll(io.LimitReader(watch.reader(resp.Body), maxRefusal))
		return nil, s.API.Error(resp.StatusCode, resp.Header, body, time.Now())
	}
	body := watch.reader(resp.Body)
	answer, err := s.decode(resp, body)
	limits := s.API.Limits(resp.Header, time.Now())
	if err == nil {
		watch.drain(body)
		answer.Limits = limits
		return answer, nil
	}
	if body.err != nil {
		err = unanswered(ctx, s.API, true, watch.cause(body.err))
	}
	return nil, amend(s.API, err, resp.StatusCode, resp.Header, limits)
}

func (s *Sender) decode(resp *http.Response, body io.Reader) (*Response, error) {
	if isStream(resp.Header) {
		return s.API.DecodeStream(body)
	}
	whole, err := readWhole(body, resp.ContentLength)
	if err != nil {
		return nil, err
	}
	return s.API.Decode(whole)
}

// amend returns the *Error of a response that began as a success, with what
// only its head says.
func amend(api API, err error, status int, h http.Header, limits Limits) *Error {
	var failed *Error
	if !errors.As(err, &failed) {
		failed = &Error{Class: Ambiguous, API: api.Name(), Err: err}
	}
	failed.Limits = limits
	if failed.RequestID == "" {
		failed.RequestID = cmp.Or(h.Get("Request-Id"), h.Get("X-Request-Id"))
	}
	if failed.Status == 0 {
		failed.Status = status
	}
	return failed
}

func isStream(h http.Header) bool {
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return kind == "text/event-stream"
}

// readWhole reads a response body to its end. length is what its header says,
// -1 if it says nothing.
func readWhole(r io.Reader, length int64) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, min(max(length, 0), maxRefusal)+bytes.MinRead))
	_, err := b.ReadFrom(io.LimitReader(r, maxResponse+1))
	if err == nil && b.Len() > maxResponse {
		err = fmt.Errorf("a response of more than %d bytes", maxResponse)
	}
	return b.Bytes(), err
}

func (s *Sender) client() *http.Client {
	if s.Client == nil {
		return defaultClient()
	}
	c := *s.Client
	c.CheckRedirect = noRedirects
	return &c
}

func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// defaultClient is made for many calls that wait: connections are not limited
// and are kept for the next call. Memory decides the rest. Compression would
// cost each open response 40 KB for its window, and delay a stream; pings find
// a dead connection that many calls share.
var defaultClient = sync.OnceValue(func() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost, t.MaxConnsPerHost = 0, 10_000, 0
	t.ReadBufferSize, t.WriteBufferSize = 2<<10, 2<<10
	t.DisableCompression = true
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second}
	return &http.Client{Transport: t, CheckRedirect: noRedirects}
})

// watch ends a call whose provider has said nothing for too long.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	limit  time.Duration
	timer  *time.Timer
}

func newWatch(ctx context.Context, limit time.Duration) *watch {
	if limit <= 0 {
		limit = 10 * time.Minute
	}
	w := &watch{limit: limit}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(limit, func() { w.cancel(silence(limit)) })
	return w
}

// silence is the error of a provider that said nothing for so long.
type silence time.Duration

func (s silence) Error() string {
	return fmt.Sprintf("the provider said nothing for %v", time.Duration(s))
}

// Timeout makes it a timeout as those of package net.
func (s silence) Timeout() bool { return true }

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// cause returns why the call ended, which is err unless it was silence.
func (w *watch) cause(err error) error {
	var s silence
	if errors.As(context.Cause(w.ctx), &s) {
		return s
	}
	return err
}

// reader returns r, every byte of which is a sign of life.
func (w *watch) reader(r io.Reader) *watchedReader { return &watchedReader{r: r, w: w} }

type watchedReader struct {
	r   io.Reader
	w   *watch
	err error // why reading ended, nil if it did not or came to the end
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.w.timer.Reset(r.w.limit)
	}
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// drain reads what follows the last event, so that the connection can be used
// again, and gives that a second.
func (w *watch) drain(r io.Reader) {
	w.limit = min(w.limit, time.Second)
	w.timer.Reset(w.limit)
	_, _ = io.Copy(io.Discard, io.LimitReader(r, maxRefusal)) // the answer is there already
}
