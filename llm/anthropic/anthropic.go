// Package anthropic calls models through Anthropic's Messages API, or a server
// that speaks it. Its JSON goes in and out as it is: see package llm.
package anthropic

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// What the zero Config stands for.
const (
	defaultURL        = "https://api.anthropic.com"
	defaultMaxTokens  = 4096
	defaultVersion    = "2023-06-01"
	defaultStreamOver = 8192
)

// Config says how a model is called.
type Config struct {
	APIKey     string                     // sent as x-api-key; default "", which sends none
	Model      string                     // the model's name; there is no default
	BaseURL    string                     // the server, without "/v1"; default "https://api.anthropic.com"
	MaxTokens  int                        // the most tokens to generate, for requests that do not say; default 4096
	Extra      map[string]json.RawMessage // fields of the body, for requests that do not set them, such as "temperature"; default none
	Version    string                     // sent as anthropic-version; default "2023-06-01"
	Header     http.Header                // sent with every call, such as anthropic-beta; default none
	StreamOver int                        // calls that may generate more tokens are streamed, since they may be long; default 8192, -1 never streams
	Timeout    time.Duration              // how long the server may say nothing before the call fails; default 10 minutes
	HTTPClient *http.Client               // default: one for all models, fit for ten thousand calls in flight
}

// Model is one model. It is safe for concurrent use.
type Model struct {
	model      string
	maxTokens  int
	extra      map[string]json.RawMessage
	streamOver int
	sender     llm.Sender
}

// New returns the model that cfg describes. It does not connect.
func New(cfg Config) *Model {
	m := &Model{model: cfg.Model, maxTokens: cfg.MaxTokens, extra: maps.Clone(cfg.Extra), streamOver: cfg.StreamOver}
	if m.maxTokens == 0 {
		m.maxTokens = defaultMaxTokens
	}
	if m.streamOver == 0 {
		m.streamOver = defaultStreamOver
	}
	header := cfg.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json")
	header.Set("Anthropic-Version", or(cfg.Version, defaultVersion))
	if cfg.APIKey != "" {
		header.Set("X-Api-Key", cfg.APIKey)
	}
	m.sender = llm.Sender{
		API:    API{},
		URL:    strings.TrimRight(or(cfg.BaseURL, defaultURL), "/") + "/v1/messages",
		Header: header, Client: cfg.HTTPClient, Timeout: cfg.Timeout,
	}
	return m
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// API returns the interface that the model is called through.
func (m *Model) API() llm.API { return API{} }

// Encode builds the body of a request, the configured settings filled in. The
// same request gives the same bytes.
func (m *Model) Encode(req llm.Request) (json.RawMessage, error) {
	if req.MaxTokens == 0 {
		req.MaxTokens = m.maxTokens
	}
	if len(m.extra) > 0 {
		extra := maps.Clone(m.extra)
		maps.Copy(extra, req.Extra)
		req.Extra = extra
	}
	return API{}.Encode(m.model, req)
}

// Send makes one call with a body made by Encode. It never retries. A failure
// is an *llm.Error, or ctx.Err() if ctx ended before anything was sent.
//
// A call that may be long (see [Config]) is streamed on the wire, and the
// stream put together to the response that it would have been otherwise.
func (m *Model) Send(ctx context.Context, body json.RawMessage) (*llm.Response, error) {
	more := ""
	if size := (API{}).Measure(body); m.streamOver > 0 && size.MaxTokens > m.streamOver {
		more = `"stream":true`
	}
	return m.sender.Send(ctx, body, more)
}
