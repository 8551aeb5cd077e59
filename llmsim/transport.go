package llmsim

import (
	"context"
	"net/http"
)

// Client returns a client whose calls reach s without a socket, whatever host
// they name. It works inside a testing/synctest bubble.
func (s *Server) Client() *http.Client {
	return &http.Client{Transport: s.Transport()}
}

// Transport returns a RoundTripper that calls s without a socket. It honours
// contexts, streams, fires the hooks of net/http/httptrace as net/http does
// (GotConn's Conn is nil), and fails as a real connection would:
//
//   - a reset before the request was read is an error of which WroteRequest
//     tells, and WroteHeaders is not called: nothing was written;
//   - a reset after that is a "connection reset by peer", from the call or
//     from reading the body.
//
// As with any transport, a response's body must be read to its end or closed:
// its handler runs until then.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ s *Server }

// RoundTrip makes one call.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if ctx.Err() != nil {
		closeBody(r)
		return nil, context.Cause(ctx)
	}
	c := newConn(r)
	c.greet()
	go func() {
		defer c.hangUp(r)
		t.s.ServeHTTP(c, c.served(r))
	}()
	select {
	case <-c.read:
	case <-c.head:
	case <-ctx.Done():
	}
	c.sent()
	return c.response(r)
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close() // as net/http: a client's body has nothing to say any more
	}
}
