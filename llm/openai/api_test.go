package openai_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/openai"
)

func TestLimits(t *testing.T) {
	level := func(reset string) http.Header {
		return head("X-Ratelimit-Limit-Requests", "60", "X-Ratelimit-Remaining-Requests", "59", "X-Ratelimit-Reset-Requests", reset)
	}
	known := func(d time.Duration) llm.Limits {
		return llm.Limits{Requests: llm.Level{Limit: 60, Remaining: 59, Reset: now.Add(d), Known: true}}
	}
	unknown := llm.Limits{Requests: llm.Level{Limit: 60, Remaining: 59, Known: true}}
	tests := []struct {
		name   string
		header http.Header
		want   llm.Limits
	}{
		{"none, as from a local server", nil, llm.Limits{}},
		{"a 429, as recorded", recorded(), llm.Limits{
			Tokens:   llm.Level{Limit: 30000, Remaining: 554, Reset: now.Add(58891 * time.Millisecond), Known: true},
			Requests: llm.Level{Limit: 500, Remaining: 499, Reset: now.Add(120 * time.Millisecond), Known: true},
		}},
		{"milliseconds", level("120ms"), known(120 * time.Millisecond)},
		{"seconds", level("58.891s"), known(58891 * time.Millisecond)},
		{"minutes", level("6m0s"), llm.Limits{RequestsPerDay: llm.Level{Limit: 60, Remaining: 59, Reset: now.Add(6 * time.Minute), Known: true}}},
		{"hours", level("8h24m0s"), known(8*time.Hour + 24*time.Minute)},
		{"days", level("1d2h"), known(26 * time.Hour)},
		{"a plain number", level("30"), known(30 * time.Second)},
		{"nothing", level(""), unknown},
		{"garbage", level("soon"), unknown},
		{"negative", level("-5s"), unknown},
		{"beyond all bounds", level("99999999999999999999"), known(llm.LongestWait)},
		{"a reset that is over", level("0s"), known(0)},
		{"a number that is none", head("X-Ratelimit-Limit-Requests", "60/min", "X-Ratelimit-Remaining-Requests", "59"), llm.Limits{}},
		{"a fraction remains", head("X-Ratelimit-Limit-Requests", "60", "X-Ratelimit-Remaining-Requests", "59.5"), llm.Limits{Requests: llm.Level{Limit: 60}}},
		{"in debt", head("X-Ratelimit-Limit-Tokens", "5", "X-Ratelimit-Remaining-Tokens", "-3"), llm.Limits{Tokens: llm.Level{Limit: 5, Remaining: -3, Known: true}}},
		{"no remaining", head("X-Ratelimit-Limit-Tokens", "5"), llm.Limits{Tokens: llm.Level{Limit: 5}}},
		{"no limit", head("X-Ratelimit-Remaining-Tokens", "5"), llm.Limits{}},
		{"a negative limit", head("X-Ratelimit-Limit-Tokens", "-1", "X-Ratelimit-Remaining-Tokens", "-1"), llm.Limits{}},
	}
	for _, test := range tests {
		if got := (openai.API{}).Limits(test.header, now); got != test.want {
			t.Errorf("%s: Limits = %+v; want %+v", test.name, got, test.want)
		}
	}
}

// Which of two limits the headers show is not said, so that 14,400 requests a
// day must not be taken for 14,400 a minute.
func TestLimitOfADay(t *testing.T) {
	tests := []struct {
		limit, remaining, reset string
		want                    bool
	}{
		{"14400", "14370", "2m59.56s", true}, // a minute's 30 would take 125ms
		{"200", "0", "24h0m0s", true},
		{"200", "199", "7m12s", true},
		{"500", "0", "1m0s", false},
		{"500", "499", "120ms", false},
		{"500", "0", "505s", false},         // a minute's, in debt
		{"10000", "9999", "1s", false},      // rounded up from 6ms
		{"150000", "149984", "6m0s", false}, // a month would not be enough
		{"200", "200", "7m12s", false},      // nothing was used
		{"200", "201", "7m12s", false},      // nor here
		{"0", "0", "7m12s", false},          // nothing is allowed
		{"200", "199", "", false},           // nothing is said
		{"200", "-9223372036854775808", "1s", false},
	}
	for _, test := range tests {
		got := openai.API{}.Limits(head("X-Ratelimit-Limit-Requests", test.limit,
			"X-Ratelimit-Remaining-Requests", test.remaining, "X-Ratelimit-Reset-Requests", test.reset,
			"X-Ratelimit-Limit-Tokens", test.limit,
			"X-Ratelimit-Remaining-Tokens", test.remaining, "X-Ratelimit-Reset-Tokens", test.reset), now)
		if got.RequestsPerDay.Known != test.want || got.Requests.Known == test.want || got.TokensPerDay.Known != test.want || got.Tokens.Known == test.want {
			t.Errorf("%s of %s, reset %s: Limits = %+v; want a day's: %v", test.remaining, test.limit, test.reset, got, test.want)
		}
	}
}

func TestEncode(t *testing.T) {
	kept, err := llm.ParseMessage([]byte(`{"role":"assistant","content":null,"tool_calls":[{"id":"c","novel":1}],"refusal":null}`))
	if err != nil {
		t.Fatal(err)
	}
	hi := []llm.Message{llm.Text("user", "<hi>")}
	tests := []struct {
		name string
		cfg  openai.Config
		req  llm.Request
		want string
	}{
		{"least", openai.Config{Model: "m"}, llm.Request{Messages: hi}, `{"model":"m","messages":[{"role":"user","content":"<hi>"}]}`},
		{"system and extra", openai.Config{Model: "m", MaxTokens: 5, Extra: map[string]json.RawMessage{"seed": json.RawMessage("1")}},
			llm.Request{System: "be brief", Messages: append(hi, kept), Extra: map[string]json.RawMessage{"seed": json.RawMessage("2"), "a": json.RawMessage("[ ]")}},
			`{"model":"m","max_completion_tokens":5,"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"<hi>"},` +
				`{"role":"assistant","content":null,"tool_calls":[{"id":"c","novel":1}],"refusal":null}],"a":[],"seed":2}`},
		{"other servers", openai.Config{Model: "m", LegacyMaxTokens: true}, llm.Request{MaxTokens: 9, Messages: hi},
			`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"<hi>"}]}`},
		{"thread", openai.Config{Model: "m"}, llm.Request{Thread: "t", Shared: []int{1}, Messages: hi},
			`{"model":"m","prompt_cache_key":"t","messages":[{"role":"user","content":"<hi>"}]}`},
		{"thread, at another server", openai.Config{Model: "m", BaseURL: "http://other"}, llm.Request{Thread: "t", Shared: []int{1}, Messages: hi},
			`{"model":"m","messages":[{"role":"user","content":"<hi>"}]}`},
	}
	for _, test := range tests {
		got, err := openai.New(test.cfg).Encode(test.req)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: Encode = %s, %v; want %s", test.name, got, err, test.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	hi := []llm.Message{llm.Text("user", "hi")}
	tests := []struct {
		model string
		req   llm.Request
		want  string
	}{
		{"m", llm.Request{System: "s"}, "no messages"},
		{"", llm.Request{Messages: hi}, "no model"},
		{"m", llm.Request{Messages: hi, Extra: map[string]json.RawMessage{"stream_options": json.RawMessage("{}")}}, `"stream_options"`},
		{"m", llm.Request{Messages: hi, Extra: map[string]json.RawMessage{"messages": json.RawMessage("[]")}}, `"messages"`},
	}
	for _, test := range tests {
		got, err := openai.New(openai.Config{Model: test.model}).Encode(test.req)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Encode(%+v) = %s, %v; want an error with %s", test.req, got, err, test.want)
		}
	}
}

func TestDecodeKeepsTheMessage(t *testing.T) {
	const message = `{"role":"assistant","content":"Hello","refusal":null,"annotations":[],"novel":{"b":1,"a":2}}`
	const answer = `{"id":"c1","object":"chat.completion","model":"m-1","choices":[{"index":0,"message":` + message + `,"finish_reason":"stop"}],` +
		`"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4}},"error":null}`
	r, err := openai.API{}.Decode([]byte(answer))
	if err != nil {
		t.Fatal(err)
	}
	if want := (llm.Usage{Input: 6, Output: 5, CacheRead: 4}); r.Usage != want || r.ID != "c1" || r.Model != "m-1" || r.StopReason != "stop" {
		t.Errorf("Decode = %+v; want usage %+v", r, want)
	}
	if string(r.Message.JSON()) != message || r.Text() != "Hello" || string(r.JSON) != answer {
		t.Errorf("Message = %s; want %s", r.Message.JSON(), message)
	}
}

func TestDecodeOfNoCompletionIsAmbiguous(t *testing.T) {
	for _, body := range []string{
		"", "null", "{}", page, `{"choices":[]}`, `{"choices":[{}]}`, `{"choices":[{"message":{"content":"x"}}]}`, `{"choices":7}`, `{"error":{"message":"x"}}`,
	} {
		r, err := openai.API{}.Decode([]byte(body))
		var e *llm.Error
		if !errors.As(err, &e) || e.Class != llm.Ambiguous || e.API != "openai" {
			t.Errorf("Decode(%s) = %v, %v; want an ambiguous *llm.Error", body, r, err)
		}
	}
	// Some gateways answer 200 and put the failure in the body.
	_, err := openai.API{}.Decode([]byte(`{"error":{"code":"insufficient_quota"}}`))
	var e *llm.Error
	if !errors.As(err, &e) || e.Class != llm.Blocked {
		t.Errorf("Decode of a billing error = %v; want it blocked", err)
	}
}

func TestUsageOutOfRange(t *testing.T) {
	for body, want := range map[string]llm.Usage{
		`{"prompt_tokens":-5,"completion_tokens":-1}`:                             {},
		`{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":9}}`:         {CacheRead: 5},
		`{"prompt_tokens":5.5,"completion_tokens":3,"prompt_tokens_details":"x"}`: {Output: 3},
		`7`: {},
		`{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":null}`:      {Input: 5, Output: 1},
		`{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":-2}}`:            {Input: 5},
		`{"prompt_tokens":5,"prompt_tokens_details":{"cache_write_tokens":7}}`:        {CacheWrite: 5},
		`{"completion_tokens":9,"completion_tokens_details":{"reasoning_tokens":4}}`:  {Output: 9, Reasoning: 4},
		`{"completion_tokens":9,"completion_tokens_details":{"reasoning_tokens":10}}`: {Output: 9, Reasoning: 9},
		`{"completion_tokens":9,"completion_tokens_details":{"reasoning_tokens":-1}}`: {Output: 9},
		`{"completion_tokens":9,"completion_tokens_details":null}`:                    {Output: 9},
		`{"input_tokens":8,"input_tokens_details":{"cached_tokens":3},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":4}}`: {
			Input: 5, CacheRead: 3, Output: 9, Reasoning: 4},
	} {
		r, err := openai.API{}.Decode([]byte(`{"choices":[{"message":{"role":"assistant"}}],"usage":` + body + `}`))
		if err != nil || r.Usage != want {
			t.Errorf("Decode of usage %s = %+v, %v; want %+v", body, r, err, want)
		}
	}
}

func TestMeasure(t *testing.T) {
	image := "data:image/png;base64," + strings.Repeat("A", 1_000_000)
	tests := []struct {
		name, body string
		want       llm.Size
	}{
		{"text", `{"model":"m","max_completion_tokens":100,"max_tokens":7,"messages":[{"role":"system","content":"abc"},{"role":"user","content":"hello"}]}`, llm.Size{Chars: 8, MaxTokens: 100, Model: "m"}},
		{"the order of the fields is no matter", `{"max_tokens":7,"max_completion_tokens":100}`, llm.Size{MaxTokens: 100}},
		{"legacy", `{"max_tokens":7,"messages":[{"content":[{"type":"text","text":"x"}]}]}`, llm.Size{Chars: 1, MaxTokens: 7}},
		{"an image is not text", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"` + image + `","detail":"high"}}]}]}`, llm.Size{Chars: 6400}},
		{"tool calls and results", `{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},
			{"role":"tool","tool_call_id":"call_1","content":"ok"}]}`, llm.Size{Chars: 5}},
		{"no JSON counts in full", `nothing`, llm.Size{Chars: 7}},
	}
	for _, test := range tests {
		if got := (openai.API{}).Measure([]byte(test.body)); got != test.want {
			t.Errorf("%s: Measure = %+v; want %+v", test.name, got, test.want)
		}
	}
}
