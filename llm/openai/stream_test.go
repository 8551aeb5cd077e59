package openai_test

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/openai"
)

const start = `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","service_tier":"default","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"aaa"}

`

// stream has two choices, text, reasoning, parallel tool calls, a field of a
// new kind and the chunk with the usage.
const stream = `data: {"choices":[],"prompt_filter_results":[{"prompt_index":0}]}

` + start + `: a comment

data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{"content":"Grüße \u0026 "},"finish_reason":null}],"usage":null}

data: {"id":"c1","model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":"<b>","reasoning_content":"Let me "},"logprobs":{"content":[{"token":"a"}]}}]}

data: {"id":"c1","choices":[{"index":1,"delta":{"content":"two"}},{"index":0,"delta":{"reasoning_content":"think","novel":{"words":["a"],"n":1}},"logprobs":{"content":[{"token":"b"}]}}]}

data: {"id":"c1","choices":[{"index":0,"delta":{"novel":{"words":["b"],"n":2},"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}}]}

data: {"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"g","arguments":"{\"x"}}]}}]}

data: {"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}},{"index":1,"id":"","function":{"arguments":"\":1}"}}]}}]}

data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"},{"index":1,"delta":{},"finish_reason":"stop"}]}

data: {"id":"c1","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":40,"total_tokens":140,"prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":10}}}

data: [DONE]

`

const unstreamed = `{"id":"c1","object":"chat.completion","created":1,"model":"m-1","service_tier":"default","prompt_filter_results":[{"prompt_index":0}],"choices":[
	{"index":0,"finish_reason":"tool_calls","logprobs":{"content":[{"token":"a"},{"token":"b"}]},"message":{"role":"assistant","content":"Grüße & <b>","refusal":null,
	"reasoning_content":"Let me think","novel":{"words":["a","b"],"n":2},"tool_calls":[
	{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"call_2","type":"function","function":{"name":"g","arguments":"{\"x\":1}"}}]}},
	{"index":1,"finish_reason":"stop","message":{"role":"assistant","content":"two"}}],
	"usage":{"prompt_tokens":100,"completion_tokens":40,"total_tokens":140,"prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":10}}}`

func TestStreamEqualsUnstreamed(t *testing.T) {
	want, err := openai.API{}.Decode([]byte(unstreamed))
	if err != nil {
		t.Fatal(err)
	}
	if usage := (llm.Usage{Input: 30, Output: 40, CacheRead: 60, CacheWrite: 10}); want.Usage != usage {
		t.Errorf("Usage = %+v; want %+v", want.Usage, usage)
	}
	for name, s := range map[string]io.Reader{
		"as it is":           strings.NewReader(stream),
		"byte by byte":       iotest.OneByteReader(strings.NewReader(stream)),
		"with CRLF":          strings.NewReader(strings.ReplaceAll(stream, "\n", "\r\n")),
		"without its end":    strings.NewReader(strings.TrimRight(stream, "\n")),
		"without [DONE]":     strings.NewReader(strings.ReplaceAll(stream, "data: [DONE]", "")),
		"with more after it": strings.NewReader(stream + "data: junk\n\n"),
	} {
		got, err := openai.API{}.DecodeStream(s)
		if err != nil {
			t.Errorf("%s: DecodeStream = %v", name, err)
			continue
		}
		if !sameJSON(t, got.JSON, want.JSON) || !sameJSON(t, got.Message.JSON(), want.Message.JSON()) {
			t.Errorf("%s: DecodeStream = %s; want %s", name, got.JSON, want.JSON)
		}
		if got.Usage != want.Usage || got.ID != want.ID || got.Model != want.Model || got.StopReason != want.StopReason || got.Text() != want.Text() {
			t.Errorf("%s: DecodeStream = %+v; want %+v", name, got, want)
		}
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

// From the moment when every choice has ended the answer is whole; what may be
// missing then is the usage.
func TestCutStream(t *testing.T) {
	const last = `"index":1,"delta":{},"finish_reason":"stop"}]}`
	end := strings.Index(stream, last) + len(last)
	for i := range end {
		_, err := openai.API{}.DecodeStream(strings.NewReader(stream[:i]))
		var e *llm.Error
		if !errors.As(err, &e) || e.Class != llm.Ambiguous {
			t.Fatalf("DecodeStream of the first %d bytes = %v; want an ambiguous *llm.Error", i, err)
		}
	}
	r, err := openai.API{}.DecodeStream(strings.NewReader(stream[:end]))
	if err != nil || r.Usage != (llm.Usage{}) || r.Text() != "Grüße & <b>" {
		t.Errorf("DecodeStream without usage = %+v, %v; want the whole answer", r, err)
	}
}

func TestStreamThatCannotBeRead(t *testing.T) {
	broken := errors.New("reset by peer")
	for _, i := range []int{0, len(stream) / 2, strings.Index(stream, "data: [DONE]")} {
		r := io.MultiReader(strings.NewReader(stream[:i]), iotest.ErrReader(broken))
		_, err := openai.API{}.DecodeStream(r)
		var e *llm.Error
		if !errors.As(err, &e) || e.Class != llm.Ambiguous || !errors.Is(err, broken) {
			t.Errorf("DecodeStream = %v; want an ambiguous *llm.Error that wraps the cause", err)
		}
	}
}

func TestStreamOfNoChunks(t *testing.T) {
	for _, s := range []string{"data: [DONE]", "data: 7", `data: {"choices":7}`, `data: {"choices":[{"index":0,"delta":7}]}`, "data: {", "data: null"} {
		_, err := openai.API{}.DecodeStream(strings.NewReader(s + "\n\ndata: [DONE]\n\n"))
		var e *llm.Error
		if !errors.As(err, &e) || e.Class != llm.Ambiguous {
			t.Errorf("DecodeStream(%s) = %v; want an ambiguous *llm.Error", s, err)
		}
	}
}
