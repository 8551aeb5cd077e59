// Package llm holds what all providers of language models share: messages,
// requests, responses, usage and errors with their class. It imports only the
// standard library.
//
// Everything a provider sends or receives stays its own JSON: the types here
// read it, add to it, and never drop a field they do not know.
//
// A program needs a [Model] or an [Embedder] from a provider's package, or a
// [Transport] for the provider's own SDK. [Sender], [Events], [Draft], [Compose],
// [Measure] and [Judge] are for those who write an [API] for another provider.
package llm

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// Request is one call of a model, before an [API] turns it into the provider's JSON.
type Request struct {
	System    string                     // the system prompt; "" for none
	Messages  []Message                  // the conversation, oldest first; the last one is answered
	MaxTokens int                        // the most tokens to generate; 0 takes the model's configured value
	Extra     map[string]json.RawMessage // any other field of the provider's own request body, set at its top level

	// Shared says where beginnings of the request end that others share, such as
	// the next one of the same conversation: each is a number of messages. A
	// provider that keeps what it is told to keep is told so there. Default none.
	Shared []int
	// Thread names the conversation, for a provider that keeps requests of one name
	// near each other; default none.
	Thread string
}

// Response is what a model answered. JSON is the provider's body as it came;
// the other fields are read from it.
type Response struct {
	ID         string
	Model      string
	Message    Message     // what the model said, ready to be appended to the conversation
	StopReason string      // the provider's own word, such as "end_turn" or "stop"
	Vectors    [][]float32 // of a call of an [Embedder], which has no Message; else nil
	Usage      Usage
	JSON       json.RawMessage
	Limits     Limits // what the response's headers said; zero when read back from a store
}

// Text returns the text of the answer, without tool calls or reasoning.
func (r *Response) Text() string { return r.Message.Text() }

// Usage is what one call used, in tokens, as the provider counted them. The
// first four kinds do not overlap: Input is what was neither read from nor
// written to the provider's prompt cache. Reasoning is a part of Output.
type Usage struct {
	Input      int64 `json:"input,omitempty"`
	Output     int64 `json:"output,omitempty"`
	CacheRead  int64 `json:"cache_read,omitempty"`
	CacheWrite int64 `json:"cache_write,omitempty"`
	Reasoning  int64 `json:"reasoning,omitempty"` // what of Output the model thought and did not say; 0 where the provider does not tell
}

// Total returns the tokens of all four kinds, each counted once: Reasoning is in Output.
func (u Usage) Total() int64 { return u.Input + u.Output + u.CacheRead + u.CacheWrite }

// Add returns the sum of u and v, kind by kind.
func (u Usage) Add(v Usage) Usage {
	return Usage{
		Input: u.Input + v.Input, Output: u.Output + v.Output, CacheRead: u.CacheRead + v.CacheRead,
		CacheWrite: u.CacheWrite + v.CacheWrite, Reasoning: u.Reasoning + v.Reasoning,
	}
}

// Limits is what a response's headers say of the account's rate limits, or the
// message of a failure where its headers do not.
type Limits struct {
	Requests, Tokens, InputTokens, OutputTokens Level // of a minute
	RequestsPerDay, TokensPerDay                Level // of a day; headers may show them in place of the minute's
}

// Level is the state of one rate limit as its headers tell it. The zero Level
// means that the headers said nothing of this limit.
type Level struct {
	Limit     int64     // allowed a minute, or a day where that is the limit's name
	Remaining int64     // left now; providers may round it, to the nearest 1,000 for instance
	Reset     time.Time // when it is full again; zero when unknown, possibly in the past
	Known     bool      // whether the headers named this limit and what remains of it
}

// Size is what can be known of a call's cost before it is sent.
type Size struct {
	Chars     int    // characters (bytes of text) that the model will read
	MaxTokens int    // the most tokens it may generate; 0 when the request does not say
	Model     string // the model that the body names; "" when it names none
}

// API reads one provider's HTTP interface: what a request will cost, what a
// response says, what its headers tell of the limits, and what a failure
// means. Implementations are stateless and safe for concurrent use.
type API interface {
	// Name names the interface, such as "anthropic".
	Name() string
	// Measure returns the size of a request with this native JSON body.
	Measure(body []byte) Size
	// Encode builds the native JSON body of a request to a model.
	Encode(model string, req Request) (json.RawMessage, error)
	// Decode reads a native JSON response body of a successful call.
	Decode(body []byte) (*Response, error)
	// DecodeStream reads a native event stream (SSE) to its end and returns the
	// same Response as the call would have given without streaming. A stream
	// that breaks off, or carries an error event, gives an *Error.
	DecodeStream(body io.Reader) (*Response, error)
	// Limits reads the rate limit headers; now is used for those given as durations.
	Limits(h http.Header, now time.Time) Limits
	// Error reads a response that is not a success. It never returns nil.
	Error(status int, h http.Header, body []byte, now time.Time) *Error
}

// Model is one model of one provider, ready to be called. Implementations are
// safe for concurrent use.
type Model interface {
	// API returns the interface that the model is called through.
	API() API
	// Encode builds the native JSON body of a request to this model, its
	// configured settings filled in.
	Encode(req Request) (json.RawMessage, error)
	// Send makes one call with a body made by Encode. It never retries. A
	// failure is an *Error, or ctx.Err() if ctx ended before anything was sent.
	Send(ctx context.Context, body json.RawMessage) (*Response, error)
}
