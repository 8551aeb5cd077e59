package openai_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/openai"
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

func body(kind, code, message string) string {
	return `{"error":{"message":"` + message + `","type":"` + kind + `","param":null,"code":"` + code + `"}}`
}

const (
	page   = "<html><head><title>502 Bad Gateway</title></head><body>cloud</body></html>"
	over   = "Rate limit reached for gpt-4 in organization org-x on tokens per min (TPM): Limit 30000, Used 29446, Requested 821. Please try again in 534ms. Visit https://platform.openai.com/account/rate-limits to learn more."
	huge   = "Request too large for gpt-4 in organization org-x on tokens per min (TPM): Limit 30000, Requested 30062. The input or output tokens must be reduced in order to run successfully."
	perDay = "Rate limit reached for gpt-4 in organization org-x on requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 7m12s."
)

func recorded() http.Header {
	return head(
		"Retry-After", "1", "Retry-After-Ms", "534", "X-Request-Id", "req_1",
		"X-Ratelimit-Limit-Tokens", "30000", "X-Ratelimit-Remaining-Tokens", "554", "X-Ratelimit-Reset-Tokens", "58.891s",
		"X-Ratelimit-Limit-Requests", "500", "X-Ratelimit-Remaining-Requests", "499", "X-Ratelimit-Reset-Requests", "120ms",
	)
}

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
		{"rate limit, as recorded", 429, recorded(), body("tokens", "rate_limit_exceeded", over), llm.Throttled, 534 * time.Millisecond},
		{"rate limit without headers", 429, nil, body("tokens", "rate_limit_exceeded", over), llm.Throttled, 534 * time.Millisecond},
		{"slow down", 429, nil, body("requests", "slow_down", "?"), llm.Throttled, 0},
		{"per day", 429, nil, body("requests", "rate_limit_exceeded", perDay), llm.Throttled, 7*time.Minute + 12*time.Second},
		{"flex", 429, nil, body("", "resource_unavailable", "resource unavailable"), llm.Throttled, 0},
		{"429 page", 429, nil, page, llm.Throttled, 0},
		{"Azure", 429, nil, body("", "429", "Requests have exceeded the rate limit. Please retry after 7 seconds."), llm.Throttled, 7 * time.Second},
		{"too large", 429, nil, body("tokens", "rate_limit_exceeded", huge), llm.Permanent, 0},
		{"too large, whatever the headers say", 429, head("Retry-After", "1", "X-Should-Retry", "true"), body("tokens", "rate_limit_exceeded", huge), llm.Permanent, time.Second},
		{"too large as Groq says it", 413, nil, body("tokens", "rate_limit_exceeded", huge), llm.Permanent, 0},
		{"too large without numbers", 429, nil, body("tokens", "rate_limit_exceeded", "Request too large for gpt-4."), llm.Permanent, 0},
		{"too large for the moment", 429, nil, body("tokens", "rate_limit_exceeded", "Request too large for now: Limit 30000, Used 29000, Requested 2000. Please try again in 2s."), llm.Throttled, 2 * time.Second},

		{"insufficient quota", 429, nil, body("insufficient_quota", "insufficient_quota", "You exceeded your current quota"), llm.Blocked, 0},
		{"quota in the type alone", 429, nil, `{"error":{"type":"insufficient_quota","code":null}}`, llm.Blocked, 0},
		{"credit balance", 429, nil, body("", "credit_balance_exhausted", "?"), llm.Blocked, 0},
		{"organisation's spend", 429, nil, body("", "organization_spend_limit_exceeded", "?"), llm.Blocked, 0},
		{"project's spend", 429, nil, body("", "project_spend_limit_exceeded", "?"), llm.Blocked, 0},
		{"organisation's usage", 429, nil, body("", "organization_usage_limit_exceeded", "?"), llm.Blocked, 0},
		{"quota wins over the headers", 429, head("Retry-After", "9", "X-Should-Retry", "true"), body("", "insufficient_quota", "?"), llm.Blocked, 9 * time.Second},

		{"503 overloaded", 503, nil, body("server_error", "server_is_overloaded", "?"), llm.Throttled, 0},
		{"503 slow down", 503, retry("4"), body("server_error", "slow_down", "?"), llm.Throttled, 4 * time.Second},
		{"503 page", 503, nil, page, llm.Throttled, 0},
		{"overloaded as a 500", 500, nil, body("server_error", "server_is_overloaded", "?"), llm.Throttled, 0},
		{"Groq's 498", 498, nil, body("", "capacity_exceeded", "?"), llm.Throttled, 0},
		{"500", 500, nil, body("server_error", "", "?"), llm.Ambiguous, 0},
		{"502 page", 502, nil, page, llm.Ambiguous, 0},
		{"504", 504, nil, "", llm.Ambiguous, 0},
		{"520", 520, nil, page, llm.Ambiguous, 0},
		{"521", 521, nil, page, llm.Ambiguous, 0},
		{"522", 522, nil, page, llm.Ambiguous, 0},
		{"523", 523, nil, page, llm.Ambiguous, 0},
		{"524", 524, nil, page, llm.Ambiguous, 0},

		{"400", 400, nil, body("invalid_request_error", "", "?"), llm.Permanent, 0},
		{"context length", 400, nil, body("invalid_request_error", "context_length_exceeded", "maximum context length is 8192 tokens"), llm.Permanent, 0},
		{"context length, whatever the headers say", 400, should("true"), body("", "context_length_exceeded", "?"), llm.Permanent, 0},
		{"403 country", 403, nil, body("", "unsupported_country_region_territory", "?"), llm.Permanent, 0},
		{"404 model", 404, nil, body("", "model_not_found", "?"), llm.Permanent, 0},
		{"404 page", 404, nil, page, llm.Permanent, 0},
		{"422", 422, nil, `{"detail":[{"msg":"field required"}]}`, llm.Permanent, 0},
		{"413 page", 413, nil, page, llm.Permanent, 0},
		{"401", 401, nil, body("", "invalid_api_key", "?"), llm.Blocked, 0},
		{"401 page", 401, nil, page, llm.Blocked, 0},
		{"402", 402, nil, `{"error":{"code":402,"message":"Insufficient credits"}}`, llm.Blocked, 0},
		{"408", 408, nil, "", llm.Transient, 0},
		{"409", 409, nil, "", llm.Transient, 0},
		{"302", 302, nil, page, llm.Permanent, 0},
		{"308, with a time", 308, retry("1"), page, llm.Permanent, time.Second},

		{"x-should-retry makes 4xx transient", 404, should("true"), page, llm.Transient, 0},
		{"x-should-retry: false ends 500", 500, should("false"), page, llm.Permanent, 0},
		{"x-should-retry: false ends 408", 408, should("false"), "", llm.Permanent, 0},
		{"429 that must not be retried waits for an operator", 429, should("false"), body("", "rate_limit_exceeded", "?"), llm.Blocked, 0},
		{"x-should-retry: false wins over retry-after", 500, head("X-Should-Retry", "false", "Retry-After", "3"), "", llm.Permanent, 3 * time.Second},
		{"429 of days", 429, retry("604800"), body("requests", "rate_limit_exceeded", "?"), llm.Throttled, 7 * 24 * time.Hour},
		{"minutes in the message alone", 429, nil, body("requests", "rate_limit_exceeded", "Rate limit reached. Please try again in 6m0s."), llm.Throttled, 6 * time.Minute},
		{"headers win over the message", 429, retry("3"), body("tokens", "rate_limit_exceeded", over), llm.Throttled, 3 * time.Second},
		{"retry-after makes 400 transient", 400, retry("2"), page, llm.Transient, 2 * time.Second},
		{"a time in the task's own words is none", 400, nil, body("", "", "invalid: try again in 5s"), llm.Permanent, 0},

		{"error is a text", 500, nil, `{"error":"model is loading"}`, llm.Ambiguous, 0},
		{"vLLM", 400, nil, `{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}`, llm.Permanent, 0},
		{"cut body", 500, nil, `{"error":{"message":"x`, llm.Ambiguous, 0},
		{"numbers beyond all bounds", 429, nil, body("tokens", "rate_limit_exceeded", "Limit 1, Used 9223372036854775807, Requested 99999999999999999999."), llm.Throttled, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := openai.API{}.Error(test.status, test.header, []byte(test.body), now)
			if e.Class != test.class || e.RetryAfter != test.after || e.Status != test.status {
				t.Errorf("Error = %s after %v with status %d; want %s after %v with status %d",
					e.Class, e.RetryAfter, e.Status, test.class, test.after, test.status)
			}
		})
	}
}

// A whole response, as it was recorded.
func TestRecordedThrottle(t *testing.T) {
	got := openai.API{}.Error(429, recorded(), []byte(body("tokens", "rate_limit_exceeded", over)), now)
	want := llm.Error{
		Class: llm.Throttled, API: "openai", Status: 429, Type: "tokens", Code: "rate_limit_exceeded",
		Message: over, RequestID: "req_1", RetryAfter: 534 * time.Millisecond,
		Limits: llm.Limits{
			Requests: llm.Level{Limit: 500, Remaining: 499, Reset: now.Add(120 * time.Millisecond), Known: true},
			Tokens:   llm.Level{Limit: 30_000, Remaining: 554, Reset: now.Add(58_891 * time.Millisecond), Known: true},
		},
		Told: llm.Told{Limit: 30_000, Used: 29_446, Requested: 821, Per: "minute", Kind: "tokens"},
	}
	if *got != want {
		t.Errorf("Error = %+v; want %+v", *got, want)
	}
}

func TestErrorTold(t *testing.T) {
	tests := []struct {
		name, kind, message string
		want                llm.Told
	}{
		{"tokens a minute", "tokens", over, llm.Told{Limit: 30_000, Used: 29_446, Requested: 821, Per: "minute", Kind: "tokens"}},
		{"too large", "tokens", huge, llm.Told{Limit: 30_000, Requested: 30_062, Per: "minute", Kind: "tokens"}},
		{"requests a day", "requests", perDay, llm.Told{Limit: 200, Used: 200, Requested: 1, Per: "day", Kind: "requests"}},
		{"tokens a day, as Groq says it", "tokens",
			"Rate limit reached for model `m` in organization `o` on tokens per day (TPD): Limit 100000, Used ~99336, Requested ~1821. Please try again in 16m39.648s.",
			llm.Told{Limit: 100_000, Used: 99_336, Requested: 1821, Per: "day", Kind: "tokens"}},
		{"the message knows better than the type", "requests", over, llm.Told{Limit: 30_000, Used: 29_446, Requested: 821, Per: "minute", Kind: "tokens"}},
		{"the type, if the message does not say", "requests", "Limit 3, Used 3, Requested 1", llm.Told{Limit: 3, Used: 3, Requested: 1, Kind: "requests"}},
		{"a type that is no kind", "rate_limit_error", "Limit 3, Used 3, Requested 1", llm.Told{Limit: 3, Used: 3, Requested: 1}},
		{"words between", "", "on input tokens per minute: Limit: 30,000, Used: 29,446, Requested: 821.", llm.Told{Limit: 30_000, Used: 29_446, Requested: 821, Per: "minute", Kind: "tokens"}},
		{"the older words", "requests", "Rate limit reached for default-global in organization org-x on requests per min. Limit: 3 / min. Please try again in 20s.",
			llm.Told{Limit: 3, Per: "minute", Kind: "requests"}},
		{"the oldest words", "tokens", "Rate limit reached for m on tokens per min. Limit: 250000.000000 / min. Current: 251000.000000 / min. Contact support.",
			llm.Told{Limit: 250_000, Used: 251_000, Per: "minute", Kind: "tokens"}},

		{"images", "images", "on images per min (IPM): Limit 5, Used 5, Requested 1.", llm.Told{}},
		{"an hour's", "tokens", "on tokens per hour: Limit 5, Used 5, Requested 1.", llm.Told{}},
		{"a number of something", "requests", "Limit 5 of them.", llm.Told{}},
		{"no number", "tokens", "Rate limit reached. Please try again later.", llm.Told{}},
		{"a limit of nothing", "tokens", "Limit 0, Used 0, Requested 5", llm.Told{}},
		{"commas alone", "tokens", "Limit ,,, Used 1, Requested 2", llm.Told{}},
		{"beyond all bounds", "tokens", "on tokens per min: Limit 1, Used 9223372036854775807, Requested 99999999999999999999.", llm.Told{}},
	}
	for _, test := range tests {
		e := openai.API{}.Error(429, nil, []byte(body(test.kind, "rate_limit_exceeded", test.message)), now)
		if e.Told != test.want {
			t.Errorf("%s: Told = %+v; want %+v", test.name, e.Told, test.want)
		}
	}
	if e := (openai.API{}).Error(400, nil, []byte(body("", "", over)), now); e.Told != (llm.Told{}) {
		t.Errorf("Told = %+v of a 400; want nothing: it may quote the task's own words", e.Told)
	}
}

func TestErrorTooFast(t *testing.T) {
	tests := []struct {
		status int
		body   string
		want   bool
	}{
		{429, body("rate_limit_error", "slow_down", "?"), true},
		{503, body("server_error", "slow_down", "?"), true},
		{429, `{"error":{"type":"slow_down","code":null}}`, true},
		{429, body("tokens", "rate_limit_exceeded", over), false},
		{503, body("server_error", "server_is_overloaded", "?"), false},
		{429, body("", "insufficient_quota", "slow_down"), false},
	}
	for _, test := range tests {
		if e := (openai.API{}).Error(test.status, nil, []byte(test.body), now); e.TooFast != test.want {
			t.Errorf("%d %s: TooFast = %v; want %v", test.status, test.body, e.TooFast, test.want)
		}
	}
	e := openai.API{}.Error(429, head("X-Should-Retry", "false"), []byte(body("", "slow_down", "?")), now)
	if e.Class != llm.Blocked || e.TooFast {
		t.Errorf("Error = %s, TooFast = %v; want blocked, and not for its speed", e.Class, e.TooFast)
	}
	var failed *llm.Error
	_, err := openai.API{}.DecodeStream(strings.NewReader(start + "data: " + body("", "slow_down", "?") + "\n\n"))
	if !errors.As(err, &failed) || !failed.TooFast || !failed.Pauses() {
		t.Errorf("DecodeStream = %+v; want it too fast", err)
	}
}

func TestErrorFillsLimitsFromTheMessage(t *testing.T) {
	full := now.Add(58892 * time.Millisecond)
	tests := []struct {
		name    string
		header  http.Header
		kind    string
		message string
		want    llm.Limits
	}{
		{"tokens", nil, "tokens", over, llm.Limits{Tokens: llm.Level{Limit: 30000, Remaining: 554, Reset: full, Known: true}}},
		{"without words", nil, "tokens", "Limit 30000, Used 29446, Requested 821", llm.Limits{Tokens: llm.Level{Limit: 30000, Remaining: 554, Reset: full, Known: true}}},
		{"headers win", recorded(), "tokens", "Limit 1, Used 1, Requested 1", llm.Limits{
			Tokens:   llm.Level{Limit: 30000, Remaining: 554, Reset: now.Add(58891 * time.Millisecond), Known: true},
			Requests: llm.Level{Limit: 500, Remaining: 499, Reset: now.Add(120 * time.Millisecond), Known: true},
		}},
		{"requests", nil, "requests", "on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.",
			llm.Limits{Requests: llm.Level{Limit: 3, Reset: now.Add(time.Minute), Known: true}}},
		{"too large tells the limit alone", nil, "tokens", huge, llm.Limits{Tokens: llm.Level{Limit: 30000}}},
		{"a day's limit is no minute's", nil, "requests", perDay,
			llm.Limits{RequestsPerDay: llm.Level{Limit: 200, Reset: now.Add(24 * time.Hour), Known: true}}},
		{"tokens of a day", nil, "tokens", "on tokens per day (TPD): Limit 1440, Used 720, Requested 800.",
			llm.Limits{TokensPerDay: llm.Level{Limit: 1440, Remaining: 720, Reset: now.Add(12 * time.Hour), Known: true}}},
		{"images are no tokens", nil, "images", "on images per min (IPM): Limit 5, Used 5, Requested 1.", llm.Limits{}},
		{"commas", nil, "tokens", "Limit: 30,000, Used: 29,446, Requested: 821", llm.Limits{Tokens: llm.Level{Limit: 30000, Remaining: 554, Reset: full, Known: true}}},
	}
	for _, test := range tests {
		e := openai.API{}.Error(429, test.header, []byte(body(test.kind, "rate_limit_exceeded", test.message)), now)
		if e.Limits != test.want {
			t.Errorf("%s: Limits = %+v; want %+v", test.name, e.Limits, test.want)
		}
	}
}

func TestErrorReadsWhatServersSay(t *testing.T) {
	tests := []struct{ body, kind, code, message string }{
		{body("a", "b", "c"), "a", "b", "c"},
		{`{"error":{"code":400,"message":"c"}}`, "", "400", "c"},
		{`{"error":"model not found"}`, "", "", "model not found"},
		{`{"object":"error","message":"c","type":"a","code":7}`, "a", "7", "c"},
		{`{"detail":"Not Found"}`, "", "", "Not Found"},
		{page, "", "", "502 Bad Gateway"},
		{"upstream   is\ndown", "", "", "upstream is down"},
		{"", "", "", "Bad Gateway"},
	}
	for _, test := range tests {
		e := openai.API{}.Error(502, head("X-Request-Id", "req_1"), []byte(test.body), now)
		if e.Type != test.kind || e.Code != test.code || e.Message != test.message || e.RequestID != "req_1" || e.API != "openai" {
			t.Errorf("Error(%s) = %+v; want type %q, code %q, message %q", test.body, e, test.kind, test.code, test.message)
		}
	}
}

func TestErrorsInStreams(t *testing.T) {
	tests := []struct {
		event  string
		class  llm.Class
		status int
		pauses bool
	}{
		{"data: " + body("server_error", "", "The server had an error"), llm.Ambiguous, 0, false},
		{"data: " + body("", "server_is_overloaded", "?"), llm.Ambiguous, 429, true},
		{"data: " + body("tokens", "rate_limit_exceeded", over), llm.Ambiguous, 429, true},
		{"data: " + body("", "insufficient_quota", "?"), llm.Blocked, 0, false},
		{"event: error\ndata: gone", llm.Ambiguous, 0, false},
	}
	for _, test := range tests {
		_, err := openai.API{}.DecodeStream(strings.NewReader(start + test.event + "\n\n"))
		var e *llm.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: DecodeStream = %v; want an *llm.Error", test.event, err)
			continue
		}
		if e.Class != test.class || e.Status != test.status || e.Pauses() != test.pauses {
			t.Errorf("%s: DecodeStream = %s with status %d, Pauses = %v; want %s, %d, %v",
				test.event, e.Class, e.Status, e.Pauses(), test.class, test.status, test.pauses)
		}
	}
}
