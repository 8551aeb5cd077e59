package llm_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/pawlhq/pawl/llm"
)

// Messages are written as the standard library would write them, only faster.
func FuzzComposedMessages(f *testing.F) {
	for _, raw := range []string{
		`{"role":"user","content":"hello"}`,
		" {\n\t\"role\" : \"user\" , \"content\": [ {\"type\":\"text\",\"text\":\" a  \\\"b\\\\\" } , 1.50 , null ] }\r\n",
		`{"role":"a","content":"\\\\\\\"","x":"\u2028<&>"}`, `{"role":"a\"","":""}`,
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := llm.ParseMessage(raw)
		if err != nil {
			return
		}
		var want bytes.Buffer
		want.WriteString(`{"messages":[`)
		for i := range 2 {
			if i > 0 {
				want.WriteByte(',')
			}
			if err := json.Compact(&want, raw); err != nil {
				t.Fatal(err)
			}
		}
		want.WriteString(`]}`)
		got, err := llm.Compose([]llm.Field{{Name: "messages", Value: []llm.Message{m, m}}}, nil)
		if err != nil || string(got) != want.String() {
			t.Errorf("Compose = %s, %v; want %s", got, err, &want)
		}
	})
}
