package llm

import (
	"context"
	"encoding/json"
	"net/http"
)

// Call is one model call as a [Governor] sees it, before it is sent.
type Call struct {
	API  API
	Name string // what the call is, within its task: its identity is Name and Body
	Body []byte // the native JSON request
	Size Size
}

// Exchange is what came back from a successful call: enough to answer the same
// call again from a store.
type Exchange struct {
	Status int         `json:"status,omitempty"` // HTTP status; 0 for a call made through a Model
	Header http.Header `json:"header,omitempty"` // the headers worth keeping, Content-Type among them
	Body   []byte      `json:"body"`             // the response body, whole: JSON or an event stream
	Usage  Usage       `json:"usage"`
	Limits Limits      `json:"-"`
}

// Governor stands between a call and the wire. It answers the call from its
// store if it has the response already; else it waits for the limit, calls
// send once, settles what was used, stores the response and returns it. The
// queue puts one in the context of every handler.
type Governor interface {
	Govern(ctx context.Context, call Call, send func(context.Context) (*Exchange, error)) (*Exchange, error)
}

// Adapter is implemented by a [Governor] that may have a call say something else than
// it does.
type Adapter interface {
	// Adapt returns the body that the call is made with.
	Adapt(call Call) (json.RawMessage, error)
}

type governorKey struct{}

// WithGovernor returns a context in which every call through a [Transport] is
// governed by g.
func WithGovernor(ctx context.Context, g Governor) context.Context {
	return context.WithValue(ctx, governorKey{}, g)
}

// GovernorFrom returns the governor of ctx, or nil if there is none.
func GovernorFrom(ctx context.Context) Governor {
	g, _ := ctx.Value(governorKey{}).(Governor)
	return g
}
