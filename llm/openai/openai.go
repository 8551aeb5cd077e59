// Package openai calls models through OpenAI's Chat Completions API and its API of
// embeddings, or any of the many servers that speak them. Its JSON goes in and
// out as it is: see package llm.
package openai

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
	defaultURL        = "https://api.openai.com/v1"
	defaultStreamOver = 8192
)

// Config says how a model is called.
type Config struct {
	APIKey     string                     // sent as a bearer token; default "", which sends none
	Model      string                     // the model's name; there is no default
	BaseURL    string                     // what comes before "/chat/completions" and "/embeddings"; default "https://api.openai.com/v1"
	MaxTokens  int                        // the most tokens to generate, for requests that do not say; default 0, which leaves it to the server
	Extra      map[string]json.RawMessage // fields of the body, for requests that do not set them, such as "temperature"; default none
	Header     http.Header                // sent with every call, such as OpenAI-Organization; default none
	StreamOver int                        // calls that may generate more tokens are streamed, since they may be long; default 8192, -1 never streams
	Timeout    time.Duration              // how long the server may say nothing before the call fails; default 10 minutes
	HTTPClient *http.Client               // default: one for all models, fit for ten thousand calls in flight

	// LegacyMaxTokens sends MaxTokens as "max_tokens", for servers that do not
	// know "max_completion_tokens"; default false.
	LegacyMaxTokens bool

	// CacheKey sends the name of a conversation as "prompt_cache_key", so that its
	// calls find the prompt cache of the ones before. Other servers may refuse the
	// field; default true for OpenAI's own, that is with no BaseURL, else false.
	CacheKey bool
}

// Model is one model. It is safe for concurrent use.
type Model struct {
	api        API
	model      string
	maxTokens  int
	extra      map[string]json.RawMessage
	streamOver int
	sender     llm.Sender
}

// New returns the model that cfg describes. It does not connect.
func New(cfg Config) *Model {
	m := &Model{
		api: API{LegacyMaxTokens: cfg.LegacyMaxTokens, CacheKey: cfg.CacheKey || cfg.BaseURL == ""}, model: cfg.Model,
		maxTokens: cfg.MaxTokens, extra: maps.Clone(cfg.Extra), streamOver: cfg.StreamOver,
	}
	if m.streamOver == 0 {
		m.streamOver = defaultStreamOver
	}
	m.sender = cfg.sender(m.api, "/chat/completions")
	return m
}

// sender returns what makes calls of an endpoint.
func (cfg Config) sender(api llm.API, endpoint string) llm.Sender {
	header := cfg.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json")
	if cfg.APIKey != "" {
		header.Set("Authorization", "Bearer "+cfg.APIKey)
	}
	base := cfg.BaseURL
	if base == "" {
		base = defaultURL
	}
	return llm.Sender{
		API:    api,
		URL:    strings.TrimRight(base, "/") + endpoint,
		Header: header, Client: cfg.HTTPClient, Timeout: cfg.Timeout,
	}
}

// API returns the interface that the model is called through.
func (m *Model) API() llm.API { return m.api }

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
	return m.api.Encode(m.model, req)
}

// Send makes one call with a body made by Encode. It never retries. A failure
// is an *llm.Error, or ctx.Err() if ctx ended before anything was sent.
//
// A call that may be long (see [Config]) is streamed on the wire, and the
// stream put together to the response that it would have been otherwise.
func (m *Model) Send(ctx context.Context, body json.RawMessage) (*llm.Response, error) {
	more := ""
	if size := m.api.Measure(body); m.streamOver > 0 && size.MaxTokens > m.streamOver {
		more = `"stream":true,"stream_options":{"include_usage":true}`
	}
	return m.sender.Send(ctx, body, more)
}
