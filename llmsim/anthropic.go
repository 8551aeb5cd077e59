package llmsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// anthropic is the Messages API.
type anthropic struct{}

func (anthropic) name() string { return "anthropic" }

func (anthropic) key(h http.Header) string {
	if key := h.Get("X-Api-Key"); key != "" {
		return key
	}
	return bearer(h)
}

func bearer(h http.Header) string {
	scheme, key, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

type anthropicRequest struct {
	Model     string   `json:"model"`
	System    content  `json:"system"`
	MaxTokens *float64 `json:"max_tokens"`
	Stream    bool     `json:"stream"`
	Messages  *[]struct {
		Role    string  `json:"role"`
		Content content `json:"content"`
	} `json:"messages"`
	Tools json.RawMessage `json:"tools"`
}

func (d anthropic) parse(body []byte) (*Call, *problem) {
	c, req, p := d.read(body)
	if p != nil {
		return nil, p
	}
	switch {
	case req.MaxTokens == nil:
		return nil, d.invalid("max_tokens: Field required")
	case *req.MaxTokens != math.Trunc(*req.MaxTokens):
		return nil, d.invalid("max_tokens: Input should be a valid integer")
	case *req.MaxTokens < 1:
		return nil, d.invalid("max_tokens: Input should be greater than or equal to 1")
	}
	c.MaxTokens = int(min(*req.MaxTokens, math.MaxInt32))
	c.prefixes = d.prefixes(body, c.InputTokens)
	return c, nil
}

// read reads what counting tokens and answering have in common.
func (d anthropic) read(body []byte) (*Call, *anthropicRequest, *problem) {
	var req anthropicRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, nil, d.unreadable(err)
	}
	switch {
	case req.Model == "":
		return nil, nil, d.invalid("model: Field required")
	case req.Messages == nil:
		return nil, nil, d.invalid("messages: Field required")
	case len(*req.Messages) == 0:
		return nil, nil, d.invalid("messages: at least one message is required")
	}
	c := &Call{API: d.name(), Model: req.Model, System: req.System.text, Stream: req.Stream, Hash: hashBody(body)}
	c.add(req.System.text, req.System.tokens)
	c.add("", CountTokens(string(req.Tools)))
	for i, m := range *req.Messages {
		if m.Role == "system" {
			return nil, nil, d.invalid(`messages: Unexpected role "system". The Messages API accepts a top-level %s parameter, not "system" as an input message role.`, "`system`")
		}
		if m.Role != "user" && m.Role != "assistant" {
			return nil, nil, d.invalid("messages.%d.role: Input should be 'user' or 'assistant'", i)
		}
		if m.Content.text == "" && m.Content.tokens == 0 && i < len(*req.Messages)-1 {
			return nil, nil, d.invalid("messages.%d: all messages must have non-empty content except for the optional final assistant message", i)
		}
		c.Messages = append(c.Messages, Message{m.Role, m.Content.text})
		c.add(m.Content.text, m.Content.tokens+messageTokens)
	}
	return c, &req, nil
}

// messageTokens is what each message costs beside its text.
const messageTokens = 3

func (c *Call) add(text string, tokens int) {
	c.InputTokens += CountTokens(text) + tokens
	c.chars += len(text)
}

func (d anthropic) unreadable(err error) *problem {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return d.invalid("%s: Input should be a valid %s", wrong.Field, wrong.Type)
	}
	if errors.Is(err, errContent) {
		return d.invalid("messages: %v", err)
	}
	return d.invalid("The request body is not valid JSON: %v", err)
}

func (anthropic) own(l Limits) Limits {
	l.RequestsPerDay, l.TokensPerDay = 0, 0
	return l
}

// terms: the input is charged at the start, but for what is read from the
// prompt cache. Output is not reserved, but must not be in debt.
func (anthropic) terms(c *Call) terms {
	n := int64(c.InputTokens - c.cached.read)
	return terms{need: cost{requestsMinute: 1, tokensMinute: n, inputMinute: n, outputMinute: 1}}
}

func (anthropic) afterFault(c *Call, f Fault) cost {
	if f.atDoor() {
		return cost{}
	}
	n := int64(c.InputTokens - c.cached.read)
	return cost{requestsMinute: 1, tokensMinute: n, inputMinute: n}
}

func (anthropic) produced(tokens int64) cost { return cost{tokensMinute: tokens, outputMinute: tokens} }

func (anthropic) limits(h http.Header, l levels, now time.Time, second time.Duration) {
	in, out := l[inputMinute], l[outputMinute]
	if !l[tokensMinute].known && in.known && out.known {
		limit := in.limit + out.limit
		l[tokensMinute] = level{
			known: true, limit: limit, holds: limit,
			left: max(0, in.shown()) + max(0, out.shown()),
			full: max(in.full, out.full),
		}
	}
	for _, b := range []struct {
		name  string
		level level
		unit  float64
	}{
		{"Requests", l[requestsMinute], 1}, {"Tokens", l[tokensMinute], 1000},
		{"Input-Tokens", in, 1000}, {"Output-Tokens", out, 1000},
	} {
		if !b.level.known {
			continue
		}
		left := max(0, b.level.shown())
		if b.unit > 1 {
			left = math.Round(left/b.unit) * b.unit
		}
		prefix := "Anthropic-Ratelimit-" + b.name
		h.Set(prefix+"-Limit", strconv.FormatInt(b.level.limit, 10))
		h.Set(prefix+"-Remaining", strconv.FormatInt(int64(left), 10))
		h.Set(prefix+"-Reset", now.Add(b.level.full).Truncate(second).UTC().Format(time.RFC3339Nano))
	}
}

func (anthropic) wait(h http.Header, d, second time.Duration) {
	h.Set("Retry-After", seconds(d, second))
	h.Set("X-Should-Retry", "true")
}

func (anthropic) requestID(h http.Header, id string) {
	h.Set("Request-Id", id)
	h.Set("Anthropic-Organization-Id", "00000000-0000-4000-8000-000000000000")
}

func (anthropic) problem(p *problem, requestID string) []byte {
	e := object{"type": p.typ, "message": p.message}
	if p.code != "" {
		e["details"] = object{"error_code": p.code}
	}
	out := object{"type": "error", "error": e}
	if requestID != "" {
		out["request_id"] = requestID
	}
	return encode(out)
}

func (anthropic) invalid(format string, args ...any) *problem {
	return &problem{status: 400, typ: "invalid_request_error", message: fmt.Sprintf(format, args...)}
}

func (anthropic) notFound(*http.Request) *problem {
	return &problem{status: 404, typ: "not_found_error", message: "Not Found", bare: true}
}

func (anthropic) notAllowed(*http.Request) *problem {
	return &problem{status: 405, typ: "invalid_request_error", message: "Method Not Allowed", bare: true}
}

func (anthropic) badKey() *problem {
	return &problem{status: 401, typ: "authentication_error", message: "invalid x-api-key", bare: true}
}

func (anthropic) tooLarge() *problem {
	return &problem{status: 413, typ: "request_too_large", message: "Request exceeds the maximum size", bare: true}
}

// anthropicGates are what Anthropic calls the limits.
var anthropicGates = map[gate]string{
	requestsMinute: "requests", tokensMinute: "tokens", inputMinute: "input tokens", outputMinute: "output tokens",
}

func (anthropic) limited(c *Call, r *refusal) *problem {
	what := thousands(r.level.limit) + " " + anthropicGates[r.gate]
	return &problem{status: 429, typ: "rate_limit_error", wait: r.wait, message: "This request would exceed your organization's rate limit of " +
		what + " per minute (model: " + c.Model + "). Please reduce the prompt length or the maximum tokens requested, or try again later."}
}

func (d anthropic) faulty(c *Call, f Fault, context int) *problem {
	switch f {
	case RateLimited:
		return &problem{status: 429, typ: "rate_limit_error", message: "This request would exceed your organization's rate limit. Please try again later."}
	case RateLimitedBlind:
		return &problem{status: 429, typ: "rate_limit_error", message: "This request would exceed your organization's acceleration limit. Please ramp up your traffic gradually."}
	case Overloaded:
		return &problem{status: 529, typ: "overloaded_error", message: "Overloaded"}
	case CreditExhausted:
		return d.invalid("Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.")
	case SpendLimit:
		return &problem{status: 429, typ: "rate_limit_error", code: "enforced_spend_limit_reached", message: "Your organization has reached its spend limit."}
	case KeyRefused:
		return d.badKey()
	case TooLong:
		return d.invalid("prompt is too long: %d tokens > %d maximum", c.InputTokens, longest(c, context))
	}
	return &problem{status: 500, typ: "api_error", message: "Internal server error"}
}

// longest returns a context that c does not fit, the real one if it does not.
func longest(c *Call, context int) int { return max(0, min(context, c.atOnce()-1)) }
