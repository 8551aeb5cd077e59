package anthropic_test

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
)

const start = `event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m-1","content":[],"stop_reason":null,"stop_sequence":null,"novel":{"a":1},"usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,"output_tokens":1,"service_tier":"standard"}}}

`

// stream has every kind of block and delta, a ping, an event of a new type, and
// the spacing and line ends that servers differ in.
const stream = start + `event: ping
data: {"type":"ping"}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me "}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"think."}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

: a comment
event: novel_event
data: {"type":"novel_event","index":7}

event:content_block_start
data:{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"","citations":null}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,
data:  "delta":{"type":"text_delta","text":"Grüße & \u003cb\u003e "}}

data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"\ud83d\ude00"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"x"}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"y"}}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"z\": 1, \"a"}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"\": [2]}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: content_block_start
data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_2","name":"g","input":{}}}

event: content_block_stop
data: {"type":"content_block_stop","index":3}

event: content_block_start
data: {"type":"content_block_start","index":4,"content_block":{"type":"novel_block","words":["a"],"count":1}}

event: content_block_delta
data: {"type":"content_block_delta","index":4,"delta":{"type":"novel_delta","words":["b"],"count":2}}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null,"container":{"id":"c"}},"usage":{"output_tokens":40,"cache_read_input_tokens":null},"context_management":{"applied_edits":[]}}

event: message_stop
data: {"type":"message_stop"}

`

const unstreamed = `{"id":"msg_1","type":"message","role":"assistant","model":"m-1","stop_reason":"tool_use","stop_sequence":null,"novel":{"a":1},
	"container":{"id":"c"},"context_management":{"applied_edits":[]},"content":[
	{"type":"thinking","thinking":"Let me think.","signature":"c2ln"},
	{"type":"text","text":"Grüße & <b> 😀","citations":[{"type":"char_location","cited_text":"x"},{"type":"char_location","cited_text":"y"}]},
	{"type":"tool_use","id":"toolu_1","name":"f","input":{"z":1,"a":[2]}},{"type":"tool_use","id":"toolu_2","name":"g","input":{}},
	{"type":"novel_block","words":["a","b"],"count":2}],
	"usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,"output_tokens":40,"service_tier":"standard"}}`

func TestStreamEqualsUnstreamed(t *testing.T) {
	want, err := anthropic.API{}.Decode([]byte(unstreamed))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]io.Reader{
		"as it is":            strings.NewReader(stream),
		"byte by byte":        iotest.OneByteReader(strings.NewReader(stream)),
		"with CRLF and a BOM": strings.NewReader("\ufeff" + strings.ReplaceAll(stream, "\n", "\r\n")),
		"without its end":     strings.NewReader(strings.TrimRight(stream, "\n")),
		"with more after it":  strings.NewReader(stream + "data: junk\n\n"),
	} {
		got, err := anthropic.API{}.DecodeStream(s)
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

// A tool's input keeps the order in which the model wrote it: the provider's
// cache depends on it.
func TestStreamKeepsTheToolsInput(t *testing.T) {
	r, err := anthropic.API{}.DecodeStream(strings.NewReader(stream))
	if err != nil || !strings.Contains(string(r.JSON), `"input":{"z": 1, "a": [2]}`) {
		t.Errorf("DecodeStream = %s, %v; want the input as it came", r.JSON, err)
	}
}

func TestStreamWithACutToolInput(t *testing.T) {
	s := start + `data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\": \"b"}}

data: {"type":"message_delta","delta":{"stop_reason":"max_tokens"}}

data: {"type":"message_stop"}

`
	r, err := anthropic.API{}.DecodeStream(strings.NewReader(s))
	if err != nil || !strings.Contains(string(r.JSON), `"input":{"INVALID_JSON":"{\"a\": \"b"}`) {
		t.Errorf("DecodeStream = %+v, %v; want the broken input marked as such", r, err)
	}
}

func TestCutStream(t *testing.T) {
	end := strings.Index(stream, `{"type":"message_stop"}`) + len(`{"type":"message_stop"}`)
	for i := range end {
		_, err := anthropic.API{}.DecodeStream(strings.NewReader(stream[:i]))
		var e *llm.Error
		if !errors.As(err, &e) || e.Class != llm.Ambiguous {
			t.Fatalf("DecodeStream of the first %d bytes = %v; want an ambiguous *llm.Error", i, err)
		}
	}
}

func TestStreamThatCannotBeRead(t *testing.T) {
	broken := errors.New("reset by peer")
	r := io.MultiReader(strings.NewReader(stream[:len(stream)/2]), iotest.ErrReader(broken))
	_, err := anthropic.API{}.DecodeStream(r)
	var e *llm.Error
	if !errors.As(err, &e) || e.Class != llm.Ambiguous || !errors.Is(err, broken) {
		t.Errorf("DecodeStream = %v; want an ambiguous *llm.Error that wraps the cause", err)
	}
}

func TestStreamOutOfOrder(t *testing.T) {
	for _, s := range []string{
		`data: {"type":"message_stop"}`,
		`data: {"type":"content_block_start","index":0,"content_block":{}}`,
		`data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}`,
		start + `data: {"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"x"}}`,
		start + `data: {"type":"content_block_start","index":0,"content_block":7}`,
		start + "data: {\n\n" + `data: {"type":"message_stop"}`,
		`data: {"type":"message_start","message":null}` + "\n\n" + `data: {"type":"message_stop"}`,
	} {
		_, err := anthropic.API{}.DecodeStream(strings.NewReader(s + "\n\n"))
		var e *llm.Error
		if !errors.As(err, &e) || e.Class != llm.Ambiguous {
			t.Errorf("DecodeStream(%s) = %v; want an ambiguous *llm.Error", s, err)
		}
	}
}
