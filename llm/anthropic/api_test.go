package anthropic_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
)

func TestLimits(t *testing.T) {
	reset := time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)
	tests := []struct {
		name   string
		header http.Header
		want   llm.Limits
	}{
		{"none", nil, llm.Limits{}},
		{"a 429, as recorded", head(
			"Anthropic-Ratelimit-Input-Tokens-Limit", "30000", "Anthropic-Ratelimit-Input-Tokens-Remaining", "0",
			"Anthropic-Ratelimit-Requests-Limit", "50", "Anthropic-Ratelimit-Requests-Remaining", "48",
			"Retry-After", "505", "X-Should-Retry", "true",
		), llm.Limits{Requests: llm.Level{Limit: 50, Remaining: 48, Known: true}, InputTokens: llm.Level{Limit: 30000, Known: true}}},
		{"all four", head(
			"anthropic-ratelimit-requests-limit", "50", "anthropic-ratelimit-requests-remaining", "50", "anthropic-ratelimit-requests-reset", "2026-03-01T12:00:30Z",
			"anthropic-ratelimit-tokens-limit", "38000", "anthropic-ratelimit-tokens-remaining", "37000", "anthropic-ratelimit-tokens-reset", "2026-03-01T13:00:30+01:00",
			"anthropic-ratelimit-input-tokens-limit", "30000", "anthropic-ratelimit-input-tokens-remaining", "29000",
			"anthropic-ratelimit-output-tokens-limit", "8000", "anthropic-ratelimit-output-tokens-remaining", "8000",
		), llm.Limits{
			Requests:     llm.Level{Limit: 50, Remaining: 50, Reset: reset, Known: true},
			Tokens:       llm.Level{Limit: 38000, Remaining: 37000, Reset: reset, Known: true},
			InputTokens:  llm.Level{Limit: 30000, Remaining: 29000, Known: true},
			OutputTokens: llm.Level{Limit: 8000, Remaining: 8000, Known: true},
		}},
		{"a reset that is no time", head(
			"Anthropic-Ratelimit-Requests-Limit", "5", "Anthropic-Ratelimit-Requests-Remaining", "1", "Anthropic-Ratelimit-Requests-Reset", "soon",
		), llm.Limits{Requests: llm.Level{Limit: 5, Remaining: 1, Known: true}}},
		{"a reset in the past", head(
			"Anthropic-Ratelimit-Tokens-Limit", "1000", "Anthropic-Ratelimit-Tokens-Remaining", "1000", "Anthropic-Ratelimit-Tokens-Reset", "2026-03-01T11:59:59Z",
		), llm.Limits{Tokens: llm.Level{Limit: 1000, Remaining: 1000, Reset: now.Add(-time.Second), Known: true}}},
		{"rounded to more than the limit", head(
			"Anthropic-Ratelimit-Tokens-Limit", "1500", "Anthropic-Ratelimit-Tokens-Remaining", "2000",
		), llm.Limits{Tokens: llm.Level{Limit: 1500, Remaining: 2000, Known: true}}},
		{"what remains is no number", head("Anthropic-Ratelimit-Tokens-Limit", "1500", "Anthropic-Ratelimit-Tokens-Remaining", "1e3"), llm.Limits{Tokens: llm.Level{Limit: 1500}}},
		{"what remains of no limit", head("Anthropic-Ratelimit-Tokens-Remaining", "1000", "Anthropic-Ratelimit-Tokens-Reset", "2026-03-01T12:00:30Z"), llm.Limits{}},
		{"a limit with commas", head("Anthropic-Ratelimit-Requests-Limit", "1,000", "Anthropic-Ratelimit-Requests-Remaining", "1"), llm.Limits{}},
		{"a limit without what remains", head("Anthropic-Ratelimit-Requests-Limit", "5"), llm.Limits{Requests: llm.Level{Limit: 5}}},
		{"garbage", head("Anthropic-Ratelimit-Requests-Limit", "many", "Anthropic-Ratelimit-Requests-Remaining", "1"), llm.Limits{}},
		{"a negative limit", head("Anthropic-Ratelimit-Tokens-Limit", "-1", "Anthropic-Ratelimit-Tokens-Remaining", "1"), llm.Limits{}},
	}
	for _, test := range tests {
		got := anthropic.API{}.Limits(test.header, now)
		for _, l := range []*llm.Level{&got.Requests, &got.Tokens, &got.InputTokens, &got.OutputTokens} {
			if !l.Reset.IsZero() {
				l.Reset = l.Reset.UTC()
			}
		}
		if got != test.want {
			t.Errorf("%s: Limits = %+v; want %+v", test.name, got, test.want)
		}
	}
}

func TestEncode(t *testing.T) {
	message := func(s string) llm.Message {
		m, err := llm.ParseMessage([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := anthropic.New(anthropic.Config{Model: "m", Extra: map[string]json.RawMessage{"temperature": json.RawMessage("1"), "top_k": json.RawMessage("2")}})
	tests := []struct {
		name string
		req  llm.Request
		want string
	}{
		{"defaults", llm.Request{Messages: []llm.Message{llm.Text("user", "a < b & c")}},
			`{"model":"m","max_tokens":4096,"messages":[{"role":"user","content":"a < b & c"}],"temperature":1,"top_k":2}`},
		{"unknown fields are kept and spaces are not", llm.Request{
			System: "be brief", MaxTokens: 7,
			Messages: []llm.Message{message(`{ "role": "user", "novel": {"z": 1, "a": 2}, "content": [ {"type":"text","text":"hi","cache_control":{"type":"ephemeral"}} ] }`)},
			Extra:    map[string]json.RawMessage{"top_k": json.RawMessage(` 5 `), "beta": json.RawMessage(`{ "x": [1, 2] }`)},
		}, `{"model":"m","max_tokens":7,"system":"be brief","messages":[{"role":"user","novel":{"z":1,"a":2},` +
			`"content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}],"beta":{"x":[1,2]},"temperature":1,"top_k":5}`},
		{"a field of the caller's own replaces ours", llm.Request{
			Messages: []llm.Message{llm.Text("user", "hi")},
			Extra:    map[string]json.RawMessage{"max_tokens": json.RawMessage("9"), "model": json.RawMessage(`"n"`)},
		}, `{"model":"n","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"temperature":1,"top_k":2}`},
	}
	for _, test := range tests {
		for range 20 { // maps are walked in another order each time
			got, err := m.Encode(test.req)
			if err != nil || string(got) != test.want {
				t.Fatalf("%s: Encode = %s, %v; want %s", test.name, got, err, test.want)
			}
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
		{"m", llm.Request{}, "no messages"},
		{"", llm.Request{Messages: hi}, "no model"},
		{"m", llm.Request{Messages: []llm.Message{{}}}, "zero Message"},
		{"m", llm.Request{Messages: hi, MaxTokens: -1}, "MaxTokens is -1"},
		{"m", llm.Request{Messages: hi, Extra: map[string]json.RawMessage{"stream": json.RawMessage("true")}}, `"stream"`},
		{"m", llm.Request{Messages: hi, Extra: map[string]json.RawMessage{"x": json.RawMessage("{")}}, `"x"`},
		{"m", llm.Request{Messages: hi, Extra: map[string]json.RawMessage{"x": nil}}, `"x" is empty`},
	}
	for _, test := range tests {
		got, err := anthropic.New(anthropic.Config{Model: test.model}).Encode(test.req)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Encode(%+v) = %s, %v; want an error with %s", test.req, got, err, test.want)
		}
	}
}

func TestDecode(t *testing.T) {
	const answer = `{"id":"msg_1","type":"message","role":"assistant","model":"m-1","content":[{"type":"thinking","thinking":"hm","signature":"s"},` +
		`{"type":"text","text":"Hello","novel":1},{"type":"tool_use","id":"t","name":"f","input":{"z":1,"a":2}}],"stop_reason":"tool_use","stop_sequence":null,` +
		`"usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,"output_tokens":40},"novel":true}`
	r, err := anthropic.API{}.Decode([]byte(answer))
	if err != nil {
		t.Fatal(err)
	}
	if want := (llm.Usage{Input: 10, Output: 40, CacheRead: 30, CacheWrite: 20}); r.Usage != want || r.ID != "msg_1" || r.Model != "m-1" || r.StopReason != "tool_use" {
		t.Errorf("Decode = %+v; want usage %+v", r, want)
	}
	if r.Text() != "Hello" || string(r.JSON) != answer {
		t.Errorf("Text = %q, JSON = %s; want Hello and the body as it came", r.Text(), r.JSON)
	}
	body, err := anthropic.API{}.Encode("m", llm.Request{Messages: []llm.Message{llm.Text("user", "hi"), r.Message}})
	if want := `{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"Hello","novel":1},` +
		`{"type":"tool_use","id":"t","name":"f","input":{"z":1,"a":2}}]}]}`; err != nil || !strings.HasSuffix(string(body), want) {
		t.Errorf("Encode = %s, %v; want it to end with %s", body, err, want)
	}
}

func TestDecodeRefusalIsAnAnswer(t *testing.T) {
	r, err := anthropic.API{}.Decode([]byte(`{"id":"m","role":"assistant","content":[],"stop_reason":"refusal","usage":{"output_tokens":1}}`))
	if err != nil || r.StopReason != "refusal" || r.Usage.Output != 1 {
		t.Errorf("Decode = %+v, %v; want a refusal", r, err)
	}
}

func TestDecodeOfNoMessageIsAmbiguous(t *testing.T) {
	for _, body := range []string{
		"", "null", "[]", "{}", "<html>", `{"content":"x"}`, `{"role":"assistant","content":"text"}`, `{"role":1}`,
		`{"role":"assistant","content":[`, `{"type":"error","error":{"type":"api_error","message":"x"}}`, `{"error":"x"}`,
	} {
		r, err := anthropic.API{}.Decode([]byte(body))
		var e *llm.Error
		if !errors.As(err, &e) || e.Class != llm.Ambiguous || e.API != "anthropic" {
			t.Errorf("Decode(%s) = %v, %v; want an ambiguous *llm.Error", body, r, err)
		}
	}
}

func TestMeasure(t *testing.T) {
	image := strings.Repeat("A", 1_000_000)
	tests := []struct {
		name, body string
		want       llm.Size
	}{
		{"text", `{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}`, llm.Size{Chars: 5, MaxTokens: 100, Model: "m"}},
		{"a model's name with escapes", `{"model": "a\u002fb\"c" ,"max_tokens":1}`, llm.Size{MaxTokens: 1, Model: `a/b"c`}},
		{"a model that is no text", `{"model":{"id":"m"},"max_tokens":1}`, llm.Size{MaxTokens: 1}},
		{"a model below the top", `{"messages":[{"model":"m","content":"x"}]}`, llm.Size{Chars: 2}},
		{"no JSON names no model", `{"model":"m"`, llm.Size{Chars: 12}},
		{"blocks and system", `{"system":[{"type":"text","text":"abc","cache_control":{"type":"ephemeral","ttl":"5m"}}],
			"messages":[{"role":"user","content":[{"type":"text","text":"de\nf"}]}]}`, llm.Size{Chars: 7}},
		{"a tool's use counts its names, a schema everything", `{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"ab","input":{"cd":"ef"}}]}],
			"tools":[{"name":"g","type":"h"}]}`, llm.Size{Chars: 2 + 2 + 2 + 4 + 1 + 4 + 1}},
		{"an image is not text", `{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + image + `"}}]}]}`, llm.Size{Chars: 6400}},
		{"metadata is not read by the model", `{"metadata":{"user_id":"somebody"},"stop_sequences":["x"],"messages":[]}`, llm.Size{}},
		{"max_tokens that is no number", `{"max_tokens":"7","messages":[]}`, llm.Size{}},
		{"max_tokens out of range", `{"max_tokens":1e300}`, llm.Size{MaxTokens: 1 << 30}},
		{"escapes", `{"system":"\u00e9\"\\"}`, llm.Size{Chars: 4}},
		{"no JSON counts in full", `{"messages":[`, llm.Size{Chars: 13}},
		{"a cut escape", `{"max_tokens":"\u`, llm.Size{Chars: 17}},
		{"nested without end", strings.Repeat("[", 5000), llm.Size{Chars: 5000}},
		{"nested within a field", `{"a":` + strings.Repeat("[", 5000), llm.Size{Chars: 5005}},
	}
	for _, test := range tests {
		if got := (anthropic.API{}).Measure([]byte(test.body)); got != test.want {
			t.Errorf("%s: Measure = %+v; want %+v", test.name, got, test.want)
		}
	}
}

func TestPath(t *testing.T) {
	for path, want := range map[string]bool{
		"/v1/messages": true, "/proxy/v1/messages": true, "/v1/messages/count_tokens": false, "/v1/messages/batches": false, "/v1/models": false,
	} {
		if got := (anthropic.API{}).Path(path); got != want {
			t.Errorf("Path(%s) = %v; want %v", path, got, want)
		}
	}
}

// The same request must give the same bytes after a trip through a store,
// which may space and order an object's fields in its own way.
func TestEncodeIsStable(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		extra := map[string]json.RawMessage{}
		for range r.IntN(6) {
			extra[string(rune('a'+r.IntN(26)))] = json.RawMessage(`{"k" : [1,  "<>&"]}`)
		}
		req := llm.Request{Messages: []llm.Message{llm.Text("user", "hi")}, Extra: extra}
		first, err := anthropic.API{}.Encode("m", req)
		if err != nil {
			t.Fatal(err)
		}
		stored := map[string]json.RawMessage{}
		for name := range extra {
			stored[name] = json.RawMessage(`{"k":[1,"<>&"]}`)
		}
		req.Extra = stored
		if second, err := (anthropic.API{}).Encode("m", req); err != nil || string(second) != string(first) {
			t.Fatalf("seed %d: Encode = %s, %v; want %s", seed, second, err, first)
		}
	}
}
