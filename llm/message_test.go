package llm_test

import (
	"testing"

	"github.com/pawlhq/pawl/llm"
)

func TestWhatAMessageHolds(t *testing.T) {
	for _, test := range []struct {
		raw    string
		chars  int
		result bool
	}{
		{`{"role":"user","content":"hello"}`, 5, false},
		{`{"role":"user","content":[{"type":"text","text":"hello"},{"type":"text","text":" you"}]}`, 9, false},
		{`{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"42"}]}`, 2, true},
		{`{"role":"user","content":[{"type":"text","text":"so:"},{"type":"mcp_tool_result","tool_use_id":"t","content":[]}]}`, 3, true},
		{`{"role":"tool","tool_call_id":"t","content":"42"}`, 2, true},
		{`{"role":"function","name":"f","content":"42"}`, 3, true},
		{`{"role":"assistant","content":null,"tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"}}]}`, 3, false},
	} {
		m, err := llm.ParseMessage([]byte(test.raw))
		if err != nil {
			t.Fatal(err)
		}
		if m.Chars() != test.chars || m.HasToolResult() != test.result {
			t.Errorf("%s: Chars = %d, HasToolResult = %v; want %d, %v", test.raw, m.Chars(), m.HasToolResult(), test.chars, test.result)
		}
	}
	if m := (llm.Message{}); m.Chars() != 0 || m.HasToolResult() {
		t.Errorf("the zero Message has %d characters; want none", m.Chars())
	}
}
