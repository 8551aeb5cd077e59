package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Transport is an http.RoundTripper that puts code written with a provider's
// own SDK under the [Governor] of the request's context: its model calls wait
// for the limit, are settled, stored, and answered from the store on a retry.
// Without a Governor, and for requests that are not model calls, it passes
// everything on. It is safe for concurrent use.
//
//   - A model call is a POST that API.Path accepts, if the API has a method
//     Path(string) bool; else every POST. So is one that a [Router] knows.
//   - A response is read whole before the SDK sees it, an event stream too: only
//     what is complete can be stored, and a stream that broke off is a failed
//     call. The SDK gets its events all at once, at the end.
//   - The response has the headers that an [Exchange] keeps.
//   - A failed call comes back as the response that it got, with the header
//     "x-should-retry: false", so that the SDK does not try again behind the
//     queue's back. If that response would pass for a success, being one that
//     broke off or a redirect, reading its body ends with the *Error. A call without any response fails with the *Error, or with the
//     context's error if nothing was sent.
type Transport struct {
	API  API
	Base http.RoundTripper // default http.DefaultTransport
}

// RoundTrip makes one call.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	governor := GovernorFrom(r.Context())
	api, routed := t.reader(r)
	if governor == nil || api == nil {
		return t.base().RoundTrip(r)
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	call := Call{API: api, Name: r.Method + " " + r.URL.Path, Body: body, Size: api.Measure(body)}
	if a, ok := governor.(Adapter); ok && !routed {
		if body, err = a.Adapt(call); err != nil {
			return nil, err
		}
		call.Body, call.Size = body, api.Measure(body)
	}
	var last *received
	exchange, err := governor.Govern(r.Context(), call, func(ctx context.Context) (*Exchange, error) {
		var err error
		last, err = t.send(r.Clone(ctx), api, body)
		if err != nil {
			return nil, err
		}
		return last.exchange(api)
	})
	switch {
	case err != nil:
		return failedResponse(r, last, err)
	case exchange == nil:
		return nil, errNothing
	}
	return exchange.response(r), nil
}

func (t *Transport) base() http.RoundTripper {
	if t.Base == nil {
		return http.DefaultTransport
	}
	return t.Base
}

// reader returns the API that reads a request, nil if it is no model call, and
// whether it was routed to it.
func (t *Transport) reader(r *http.Request) (api API, routed bool) {
	if r.Method != http.MethodPost {
		return nil, false
	}
	if router, ok := t.API.(Router); ok {
		if api := router.Route(r.URL.Path); api != nil {
			return api, true
		}
	}
	if own, ok := t.API.(interface{ Path(string) bool }); ok && !own.Path(r.URL.Path) {
		return nil, false
	}
	return t.API, false
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	return body, nil
}

// received is a response, read as far as that was possible.
type received struct {
	status int
	header http.Header
	body   []byte
	err    error // why the body is not whole, nil if it is
}

// send makes the call on the wire, once.
func (t *Transport) send(r *http.Request, api API, body []byte) (*received, error) {
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.Header.Set("Accept-Encoding", "identity") // the body is read here
	out := &outgoing{data: body}
	resp, err := t.base().RoundTrip(out.attach(r))
	if err != nil {
		return nil, unanswered(ctx, api, out.seal(), err)
	}
	defer resp.Body.Close()
	got := &received{status: resp.StatusCode, header: resp.Header}
	if got.body, err = readWhole(resp.Body, resp.ContentLength); err != nil {
		got.err = unanswered(ctx, api, true, err)
	}
	return got, nil
}

// exchange returns what a response says, or the *Error that it is.
func (r *received) exchange(api API) (*Exchange, error) {
	if r.status < 200 || r.status > 299 {
		failed := api.Error(r.status, r.header, r.body, time.Now())
		if r.err = failed; r.status >= 400 {
			r.err = nil // a refusal says enough, whole or not
		}
		return nil, failed
	}
	limits := api.Limits(r.header, time.Now())
	answer, err := r.decode(api)
	if err == nil {
		return &Exchange{Status: r.status, Header: kept(r.header), Body: r.body, Usage: answer.Usage, Limits: limits}, nil
	}
	failed := amend(api, err, r.status, r.header, limits)
	r.err = failed
	return nil, failed
}

func (r *received) decode(api API) (*Response, error) {
	switch {
	case r.err != nil:
		return nil, r.err
	case isStream(r.header):
		return api.DecodeStream(bytes.NewReader(r.body))
	}
	return api.Decode(r.body)
}

// kept returns the headers worth storing with a response.
func kept(h http.Header) http.Header {
	out := http.Header{}
	for _, name := range []string{"Content-Type", "Request-Id", "X-Request-Id"} {
		if values := h.Values(name); len(values) > 0 {
			out[name] = values
		}
	}
	return out
}

// response turns an exchange back into what the SDK reads.
func (e *Exchange) response(r *http.Request) *http.Response {
	header := e.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	status := e.Status
	if status == 0 {
		status = http.StatusOK
	}
	return newResponse(r, status, header, e.Body)
}

// failedResponse returns a failed call as the SDK is to see it.
func failedResponse(r *http.Request, last *received, err error) (*http.Response, error) {
	var failed *Error
	switch {
	case !errors.As(err, &failed):
		return nil, err
	case last != nil:
		resp := refusal(r, last.status, last.header, last.body)
		if last.err != nil {
			resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(last.body), errReader{last.err}))
			resp.ContentLength = -1
			resp.Header.Del("Content-Length")
		}
		return resp, nil
	case failed.Status >= 400 && failed.Status <= 599:
		// The governor remembers the failure; the response itself is gone.
		return refusal(r, failed.Status, http.Header{"Content-Type": {"application/json"}}, failed.body()), nil
	}
	return nil, err
}

// refusal is a response that is not to be followed by another try.
func refusal(r *http.Request, status int, header http.Header, body []byte) *http.Response {
	if header = header.Clone(); header == nil {
		header = http.Header{}
	}
	header.Set("X-Should-Retry", "false")
	header.Del("Location") // an http.Client would go there
	return newResponse(r, status, header, body)
}

func newResponse(r *http.Request, status int, header http.Header, body []byte) *http.Response {
	header.Set("Content-Length", strconv.Itoa(len(body)))
	return &http.Response{
		Status:     fmt.Sprintf("%d %s", status, http.StatusText(status)),
		StatusCode: status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        header,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       r,
	}
}

// body returns the error in the form that both providers' SDKs read.
func (e *Error) body() []byte {
	var body struct {
		Type  string            `json:"type"`
		Error map[string]string `json:"error"`
	}
	body.Type, body.Error = "error", map[string]string{"type": e.Type, "code": e.Code, "message": e.Message}
	b, _ := json.Marshal(body) // strings only: cannot fail
	return b
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }
