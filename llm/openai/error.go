package openai

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// Error reads a response that is not a success. The body is asked first, for
// what it says beyond doubt; then the headers; then the status.
func (a API) Error(status int, h http.Header, body []byte, now time.Time) *llm.Error {
	e := a.read(body)
	e.Status, e.RequestID, e.Limits = status, h.Get("X-Request-Id"), a.Limits(h, now)
	if e.Message == "" && e.Type == "" && e.Code == "" {
		e.Message = llm.Summary(status, body)
	}
	after, told := llm.RetryAfter(h, now)
	tooLarge := false
	if status == http.StatusTooManyRequests || status == http.StatusRequestEntityTooLarge {
		e.Told, tooLarge = readTold(e.Message, e.Type) // other messages may quote the task's own words
		fill(&e.Limits, e.Told, now)
	}
	if !told && llm.Judge(status, nil, false) == llm.Throttled {
		after, told = tryAgain(e.Message)
	}
	e.RetryAfter = after
	if e.Class = explicit(e, tooLarge); e.Class == "" {
		e.Class = llm.Judge(meant(status, code(e)), h, told)
	}
	e.TooFast = code(e) == slowDown && e.Pauses()
	return e
}

// read reads an error body as far as it is one. Servers that speak this API
// differ most in their errors: the error may be an object, a text or missing,
// and a code may be a number.
func (a API) read(body []byte) *llm.Error {
	e := &llm.Error{API: a.Name()}
	top := fields(body)
	inner := fields(top["error"])
	switch {
	case inner != nil:
		e.Type, e.Code, e.Message = word(inner["type"]), word(inner["code"]), word(inner["message"])
	case len(top["error"]) > 0:
		e.Message = word(top["error"])
	default:
		e.Type, e.Code, e.Message = word(top["type"]), word(top["code"]), word(top["message"])
		if e.Message == "" {
			e.Message = word(top["detail"])
		}
	}
	return e
}

func fields(b []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(b, &m) != nil {
		return nil
	}
	return m
}

// word returns a string or a number as text, "" for anything else.
func word(b json.RawMessage) string {
	var s string
	if json.Unmarshal(b, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(b, &n) == nil {
		return n.String()
	}
	return ""
}

// The codes that decide more than the status does. On a rate limit the type is
// the kind of limit, such as "tokens".
var (
	billing = []string{
		"insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded", "project_spend_limit_exceeded",
		"organization_usage_limit_exceeded", "billing_hard_limit_reached", "billing_not_active", "invalid_api_key",
	}
	final  = []string{"context_length_exceeded", "model_not_found"}
	noRoom = []string{"rate_limit_exceeded", slowDown, "server_is_overloaded", "capacity_exceeded"}
)

// slowDown is the code of a call that was refused because traffic grew too fast.
const slowDown = "slow_down"

func code(e *llm.Error) string {
	if e.Code != "" {
		return e.Code
	}
	return e.Type
}

// explicit returns the class that the body states, "" if it states none.
func explicit(e *llm.Error, tooLarge bool) llm.Class {
	switch {
	case slices.Contains(billing, code(e)):
		return llm.Blocked
	case slices.Contains(final, code(e)), tooLarge:
		return llm.Permanent
	}
	return ""
}

// meant returns the status to judge by: that of a provider without room, if the
// code says so.
func meant(status int, code string) int {
	if status >= 400 && slices.Contains(noRoom, code) {
		return http.StatusTooManyRequests
	}
	return status
}

var again = regexp.MustCompile(`(?i)(?:try again in|retry after) ((?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+\b|\d+ seconds?)`)

// tryAgain returns when the message says to come back, and whether it does.
func tryAgain(message string) (time.Duration, bool) {
	m := again.FindStringSubmatch(message)
	if m == nil {
		return 0, false
	}
	seconds, _, _ := strings.Cut(m[1], " ")
	return duration(seconds)
}

// streamError reads an error that came instead of a chunk. The model had begun,
// so that the call is ambiguous whatever the code is, unless the account is
// blocked. Its status is that of its code, for llm.Error.Pauses.
func (a API) streamError(data []byte) *llm.Error {
	e := a.read(data)
	if e.Message == "" && e.Code == "" {
		e.Message = "an error ended the stream"
	}
	e.RetryAfter, _ = tryAgain(e.Message)
	if slices.Contains(noRoom, code(e)) {
		e.Status = http.StatusTooManyRequests
	}
	if e.Class = explicit(e, false); e.Class != llm.Blocked {
		e.Class = llm.Ambiguous
	}
	e.TooFast = code(e) == slowDown && e.Pauses()
	return e
}
