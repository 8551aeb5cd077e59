package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// API is the Chat Completions API. It routes calls of embeddings; see [llm.Router].
type API struct {
	LegacyMaxTokens bool // write "max_tokens" instead of "max_completion_tokens"
	CacheKey        bool // write the request's Thread as "prompt_cache_key"
}

// Name returns "openai".
func (API) Name() string { return "openai" }

// Path reports whether a POST to this path is a call of a model.
func (API) Path(path string) bool { return strings.HasSuffix(path, "/chat/completions") }

// Route returns the API that reads a call of embeddings; nil for any other path.
func (API) Route(path string) llm.API {
	if strings.HasSuffix(path, "/embeddings") {
		return embeddings{}
	}
	return nil
}

// Measure returns the size of a request with this body.
func (API) Measure(body []byte) llm.Size {
	return llm.Measure(body, "max_completion_tokens", "max_tokens")
}

// Encode builds the body of a request; System becomes its first message. A
// field of Extra replaces one that Encode would write.
func (a API) Encode(model string, req llm.Request) (json.RawMessage, error) {
	if err := req.Check(); err != nil {
		return nil, fmt.Errorf("openai: encode: %w", err)
	}
	if _, own := req.Extra["model"]; model == "" && !own {
		return nil, fmt.Errorf("openai: encode: no model; want one in Config.Model")
	}
	fields := []llm.Field{{Name: "model", Value: model}}
	if req.MaxTokens > 0 {
		fields = append(fields, llm.Field{Name: a.maxTokens(), Value: req.MaxTokens})
	}
	if a.CacheKey && req.Thread != "" {
		fields = append(fields, llm.Field{Name: "prompt_cache_key", Value: req.Thread})
	}
	messages := req.Messages
	if req.System != "" {
		messages = append([]llm.Message{llm.Text("system", req.System)}, messages...)
	}
	fields = append(fields, llm.Field{Name: "messages", Value: messages})
	body, err := llm.Compose(fields, req.Extra)
	if err != nil {
		return nil, fmt.Errorf("openai: encode: %w", err)
	}
	return body, nil
}

func (a API) maxTokens() string {
	if a.LegacyMaxTokens {
		return "max_tokens"
	}
	return "max_completion_tokens"
}

// Decode reads the body of a successful call. Its message is the first choice's,
// as it came. What is no completion is an *llm.Error, ambiguous unless it says
// more.
func (a API) Decode(body []byte) (*llm.Response, error) {
	var c struct {
		ID, Model string
		Choices   []struct {
			Message      json.RawMessage
			FinishReason string `json:"finish_reason"`
		}
		Usage json.RawMessage
		Error json.RawMessage
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, a.unreadable(fmt.Errorf("read the response: %w", err))
	}
	if len(c.Error) > 0 && string(c.Error) != "null" {
		return nil, a.Error(http.StatusOK, nil, body, time.Time{})
	}
	if len(c.Choices) == 0 {
		return nil, a.unreadable(errors.New(`read the response: no "choices"`))
	}
	message, err := llm.ParseMessage(c.Choices[0].Message)
	if err != nil {
		return nil, a.unreadable(err)
	}
	return &llm.Response{
		ID: c.ID, Model: c.Model, Message: message, StopReason: c.Choices[0].FinishReason, Usage: usage(c.Usage), JSON: body,
	}, nil
}

// unreadable is a response that came and was not understood: it may well have
// been billed.
func (a API) unreadable(err error) *llm.Error {
	return &llm.Error{Class: llm.Ambiguous, API: a.Name(), Err: err}
}

// usage reads what a call used, by the names of Chat Completions or by those of
// the Responses API, which are input and output. Here the prompt's tokens include
// those of the cache, and the completion's those of its reasoning.
func usage(b []byte) llm.Usage {
	type prompt struct {
		Read  int64 `json:"cached_tokens"`
		Write int64 `json:"cache_write_tokens"`
	}
	type completion struct {
		Reasoning int64 `json:"reasoning_tokens"`
	}
	var u struct {
		Prompt        int64      `json:"prompt_tokens"`
		Input         int64      `json:"input_tokens"`
		Completion    int64      `json:"completion_tokens"`
		Output        int64      `json:"output_tokens"`
		PromptDetails prompt     `json:"prompt_tokens_details"`
		InputDetails  prompt     `json:"input_tokens_details"`
		Details       completion `json:"completion_tokens_details"`
		OutputDetails completion `json:"output_tokens_details"`
	}
	_ = json.Unmarshal(b, &u) // what cannot be read is not counted
	in, out := max(u.Prompt, u.Input, 0), max(u.Completion, u.Output, 0)
	read := min(max(u.PromptDetails.Read, u.InputDetails.Read, 0), in)
	write := min(max(u.PromptDetails.Write, u.InputDetails.Write, 0), in-read)
	return llm.Usage{
		Input: in - read - write, Output: out, CacheRead: read, CacheWrite: write,
		Reasoning: min(max(u.Details.Reasoning, u.OutputDetails.Reasoning, 0), out),
	}
}

// Limits reads the headers x-ratelimit-…. A server that has limits of a minute
// and of a day shows one of them and does not say which; it is told by how long
// what was used takes to come back.
func (API) Limits(h http.Header, now time.Time) llm.Limits {
	l := llm.Limits{Requests: level(h, "Requests", now), Tokens: level(h, "Tokens", now)}
	if perDay(l.Requests, now) {
		l.Requests, l.RequestsPerDay = llm.Level{}, l.Requests
	}
	if perDay(l.Tokens, now) {
		l.Tokens, l.TokensPerDay = llm.Level{}, l.Tokens
	}
	return l
}

func level(h http.Header, kind string, now time.Time) llm.Level {
	limit, err := strconv.ParseInt(h.Get("X-Ratelimit-Limit-"+kind), 10, 64)
	if err != nil || limit < 0 {
		return llm.Level{}
	}
	l := llm.Level{Limit: limit}
	if l.Remaining, err = strconv.ParseInt(h.Get("X-Ratelimit-Remaining-"+kind), 10, 64); err != nil {
		return llm.Level{Limit: limit}
	}
	l.Known = true
	if d, ok := duration(h.Get("X-Ratelimit-Reset-" + kind)); ok {
		l.Reset = now.Add(d)
	}
	return l
}

// perDay reports whether a limit must be a day's, by how long all of it would
// take to come back. What is too far from a day, or too short to tell, is taken
// for a minute's.
func perDay(l llm.Level, now time.Time) bool {
	used := float64(l.Limit - l.Remaining)
	reset := l.Reset.Sub(now) // far in the past if there is none
	if used <= 0 || reset < 5*time.Second {
		return false
	}
	whole := float64(reset) * float64(l.Limit) / used
	return whole > float64(time.Hour) && whole < float64(30*time.Hour)
}

// duration reads "120ms", "58.891s", "6m0s", "1d2h" or plain seconds; nothing
// negative, and a year at the most.
func duration(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if d, ok := llm.ParseUnits(s, time.Second); ok {
		return d, true
	}
	days, rest, _ := strings.Cut(s, "d")
	total, ok := llm.ParseUnits(days, 24*time.Hour)
	if !ok {
		total, rest = 0, s
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return 0, false
		}
		total += min(d, llm.LongestWait)
	}
	return min(total, llm.LongestWait), s != ""
}
