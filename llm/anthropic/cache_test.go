package anthropic_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
)

const cacheMark = `"cache_control":{"type":"ephemeral"}`

func message(t *testing.T, raw string) llm.Message {
	t.Helper()
	m, err := llm.ParseMessage([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMarks(t *testing.T) {
	long := strings.Repeat("<words> ", 400)
	talk := []llm.Message{
		llm.Text("user", long),
		message(t, `{"role":"assistant","content":[{"type":"text","text":"well"},{"type":"thinking","thinking":"hm","signature":"s"}]}`),
		message(t, `{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"42"}],"own":true}`),
		message(t, `{"role":"assistant","content":[{"type":"redacted_thinking","data":"x"},{"type":"text","text":""}]}`),
		llm.Text("user", "go on"),
	}
	want := []string{ // what each message is when it is marked
		`{"role":"user","content":[{"type":"text","text":"` + long + `",` + cacheMark + `}]}`,
		`{"role":"assistant","content":[{"type":"text","text":"well",` + cacheMark + `},{"type":"thinking","thinking":"hm","signature":"s"}]}`,
		`{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"42",` + cacheMark + `}],"own":true}`,
		string(talk[3].JSON()), // nothing in it can be marked
		`{"role":"user","content":[{"type":"text","text":"go on",` + cacheMark + `}]}`,
	}
	for i := range talk {
		var all []string
		for j, m := range talk {
			if i == j {
				all = append(all, want[i])
			} else {
				all = append(all, string(m.JSON()))
			}
		}
		body, err := anthropic.API{}.Encode("m", llm.Request{Messages: talk, Shared: []int{i + 1}})
		if wanted := `"messages":[` + strings.Join(all, ",") + `]`; err != nil || !strings.Contains(string(body), wanted) {
			t.Errorf("marked after %d messages: %s, %v; want %s", i+1, body, err, wanted)
		}
		if size := (anthropic.API{}).Measure(body); size != (anthropic.API{}).Measure(must(anthropic.API{}.Encode("m", llm.Request{Messages: talk}))) {
			t.Errorf("Measure = %+v; want what it is without the mark", size)
		}
	}
	for _, m := range talk {
		if strings.Contains(string(m.JSON()), "cache_control") {
			t.Errorf("the caller's message became %s", m.JSON())
		}
	}
}

func must(b json.RawMessage, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// The API takes four marks; what is too short to be kept gets none, and what the
// caller has marked is left alone.
func TestHowManyMarks(t *testing.T) {
	long := strings.Repeat("words ", 400)
	talk := []llm.Message{llm.Text("user", long), llm.Text("assistant", "1"), llm.Text("user", "2"), llm.Text("assistant", "3"), llm.Text("user", "4")}
	short := []llm.Message{llm.Text("user", "hi")}
	own := message(t, fmt.Sprintf(`{"role":"user","content":[{"type":"text","text":"x",%s}]}`, cacheMark))
	tests := []struct {
		name string
		req  llm.Request
		want int
	}{
		{"no others share it", llm.Request{System: long, Messages: talk}, 0},
		{"everything", llm.Request{System: long, Messages: talk, Shared: []int{5, 3, 1, 2, 4, 5}}, 4},
		{"a short system prompt", llm.Request{System: "short", Messages: talk, Shared: []int{5}}, 1},
		{"all short", llm.Request{Messages: short, Shared: []int{1}}, 0},
		{"a long system prompt", llm.Request{System: long, Messages: short, Shared: []int{1}}, 2},
		{"ends that are none", llm.Request{Messages: talk, Shared: []int{0, -1, 6}}, 0},
		{"marks of the caller's in a message", llm.Request{System: long, Messages: append(talk, own), Shared: []int{5}}, 1},
		{"marks of the caller's in a field", llm.Request{Messages: talk, Shared: []int{5}, Extra: map[string]json.RawMessage{"system": json.RawMessage(`[{"type":"text","text":"s",` + cacheMark + `}]`)}}, 1},
	}
	for _, test := range tests {
		body, err := anthropic.API{}.Encode("m", test.req)
		if got := strings.Count(string(body), "cache_control"); err != nil || got != test.want {
			t.Errorf("%s: %d marks, %v; want %d", test.name, got, err, test.want)
		}
	}
}
