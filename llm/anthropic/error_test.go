package anthropic_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// head makes headers of pairs.
func head(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func body(kind, message string) string {
	return `{"type":"error","error":{"type":"` + kind + `","message":"` + message + `"},"request_id":"req_1"}`
}

const (
	page  = "<html><head><title>413 Request Entity Too Large</title></head><body><h1>no</h1></body></html>"
	spend = `{"type":"error","error":{"type":"rate_limit_error","message":"This organization has reached its limit.","details":{"error_code":"enforced_spend_limit_reached"}}}`
)

func TestErrorClass(t *testing.T) {
	retry := func(s string) http.Header { return head("Retry-After", s) }
	should := func(s string) http.Header { return head("X-Should-Retry", s) }
	tests := []struct {
		name   string
		status int
		header http.Header
		body   string
		class  llm.Class
		after  time.Duration
	}{
		{"rate limit", 429, retry("17"), body("rate_limit_error", "over"), llm.Throttled, 17 * time.Second},
		{"rate limit, in debt, as recorded", 429, head(
			"Retry-After", "505", "X-Should-Retry", "true",
			"Anthropic-Ratelimit-Input-Tokens-Limit", "30000", "Anthropic-Ratelimit-Input-Tokens-Remaining", "0",
			"Anthropic-Ratelimit-Requests-Limit", "50", "Anthropic-Ratelimit-Requests-Remaining", "48",
		), body("rate_limit_error", "This request would exceed your organization's rate limit of 30,000 input tokens per minute"), llm.Throttled, 505 * time.Second},
		{"acceleration: remaining left, no retry-after", 429, head(
			"Anthropic-Ratelimit-Requests-Limit", "50", "Anthropic-Ratelimit-Requests-Remaining", "48",
		), body("rate_limit_error", "usage has grown too fast"), llm.Throttled, 0},
		{"429 of days", 429, retry("604800"), body("rate_limit_error", "over"), llm.Throttled, 7 * 24 * time.Hour},
		{"429 page", 429, nil, page, llm.Throttled, 0},
		{"429 with a new type", 429, retry("1"), body("novel_error", "?"), llm.Throttled, time.Second},

		{"spend cap", 429, nil, spend, llm.Blocked, 0},
		{"spend cap wins over retry-after", 429, retry("5"), spend, llm.Blocked, 5 * time.Second},
		{"spend cap wins over x-should-retry", 429, should("true"), spend, llm.Blocked, 0},
		{"usage limits", 429, nil, body("rate_limit_error", "You have reached your usage limits."), llm.Blocked, 0},
		{"usage limits with a time", 429, retry("60"), body("rate_limit_error", "You have reached your usage limits."), llm.Throttled, time.Minute},
		{"spend limit of the user's own", 400, nil, body("invalid_request_error",
			"You have reached your specified API usage limits. You will regain access on 2026-03-02 at 00:00 UTC."), llm.Blocked, 12 * time.Hour},
		{"spend limit of a workspace", 400, should("false"), body("invalid_request_error",
			"You have reached your specified workspace API usage limits."), llm.Blocked, 0},
		{"credit balance", 400, nil, body("invalid_request_error", "Your credit balance is too low to access the Anthropic API."), llm.Blocked, 0},
		{"the task's own words do not block", 400, nil, body("invalid_request_error",
			"messages.0.content.0: this text, which the task had to summarise, is no block; it says: your credit balance is too low"), llm.Permanent, 0},

		{"400", 400, nil, body("invalid_request_error", "max_tokens: required"), llm.Permanent, 0},
		{"prompt too long", 400, nil, body("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), llm.Permanent, 0},
		{"prompt too long, whatever the headers say", 400, should("true"), body("invalid_request_error", "prompt is too long: 1 > 0"), llm.Permanent, 0},
		{"403", 403, nil, body("permission_error", "no"), llm.Permanent, 0},
		{"404", 404, nil, body("not_found_error", "model: x"), llm.Permanent, 0},
		{"413", 413, nil, body("request_too_large", "too large"), llm.Permanent, 0},
		{"413 page", 413, nil, page, llm.Permanent, 0},
		{"422", 422, nil, body("novel_error", "?"), llm.Permanent, 0},
		{"401", 401, nil, body("authentication_error", "invalid x-api-key"), llm.Blocked, 0},
		{"401, not to be retried", 401, should("false"), body("authentication_error", "invalid x-api-key"), llm.Blocked, 0},
		{"401 page, not to be retried", 401, should("false"), page, llm.Blocked, 0},
		{"402", 402, nil, body("billing_error", "pay"), llm.Blocked, 0},
		{"402 page", 402, nil, page, llm.Blocked, 0},
		{"408", 408, nil, "", llm.Transient, 0},
		{"409", 409, nil, body("conflict_error", "?"), llm.Transient, 0},
		{"500", 500, nil, body("api_error", "?"), llm.Ambiguous, 0},
		{"502 page", 502, nil, page, llm.Ambiguous, 0},
		{"504", 504, nil, body("timeout_error", "?"), llm.Ambiguous, 0},
		{"520", 520, nil, "", llm.Ambiguous, 0},
		{"503", 503, retry("2"), "", llm.Throttled, 2 * time.Second},
		{"529", 529, nil, body("overloaded_error", "Overloaded"), llm.Throttled, 0},
		{"529 behind a proxy that knows no 529", 500, nil, body("overloaded_error", "Overloaded"), llm.Throttled, 0},
		{"301", 301, nil, page, llm.Permanent, 0},
		{"307, however often it may be tried", 307, should("true"), "", llm.Permanent, 0},
		{"200 that is an error", 200, nil, body("api_error", "?"), llm.Ambiguous, 0},

		{"x-should-retry makes 4xx transient", 400, should("true"), body("invalid_request_error", "?"), llm.Transient, 0},
		{"x-should-retry: true leaves 500 ambiguous", 500, should("true"), body("api_error", "?"), llm.Ambiguous, 0},
		{"x-should-retry: false ends 500", 500, should("false"), body("api_error", "?"), llm.Permanent, 0},
		{"x-should-retry: false ends 409", 409, should("false"), body("conflict_error", "?"), llm.Permanent, 0},
		{"x-should-retry: false wins over retry-after", 500, head("X-Should-Retry", "false", "Retry-After", "3"), "", llm.Permanent, 3 * time.Second},
		{"429 that must not be retried waits for an operator", 429, should("false"), body("rate_limit_error", "?"), llm.Blocked, 0},
		{"retry-after makes 404 transient", 404, retry("3"), page, llm.Transient, 3 * time.Second},

		{"no body", 418, nil, "", llm.Permanent, 0},
		{"cut body", 500, nil, `{"type":"error","error":{"type":"api_er`, llm.Ambiguous, 0},
		{"error is a text", 400, nil, `{"error":"no"}`, llm.Permanent, 0},
		{"fields of other types", 400, nil, `{"error":{"type":7,"message":["x"],"details":"y"},"request_id":{}}`, llm.Permanent, 0},
		{"null", 500, nil, "null", llm.Ambiguous, 0},
		{"no status", 0, nil, "", llm.Ambiguous, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := anthropic.API{}.Error(test.status, test.header, []byte(test.body), now)
			if e.Class != test.class || e.RetryAfter != test.after || e.Status != test.status {
				t.Errorf("Error = %s after %v with status %d; want %s after %v with status %d",
					e.Class, e.RetryAfter, e.Status, test.class, test.after, test.status)
			}
		})
	}
}

// A whole response, as it was recorded: the input bucket is in debt.
func TestRecordedThrottle(t *testing.T) {
	const message = "This request would exceed your organization's rate limit of 30,000 input tokens per minute"
	header := head(
		"Retry-After", "505", "X-Should-Retry", "true", "Request-Id", "req_2",
		"Anthropic-Ratelimit-Input-Tokens-Limit", "30000", "Anthropic-Ratelimit-Input-Tokens-Remaining", "0",
		"Anthropic-Ratelimit-Input-Tokens-Reset", "2026-03-01T12:08:25Z",
		"Anthropic-Ratelimit-Requests-Limit", "50", "Anthropic-Ratelimit-Requests-Remaining", "48",
		"Anthropic-Ratelimit-Requests-Reset", "2026-03-01T12:00:02Z",
	)
	got := anthropic.API{}.Error(429, header, []byte(body("rate_limit_error", message)), now)
	want := llm.Error{
		Class: llm.Throttled, API: "anthropic", Status: 429, Type: "rate_limit_error",
		Message: message, RequestID: "req_2", RetryAfter: 505 * time.Second,
		Limits: llm.Limits{
			Requests:    llm.Level{Limit: 50, Remaining: 48, Reset: now.Add(2 * time.Second), Known: true},
			InputTokens: llm.Level{Limit: 30_000, Reset: now.Add(505 * time.Second), Known: true},
		},
	}
	if *got != want {
		t.Errorf("Error = %+v; want %+v", *got, want)
	}
}

func TestErrorTooFast(t *testing.T) {
	levels := func(requests, input string) http.Header {
		return head(
			"Anthropic-Ratelimit-Requests-Limit", "50", "Anthropic-Ratelimit-Requests-Remaining", requests,
			"Anthropic-Ratelimit-Input-Tokens-Limit", "30000", "Anthropic-Ratelimit-Input-Tokens-Remaining", input,
		)
	}
	retryLater := func(h http.Header) http.Header {
		h.Set("Retry-After", "2")
		return h
	}
	const generic = "This request would exceed your organization's rate limit. Please try again later."
	tests := []struct {
		name    string
		status  int
		header  http.Header
		kind    string
		message string
		want    bool
	}{
		{"the message says so", 429, nil, "rate_limit_error", "This request would exceed your organization's acceleration limit.", true},
		{"the message says so, whatever the headers show", 429, levels("0", "0"), "rate_limit_error", "Acceleration limit", true},
		{"as it says so for a kind of tokens", 429, nil, "rate_limit_error", "This request would exceed your organization's maximum usage increase rate for input tokens per minute.", true},
		{"plenty is left of every limit", 429, levels("48", "29000"), "rate_limit_error", generic, true},
		{"plenty is left, and it says when to come back", 429, retryLater(levels("48", "29000")), "rate_limit_error", generic, false},
		{"half is left of every limit", 429, levels("25", "15000"), "rate_limit_error", generic, true},
		{"one limit is used up", 429, levels("48", "0"), "rate_limit_error", generic, false},
		{"one limit is low", 429, levels("24", "29000"), "rate_limit_error", generic, false},
		{"a limit is named: the call is larger than what is left", 429, levels("48", "16000"), "rate_limit_error",
			"This request would exceed your organization's rate limit of 30,000 input tokens per minute", false},
		{"as it was named before", 429, levels("48", "16000"), "rate_limit_error", "Number of request tokens has exceeded your per-minute rate limit", false},
		{"nothing is known", 429, nil, "rate_limit_error", generic, false},
		{"overloaded", 529, levels("48", "29000"), "overloaded_error", "Overloaded", false},
		{"blocked", 429, levels("48", "29000"), "rate_limit_error", "You have reached your usage limits.", false},
	}
	for _, test := range tests {
		e := anthropic.API{}.Error(test.status, test.header, []byte(body(test.kind, test.message)), now)
		if e.TooFast != test.want {
			t.Errorf("%s: TooFast = %v; want %v", test.name, e.TooFast, test.want)
		}
	}
}

func TestErrorKeepsWhatTheProviderSaid(t *testing.T) {
	header := head("Request-Id", "req_2", "Anthropic-Ratelimit-Requests-Limit", "50", "Anthropic-Ratelimit-Requests-Remaining", "48")
	e := anthropic.API{}.Error(429, header, []byte(spend), now)
	if e.Type != "rate_limit_error" || e.Code != "enforced_spend_limit_reached" || e.RequestID != "req_2" || e.API != "anthropic" {
		t.Errorf("Error = %+v", e)
	}
	if want := (llm.Level{Limit: 50, Remaining: 48, Known: true}); e.Limits.Requests != want {
		t.Errorf("Requests = %+v; want %+v", e.Limits.Requests, want)
	}
	if e = (anthropic.API{}).Error(500, nil, []byte(body("api_error", "broken")), now); e.RequestID != "req_1" || e.Message != "broken" {
		t.Errorf("Error = %+v; want req_1 and the message", e)
	}
	if e = (anthropic.API{}).Error(413, nil, []byte(page), now); e.Message != "413 Request Entity Too Large" {
		t.Errorf("Message = %q; want the page's title", e.Message)
	}
}

func TestErrorEvents(t *testing.T) {
	tests := []struct {
		kind, message string
		class         llm.Class
		status        int
		pauses        bool
	}{
		{"overloaded_error", "Overloaded", llm.Ambiguous, 529, true},
		{"rate_limit_error", "over", llm.Ambiguous, 429, true},
		{"api_error", "?", llm.Ambiguous, 500, false},
		{"timeout_error", "?", llm.Ambiguous, 504, false},
		{"invalid_request_error", "?", llm.Ambiguous, 400, false},
		{"novel_error", "?", llm.Ambiguous, 0, false},
		{"invalid_request_error", "Your credit balance is too low", llm.Blocked, 400, false},
	}
	for _, test := range tests {
		stream := start + "event: error\ndata: " + body(test.kind, test.message) + "\n\n"
		_, err := anthropic.API{}.DecodeStream(strings.NewReader(stream))
		var e *llm.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: DecodeStream = %v; want an *llm.Error", test.kind, err)
			continue
		}
		if e.Class != test.class || e.Status != test.status || e.Pauses() != test.pauses {
			t.Errorf("%s: DecodeStream = %s with status %d, Pauses = %v; want %s, %d, %v",
				test.kind, e.Class, e.Status, e.Pauses(), test.class, test.status, test.pauses)
		}
	}
}
