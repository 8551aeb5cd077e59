package llm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// outgoing is the body of one request. It knows whether the call may have
// happened, which decides between "not sent" and "ambiguous":
//
//  1. A provider does nothing before it has the whole body, and a connection
//     reads the body when its headers are written. A body that was never read
//     was not sent, whether the address, the connection or TLS failed.
//  2. A body that was read may have arrived, even if writing it failed.
//  3. seal asks and closes the door at once. Without that, a call that was
//     cancelled could be called "not sent" and be written a moment later, by
//     the connection's own goroutine.
type outgoing struct {
	data   []byte
	mu     sync.Mutex
	read   bool
	sealed bool
}

// attach makes o the body of r. GetBody lets net/http send it again on another
// connection if nothing of it was written on a stale one. It must not do so
// when the connection was lost later; it would for a request that says it is
// idempotent.
func (o *outgoing) attach(r *http.Request) {
	r.Body, r.ContentLength, r.GetBody = &outgoingReader{o: o}, int64(len(o.data)), nil
	_, key := r.Header["Idempotency-Key"]
	_, xkey := r.Header["X-Idempotency-Key"]
	if !key && !xkey {
		r.GetBody = func() (io.ReadCloser, error) { return &outgoingReader{o: o}, nil }
	}
}

// seal ends the reading of the body and reports whether any of it was read.
func (o *outgoing) seal() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sealed = true
	return o.read
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
	if r.at >= len(r.o.data) {
		return 0, io.EOF
	}
	r.o.read = true
	n := copy(p, r.o.data[r.at:])
	r.at += n
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
