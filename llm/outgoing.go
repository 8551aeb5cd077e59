package llm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
)

// outgoing is the body of one request. It knows whether the call may have
// happened, which decides between "not sent" and "ambiguous":
//
//  1. A provider does nothing before it has the whole body, and a connection
//     reads the body when its headers are written. A body that was never read
//     was not sent, whether the address, the connection or TLS failed.
//  2. A body that was read may have arrived, even if writing it failed, unless
//     the connection says that not even the headers were written: a transport
//     may read a body ahead.
//  3. seal asks and closes the door at once. Without that, a call that was
//     cancelled could be called "not sent" and be written a moment later, by
//     the connection's own goroutine.
type outgoing struct {
	data   []byte // not copied: thousands of calls may wait at once
	tail   string // what comes after it
	mu     sync.Mutex
	read   bool
	sealed bool
	headed bool // headers were written
	failed bool // writing ended with an error
}

// extended is a JSON object with more fields, given as they are written.
func extended(body []byte, more string) *outgoing {
	if more == "" || len(body) < 3 || body[len(body)-1] != '}' {
		return &outgoing{data: body}
	}
	return &outgoing{data: body[:len(body)-1], tail: "," + more + "}"}
}

// attach returns r with o as its body. GetBody lets net/http send it again on another
// connection if nothing of it was written on a stale one. It must not do so
// when the connection was lost later; it would for a request that says it is
// idempotent.
func (o *outgoing) attach(r *http.Request) *http.Request {
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{WroteHeaders: o.wroteHeaders, WroteRequest: o.wroteRequest}))
	r.Body, r.ContentLength, r.GetBody = &outgoingReader{o: o}, int64(len(o.data)+len(o.tail)), nil
	_, key := r.Header["Idempotency-Key"]
	_, xkey := r.Header["X-Idempotency-Key"]
	if !key && !xkey {
		r.GetBody = func() (io.ReadCloser, error) { return &outgoingReader{o: o}, nil }
	}
	return r
}

func (o *outgoing) wroteHeaders() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.headed = true
}

func (o *outgoing) wroteRequest(info httptrace.WroteRequestInfo) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed = o.failed || info.Err != nil
}

// seal ends the reading of the body and reports whether the call may have been
// sent.
func (o *outgoing) seal() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sealed = true
	return o.read && (o.headed || !o.failed)
}

type outgoingReader struct {
	o  *outgoing
	at int
}

func (r *outgoingReader) Read(p []byte) (int, error) {
	r.o.mu.Lock()
	defer r.o.mu.Unlock()
	if r.o.sealed {
		return 0, errors.New("the call is over")
	}
	n := 0
	if data := r.o.data; r.at < len(data) {
		n = copy(p, data[r.at:])
	} else {
		n = copy(p, r.o.tail[r.at-len(data):])
	}
	if r.at += n; n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	r.o.read = true
	return n, nil
}

func (r *outgoingReader) Close() error { return nil }

// unanswered returns the failure of a call that got no whole response. sent is
// whether it may have reached the provider.
func unanswered(ctx context.Context, api API, sent bool, err error) error {
	end := ctx.Err()
	switch {
	case !sent && end != nil:
		return end
	case !sent:
		return &Error{Class: NotSent, API: api.Name(), Err: err}
	case end != nil && !errors.Is(err, end):
		err = fmt.Errorf("%w: %w", end, err)
	}
	return &Error{Class: Ambiguous, API: api.Name(), Err: err}
}
