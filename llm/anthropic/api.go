package anthropic

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// API is the Messages API.
type API struct{}

// Name returns "anthropic".
func (API) Name() string { return "anthropic" }

// Path reports whether a POST to this path is a call of a model.
func (API) Path(path string) bool { return strings.HasSuffix(path, "/v1/messages") }

// Measure returns the size of a request with this body.
func (API) Measure(body []byte) llm.Size { return llm.Measure(body, "max_tokens") }

// Encode builds the body of a request. A field of Extra replaces one that
// Encode would write: "system" as blocks, for instance. The API demands
// max_tokens: 0 asks for 4096. The ends of req.Shared are marked for the prompt
// cache, unless the request has marks of its own.
func (API) Encode(model string, req llm.Request) (json.RawMessage, error) {
	if err := req.Check(); err != nil {
		return nil, fmt.Errorf("anthropic: encode: %w", err)
	}
	if _, own := req.Extra["model"]; model == "" && !own {
		return nil, fmt.Errorf("anthropic: encode: no model; want one in Config.Model")
	}
	if req.MaxTokens == 0 {
		req.MaxTokens = defaultMaxTokens
	}
	fields := []llm.Field{{Name: "model", Value: model}, {Name: "max_tokens", Value: req.MaxTokens}}
	system, messages := marked(req)
	if req.System != "" {
		fields = append(fields, llm.Field{Name: "system", Value: system})
	}
	fields = append(fields, llm.Field{Name: "messages", Value: messages})
	body, err := llm.Compose(fields, req.Extra)
	if err != nil {
		return nil, fmt.Errorf("anthropic: encode: %w", err)
	}
	return body, nil
}

// Decode reads the body of a successful call. What is no message is an
// *llm.Error, ambiguous unless it says more.
func (a API) Decode(body []byte) (*llm.Response, error) {
	var m struct {
		ID, Model  string
		Role       string
		Content    json.RawMessage
		StopReason string `json:"stop_reason"`
		Usage      json.RawMessage
		Error      json.RawMessage
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, a.unreadable(fmt.Errorf("read the response: %w", err))
	}
	if len(m.Error) > 0 && string(m.Error) != "null" {
		return nil, a.Error(http.StatusOK, nil, body, time.Time{})
	}
	if m.Role == "" || len(m.Content) == 0 || m.Content[0] != '[' {
		return nil, a.unreadable(fmt.Errorf(`read the response: no "role" and "content"`))
	}
	message, err := json.Marshal(struct {
		Role string `json:"role"`
	}{m.Role})
	if err != nil {
		return nil, a.unreadable(err)
	}
	parsed, err := llm.ParseMessage(llm.Append(message, `"content":`+string(m.Content)))
	if err != nil {
		return nil, a.unreadable(err)
	}
	return &llm.Response{
		ID: m.ID, Model: m.Model, Message: parsed, StopReason: m.StopReason, Usage: usage(m.Usage), JSON: body,
	}, nil
}

// unreadable is a response that came and was not understood: it may well have
// been billed.
func (a API) unreadable(err error) *llm.Error {
	return &llm.Error{Class: llm.Ambiguous, API: a.Name(), Err: err}
}

func usage(b []byte) llm.Usage {
	var u struct {
		Input      int64 `json:"input_tokens"`
		Output     int64 `json:"output_tokens"`
		CacheRead  int64 `json:"cache_read_input_tokens"`
		CacheWrite int64 `json:"cache_creation_input_tokens"`
	}
	_ = json.Unmarshal(b, &u) // what cannot be read is not counted
	return llm.Usage{Input: max(u.Input, 0), Output: max(u.Output, 0), CacheRead: max(u.CacheRead, 0), CacheWrite: max(u.CacheWrite, 0)}
}

// Limits reads the headers anthropic-ratelimit-…. Resets are times, so now is
// not used.
func (API) Limits(h http.Header, _ time.Time) llm.Limits {
	return llm.Limits{
		Requests:     level(h, "Requests"),
		Tokens:       level(h, "Tokens"),
		InputTokens:  level(h, "Input-Tokens"),
		OutputTokens: level(h, "Output-Tokens"),
	}
}

func level(h http.Header, kind string) llm.Level {
	prefix := "Anthropic-Ratelimit-" + kind
	limit, err := strconv.ParseInt(h.Get(prefix+"-Limit"), 10, 64)
	if err != nil || limit < 0 {
		return llm.Level{}
	}
	l := llm.Level{Limit: limit}
	if l.Remaining, err = strconv.ParseInt(h.Get(prefix+"-Remaining"), 10, 64); err != nil {
		return llm.Level{Limit: limit}
	}
	l.Known = true
	if at, err := time.Parse(time.RFC3339, h.Get(prefix+"-Reset")); err == nil {
		l.Reset = at
	}
	return l
}
