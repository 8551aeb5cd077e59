package llmsim_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/pawlhq/pawl/llmsim"
)

// Whatever is asked, the answer is JSON of a known status, and the bill adds
// up.
func FuzzRequest(f *testing.F) {
	f.Add(anthropic.body(ask{}), uint8(0))
	f.Add(openai.body(ask{text: "Extract two points.\n\n" + prose}), uint8(1))
	f.Add(anthropic.body(ask{text: "Summarize in two paragraphs.\n\n1. One (1).\n2. Two, which is two; and more."}), uint8(0))
	f.Add(`{"model":"m","max_tokens":1e9,"system":[{"type":"text","text":"x"}],"messages":[{"role":"user","content":[{"type":"image"}]}]}`, uint8(0))
	f.Add(`{"model":"m","messages":[{"role":"user","content":null}],"max_tokens":-1}`, uint8(1))
	f.Add(`{"messages":[[]]}`, uint8(1))
	f.Add(`{"model":"m","max_tokens":9,"tools":[7,{"name":"f","cache_control":{}}],"system":[{"type":"text","text":"`+strings.Repeat("a b\\n", 900)+
		`"},{"type":"text","text":"\n","cache_control":null}],"messages":[{"role":"user","content":[{"type":"text","text":"\nx","cache_control":{"type":"ephemeral"}}]}]}`, uint8(0))
	f.Add(`{"model":"m","input":["The wheel turns.","!"],"encoding_format":"base64","dimensions":3}`, uint8(2))
	f.Add(`{"model":"m","input":[[1,2],"x"]}`, uint8(2))
	s := llmsim.New(llmsim.Config{Log: 1})
	f.Fuzz(func(t *testing.T, body string, which uint8) {
		a := []api{anthropic, openai, embeddings}[which%3]
		r := do(s.Client(), a.request(context.Background(), "http://sim", body, llmsim.None))
		if r.err != nil {
			t.Fatalf("the call failed: %v", r.err)
		}
		if r.StatusCode != http.StatusOK && r.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d; want 200 or 400", r.StatusCode)
		}
		if r.Header.Get("Content-Type") == "application/json" && !json.Valid(r.body) {
			t.Errorf("the body is not JSON: %s", r.body)
		}
		if u := s.Stats().Billed; u.Input < 0 || u.CacheRead < 0 || u.CacheWrite < 0 {
			t.Errorf("Billed = %+v; want nothing negative", u)
		}
		if st := s.Stats(); st.Open != 0 || st.Requests != st.Answered+st.Invalid {
			t.Errorf("Stats = %+v; want all answered or invalid", st)
		}
	})
}
