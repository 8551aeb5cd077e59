package anthropic

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// failure is an error body, or an error event of a stream.
type failure struct {
	Error struct {
		Type    string
		Message string
		Details struct {
			Code string `json:"error_code"`
		}
	}
	RequestID string `json:"request_id"`
}

// Error reads a response that is not a success. The body is asked first, for
// what it says beyond doubt; then the headers; then the status.
func (a API) Error(status int, h http.Header, body []byte, now time.Time) *llm.Error {
	e := a.read(body)
	e.Status, e.Limits = status, a.Limits(h, now)
	if id := h.Get("Request-Id"); id != "" {
		e.RequestID = id
	}
	if e.Message == "" && e.Type == "" {
		e.Message = llm.Summary(status, body)
	}
	after, told := llm.RetryAfter(h, now)
	if e.RetryAfter = after; !told {
		e.RetryAfter = regainAccess(e.Message, now)
	}
	if e.Class = explicit(e, told); e.Class == "" {
		e.Class = llm.Judge(meant(status, e.Type), h, told)
	}
	e.TooFast = status == http.StatusTooManyRequests && e.Class == llm.Throttled && tooFast(e.Message, e.Limits, told)
	return e
}

// tooFast reports whether a rate limit was one of acceleration: its message says
// so; or it names no limit that was used up, the headers show none, and the provider
// does not say when there will be room, for there is some already.
func tooFast(message string, l llm.Limits, told bool) bool {
	message = strings.ToLower(message)
	switch {
	case strings.Contains(message, "acceleration"), strings.Contains(message, "increase rate"):
		return true
	case told, strings.Contains(message, "per minute"), strings.Contains(message, "per-minute"):
		return false
	}
	return plenty(l)
}

// plenty reports whether the headers told of limits, and at least half of each
// was left. A call may be refused for being larger than what is left, but few
// are larger than that.
func plenty(l llm.Limits) bool {
	known := false
	for _, level := range []llm.Level{l.Requests, l.Tokens, l.InputTokens, l.OutputTokens} {
		if level.Known && level.Remaining < (level.Limit+1)/2 {
			return false
		}
		known = known || level.Known
	}
	return known
}

// meant returns the status to judge by: that of a provider without room, even
// if a proxy has changed it.
func meant(status int, kind string) int {
	if t := statuses[kind]; status >= 400 && llm.Judge(t, nil, false) == llm.Throttled {
		return t
	}
	return status
}

// read reads an error body as far as it is one. A field of an unexpected type
// is left out.
func (a API) read(body []byte) *llm.Error {
	var f failure
	_ = json.Unmarshal(body, &f) // an HTML page, say; the status is enough
	return &llm.Error{
		API: a.Name(), Type: f.Error.Type, Code: f.Error.Details.Code, Message: f.Error.Message, RequestID: f.RequestID,
	}
}

// explicit returns the class that the body states, "" if it states none. The
// message is only looked at where the API begins it: the rest may quote the
// task's own words.
func explicit(e *llm.Error, told bool) llm.Class {
	head := strings.ToLower(e.Message[:min(len(e.Message), 80)])
	spent := strings.Contains(head, "specified") && strings.Contains(head, "api usage limits") ||
		strings.Contains(head, "credit balance is too low") ||
		e.Status == http.StatusTooManyRequests && !told && strings.Contains(strings.ToLower(e.Message), "usage limits")
	switch {
	case e.Code == "enforced_spend_limit_reached", spent, e.Type == "billing_error", e.Type == "authentication_error":
		return llm.Blocked
	case e.Type == "request_too_large", strings.Contains(head, "prompt is too long"):
		return llm.Permanent
	}
	return ""
}

var regain = regexp.MustCompile(`regain access on (\d{4}-\d\d-\d\d) at (\d\d:\d\d) UTC`)

// regainAccess returns how long a spent account has to wait, by its message; 0
// if that names no time.
func regainAccess(message string, now time.Time) time.Duration {
	m := regain.FindStringSubmatch(message)
	if m == nil || now.IsZero() {
		return 0
	}
	at, err := time.Parse("2006-01-02 15:04", m[1]+" "+m[2])
	if err != nil {
		return 0
	}
	return max(at.Sub(now), 0)
}

// statuses are those that the types of error have where they come as responses.
var statuses = map[string]int{
	"invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
	"not_found_error": 404, "conflict_error": 409, "request_too_large": 413, "rate_limit_error": 429,
	"api_error": 500, "timeout_error": 504, "overloaded_error": 529,
}

// streamError reads an error event. The model had begun, so that the call is
// ambiguous whatever the type is, unless the account is blocked. An overloaded
// provider is to be left alone for a while as well: see llm.Error.Pauses.
func (a API) streamError(data []byte) *llm.Error {
	e := a.read(data)
	if e.Message == "" && e.Type == "" {
		e.Message = "an error ended the stream"
	}
	e.Status = statuses[e.Type]
	if e.Class = explicit(e, false); e.Class != llm.Blocked {
		e.Class = llm.Ambiguous
	}
	return e
}
