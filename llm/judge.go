package llm

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Judge returns what a failed response means by its status and its headers
// alone: for an [API] that has found nothing in the body that says more. told
// is whether the provider said when to come back.
//
// The header x-should-retry comes first. "false" means that the queue must not
// try again by itself: the call is permanent, or blocked if its status speaks
// of the account and not of the call. "true" makes transient what its status
// would make final. So does a time to come back.
func Judge(status int, h http.Header, told bool) Class {
	class := judgeStatus(status)
	final := class == Permanent || class == Blocked
	switch shouldRetry := strings.ToLower(strings.TrimSpace(h.Get("X-Should-Retry"))); {
	case status >= 300 && status < 400:
		return Permanent
	case shouldRetry == "false" && (class == Blocked || status == http.StatusTooManyRequests):
		return Blocked
	case shouldRetry == "false":
		return Permanent
	case shouldRetry == "true" && final, told && class == Permanent:
		return Transient
	}
	return class
}

// judgeStatus returns what a status means by itself. A server's failure may
// have come after the model's answer was made and billed. 498 is Groq's word
// for no capacity, 529 Anthropic's.
func judgeStatus(status int) Class {
	switch status {
	case 401, 402:
		return Blocked
	case 408, 409:
		return Transient
	case 429, 498, 503, 529:
		return Throttled
	}
	if status >= 300 && status < 500 {
		return Permanent
	}
	return Ambiguous
}

// LongestWait bounds what a provider may ask for, so that a time computed
// from it stays a time.
const LongestWait = 365 * 24 * time.Hour

// RetryAfter returns when the provider said to come back, from the headers
// retry-after-ms and retry-after (seconds or an HTTP date), and whether it said
// so at all. What is negative or cannot be read was not said; a date that has
// passed is zero.
func RetryAfter(h http.Header, now time.Time) (after time.Duration, told bool) {
	if d, ok := ParseUnits(h.Get("Retry-After-Ms"), time.Millisecond); ok {
		return d, true
	}
	value := h.Get("Retry-After")
	if d, ok := ParseUnits(value, time.Second); ok {
		return d, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), LongestWait), true
	}
	return 0, false
}

// ParseUnits reads a plain number of units, such as "7" or "0.5". It takes no
// sign, exponent or word, and returns a year at the most.
func ParseUnits(s string, unit time.Duration) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil && n == 0 {
		return 0, false
	}
	if n > float64(LongestWait)/float64(unit) {
		return LongestWait, true
	}
	return time.Duration(n * float64(unit)), true
}

// Summary describes a response whose body is not the provider's JSON, such as
// the HTML page of a proxy: its title, or its first words, in one line.
func Summary(status int, body []byte) string {
	text := string(body[:min(len(body), 4<<10)])
	if _, rest, ok := strings.Cut(text, "<title>"); ok {
		text, _, _ = strings.Cut(rest, "<")
	}
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	if text == "" {
		return http.StatusText(status)
	}
	return strings.ToValidUTF8(text[:min(len(text), 200)], "")
}
