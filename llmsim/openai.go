package llmsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// openai is the Chat Completions API.
type openai struct{}

func (openai) name() string { return "openai" }

func (openai) key(h http.Header) string { return bearer(h) }

type openaiRequest struct {
	Model               string   `json:"model"`
	MaxTokens           *float64 `json:"max_tokens"`
	MaxCompletionTokens *float64 `json:"max_completion_tokens"`
	Stream              bool     `json:"stream"`
	StreamOptions       struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	Messages *[]struct {
		Role    string  `json:"role"`
		Content content `json:"content"`
	} `json:"messages"`
	Tools json.RawMessage `json:"tools"`
}

func (d openai) parse(body []byte) (*Call, *problem) {
	var req openaiRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, d.unreadable(err)
	}
	switch {
	case req.Model == "":
		return nil, d.invalid("you must provide a model parameter")
	case req.Messages == nil:
		return nil, &problem{status: 400, typ: "invalid_request_error", param: "messages", code: "missing_required_parameter", message: "Missing required parameter: 'messages'."}
	case len(*req.Messages) == 0:
		return nil, &problem{status: 400, typ: "invalid_request_error", param: "messages", code: "empty_array",
			message: "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."}
	}
	c := &Call{API: d.name(), Model: req.Model, Stream: req.Stream, usage: req.StreamOptions.IncludeUsage, Hash: hashBody(body)}
	if p := d.setMaxTokens(c, &req); p != nil {
		return nil, p
	}
	c.add("", CountTokens(string(req.Tools))+messageTokens)
	for i, m := range *req.Messages {
		if !openaiRoles[m.Role] {
			return nil, &problem{status: 400, typ: "invalid_request_error", param: fmt.Sprintf("messages[%d].role", i), code: "invalid_value",
				message: fmt.Sprintf("Invalid value: '%s'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.", m.Role)}
		}
		c.add(m.Content.text, m.Content.tokens+messageTokens)
		if m.Role == "system" || m.Role == "developer" {
			c.System += m.Content.text + "\n"
			continue
		}
		c.Messages = append(c.Messages, Message{m.Role, m.Content.text})
	}
	return c, nil
}

var openaiRoles = map[string]bool{"system": true, "developer": true, "user": true, "assistant": true, "tool": true, "function": true}

func (d openai) setMaxTokens(c *Call, req *openaiRequest) *problem {
	for name, n := range map[string]*float64{"max_tokens": req.MaxTokens, "max_completion_tokens": req.MaxCompletionTokens} {
		if n == nil {
			continue
		}
		if *n < 1 || *n != math.Trunc(*n) {
			return &problem{status: 400, typ: "invalid_request_error", param: name, code: "integer_below_min_value",
				message: fmt.Sprintf("Invalid '%s': integer below minimum value. Expected a value >= 1, but got %v instead.", name, *n)}
		}
		c.MaxTokens = max(c.MaxTokens, int(min(*n, math.MaxInt32)))
	}
	return nil
}

func (d openai) unreadable(err error) *problem {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return &problem{status: 400, typ: "invalid_request_error", param: wrong.Field, code: "invalid_type",
			message: fmt.Sprintf("Invalid type for '%s': expected %s, but got %s instead.", wrong.Field, wrong.Type, wrong.Value)}
	}
	if errors.Is(err, errContent) {
		return &problem{status: 400, typ: "invalid_request_error", param: "messages", code: "invalid_type", message: fmt.Sprintf("Invalid type for 'messages': %v.", err)}
	}
	return d.invalid("We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON: %v.)", err)
}

func (openai) own(l Limits) Limits {
	l.InputTokens, l.OutputTokens = 0, 0
	return l
}

// terms: the larger of max_tokens and a quarter of the characters is charged
// up front, and never given back. A call that the limits refuse counts as a
// request all the same.
func (openai) terms(c *Call) terms {
	return terms{need: openaiCost(c), refused: aRequest}
}

// aRequest is what a call costs that was not let in.
var aRequest = cost{requestsMinute: 1, requestsDay: 1}

func openaiCost(c *Call) cost {
	n := int64(max(c.MaxTokens, c.chars/4, 1))
	return cost{requestsMinute: 1, tokensMinute: n, requestsDay: 1, tokensDay: n}
}

func (openai) afterFault(c *Call, f Fault) cost {
	switch f {
	case ResetBefore, KeyRefused:
		return cost{}
	case RateLimited, RateLimitedBlind, CreditExhausted, SpendLimit:
		return aRequest
	}
	return openaiCost(c)
}

func (openai) produced(int64) cost { return cost{} }

// limits shows one limit of requests: a minute's, or a day's if no more is left of
// that. Nothing in it says which.
func (openai) limits(h http.Header, l levels, _ time.Time, _ time.Duration) {
	requests := l[requestsMinute]
	if day := l[requestsDay]; day.known && (!requests.known || day.left <= requests.shown()) {
		requests = day
	}
	for _, b := range []struct {
		name  string
		level level
	}{{"Requests", requests}, {"Tokens", l[tokensMinute]}} {
		if !b.level.known {
			continue
		}
		h.Set("X-Ratelimit-Limit-"+b.name, strconv.FormatInt(b.level.limit, 10))
		h.Set("X-Ratelimit-Remaining-"+b.name, strconv.FormatInt(int64(max(0, b.level.shown())), 10))
		h.Set("X-Ratelimit-Reset-"+b.name, milliseconds(max(0, b.level.full)).String())
	}
}

// milliseconds rounds up, so that who waits that long waits long enough.
func milliseconds(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}

func (openai) wait(h http.Header, d, second time.Duration) {
	h.Set("Retry-After", seconds(d, second))
	h.Set("Retry-After-Ms", strconv.FormatInt(milliseconds(d).Milliseconds(), 10))
}

func (openai) requestID(h http.Header, id string) {
	h.Set("X-Request-Id", id)
	h.Set("Openai-Version", "2020-10-01")
}

func (openai) problem(p *problem, _ string) []byte {
	return encode(object{"error": object{"message": p.message, "type": p.typ, "param": orNull(p.param), "code": orNull(p.code)}})
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (openai) invalid(format string, args ...any) *problem {
	return &problem{status: 400, typ: "invalid_request_error", message: fmt.Sprintf(format, args...)}
}

func (openai) notFound(r *http.Request) *problem {
	return &problem{status: 404, typ: "invalid_request_error", bare: true, message: fmt.Sprintf("Invalid URL (%s %s)", r.Method, r.URL.Path)}
}

func (openai) notAllowed(r *http.Request) *problem {
	return &problem{status: 405, typ: "invalid_request_error", code: "method_not_supported", bare: true,
		message: fmt.Sprintf("Not allowed to %s on %s. (HINT: Perhaps you meant to use a different HTTP method?)", r.Method, r.URL.Path)}
}

func (openai) badKey() *problem {
	return &problem{status: 401, typ: "invalid_request_error", code: "invalid_api_key", bare: true, message: "Incorrect API key provided."}
}

func (openai) tooLarge() *problem {
	return &problem{status: 413, typ: "invalid_request_error", message: "Request body is too large.", bare: true}
}

// openaiGates are what OpenAI calls the limits.
var openaiGates = map[gate]struct{ typ, name string }{
	requestsMinute: {"requests", "requests per min (RPM)"},
	tokensMinute:   {"tokens", "tokens per min (TPM)"},
	requestsDay:    {"requests", "requests per day (RPD)"},
	tokensDay:      {"tokens", "tokens per day (TPD)"},
}

func (openai) limited(c *Call, r *refusal) *problem {
	gate := openaiGates[r.gate]
	p := &problem{status: 429, typ: gate.typ, code: "rate_limit_exceeded", wait: r.wait}
	where := fmt.Sprintf("for %s in organization org-llmsim on %s", c.Model, gate.name)
	if r.never {
		p.wait = 0
		p.message = fmt.Sprintf("Request too large %s: Limit %d, Requested %d. The input or output tokens must be reduced in order to run successfully. Visit https://platform.openai.com/account/rate-limits to learn more.",
			where, r.level.limit, r.need)
		return p
	}
	used := r.level.limit - int64(math.Floor(r.level.shown()))
	p.message = fmt.Sprintf("Rate limit reached %s: Limit %d, Used %d, Requested %d. Please try again in %s. Visit https://platform.openai.com/account/rate-limits to learn more.",
		where, r.level.limit, used, r.need, milliseconds(r.wait))
	return p
}

func (d openai) faulty(c *Call, f Fault, context int) *problem {
	switch f {
	case RateLimited:
		return &problem{status: 429, typ: "tokens", code: "rate_limit_exceeded", message: "Rate limit reached. Please try again later."}
	case RateLimitedBlind:
		return &problem{status: 429, typ: "rate_limit_error", code: "slow_down", message: "Your requests grew too fast. Please slow down."}
	case Overloaded:
		return &problem{status: 503, typ: "server_error", code: "server_is_overloaded", message: "The engine is currently overloaded, please try again later."}
	case CreditExhausted:
		return &problem{status: 429, typ: "insufficient_quota", code: "insufficient_quota", message: "You exceeded your current quota, please check your plan and billing details."}
	case SpendLimit:
		return &problem{status: 429, typ: "insufficient_quota", code: "organization_spend_limit_exceeded", message: "Your organization has reached its spend limit."}
	case KeyRefused:
		return d.badKey()
	case TooLong:
		return &problem{status: 400, typ: "invalid_request_error", param: "messages", code: "context_length_exceeded", message: fmt.Sprintf(
			"This model's maximum context length is %d tokens. However, your messages resulted in %d tokens. Please reduce the length of the messages.", longest(c, context), c.InputTokens)}
	}
	return &problem{status: 500, typ: "server_error", message: "The server had an error while processing your request. Sorry about that!"}
}
