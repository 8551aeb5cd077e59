package llmsim

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"syscall"
)

// conn is one call without a socket. Its server side is a ResponseWriter, used
// by the handler's goroutine alone.
//
// That goroutine begins in RoundTrip. It has ended when RoundTrip returns an
// error, when the response's body has been closed, or soon after the body was
// read to its end.
type conn struct {
	client context.Context    // the caller's
	server context.Context    // the handler's: ends with the caller's, or when the body is closed
	leave  context.CancelFunc // ends server
	trace  *httptrace.ClientTrace
	host   string
	in     *io.PipeReader
	out    *io.PipeWriter

	read chan struct{} // closed once the request was read
	head chan struct{} // closed once there is a response, or will be none
	done chan struct{} // closed once the handler has returned

	header          http.Header // the handler's, until the response's head is sent
	isRead, hasHead bool        // whether read and head are closed

	status int         // set before head is closed
	sealed http.Header // set before head is closed
	err    error       // set before head is closed: why there is no response
}

func newConn(r *http.Request) *conn {
	c := &conn{
		client: r.Context(), trace: httptrace.ContextClientTrace(r.Context()), host: r.URL.Host, header: http.Header{},
		read: make(chan struct{}), head: make(chan struct{}), done: make(chan struct{}),
	}
	if c.trace == nil {
		c.trace = &httptrace.ClientTrace{}
	}
	c.in, c.out = io.Pipe()
	server, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(c.client, func() {
		_ = c.out.CloseWithError(context.Cause(c.client)) // never fails; what reading the body says from now on
		cancel()
	})
	c.server, c.leave = server, func() { stop(); cancel() }
	return c
}

// greet fires the hooks of a connection that is ready.
func (c *conn) greet() {
	if c.trace.GetConn != nil {
		c.trace.GetConn(c.host)
	}
	if c.trace.GotConn != nil {
		c.trace.GotConn(httptrace.GotConnInfo{})
	}
}

// served is the request as the handler gets it.
func (c *conn) served(r *http.Request) *http.Request {
	in := r.Clone(c.server)
	in.RequestURI = r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if in.ContentLength == 0 && in.Body != http.NoBody {
		in.ContentLength = -1 // unknown
	}
	return in
}

// sent fires the hooks of a request that was written, or was not.
func (c *conn) sent() {
	err := c.unsent()
	if err == nil && c.trace.WroteHeaders != nil {
		c.trace.WroteHeaders()
	}
	if c.trace.WroteRequest != nil {
		c.trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	}
}

// unsent says why the request was not written, nil if it was.
func (c *conn) unsent() error {
	select {
	case <-c.read:
		return nil
	default:
	}
	select {
	case <-c.head:
		return c.err
	default:
		return context.Cause(c.client)
	}
}

// response waits for the head of the response.
func (c *conn) response(r *http.Request) (*http.Response, error) {
	select {
	case <-c.head:
	case <-c.client.Done():
		c.leave()
		closeBody(r)
		_ = c.out.CloseWithError(context.Cause(c.client)) // never fails
		<-c.done
		return nil, context.Cause(c.client)
	}
	if c.err != nil {
		<-c.done
		return nil, c.err
	}
	if c.trace.GotFirstResponseByte != nil {
		c.trace.GotFirstResponseByte()
	}
	length, err := strconv.ParseInt(c.sealed.Get("Content-Length"), 10, 64)
	if err != nil {
		length = -1 // unknown
	}
	return &http.Response{
		Status: strconv.Itoa(c.status) + " " + http.StatusText(c.status), StatusCode: c.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: c.sealed, ContentLength: length, Body: (*responseBody)(c), Request: r,
	}, nil
}

// responseBody is the client's side of the response.
type responseBody conn

func (b *responseBody) Read(p []byte) (int, error) { return b.in.Read(p) }

// Close ends the handler, as a client that hangs up does, and waits for it.
func (b *responseBody) Close() error {
	_ = b.in.Close() // never fails
	b.leave()
	<-b.done
	return nil
}

// hangUp ends the connection after the handler has returned.
func (c *conn) hangUp(r *http.Request) {
	c.WriteHeader(http.StatusOK) // unless there was one
	closeBody(r)
	_ = c.out.Close() // never fails
	c.leave()
	close(c.done)
}

// Header returns the header to be sent.
func (c *conn) Header() http.Header { return c.header }

// WriteHeader sends the head of the response.
func (c *conn) WriteHeader(status int) {
	c.received()
	if !c.hasHead {
		c.status, c.sealed = status, c.header.Clone()
		c.end()
	}
}

func (c *conn) end() {
	c.hasHead = true
	close(c.head)
}

// Write returns once the client has read b.
func (c *conn) Write(b []byte) (int, error) {
	c.WriteHeader(http.StatusOK) // unless there was one
	if len(b) == 0 {
		return 0, nil
	}
	return c.out.Write(b)
}

// FlushError has nothing left to do: Write waits for the client.
func (c *conn) FlushError() error { return nil }

func (c *conn) received() {
	if !c.isRead && !c.hasHead {
		c.isRead = true
		close(c.read)
	}
}

func (c *conn) reset() {
	op := "read"
	if !c.isRead {
		op = "write"
	}
	err := &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(op, syscall.ECONNRESET)}
	if !c.hasHead {
		c.err = err
		c.end()
	}
	_ = c.out.CloseWithError(err) // never fails
}
