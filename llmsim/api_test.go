package llmsim_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl/llmsim"
)

func TestAnswer(t *testing.T) {
	for _, a := range apis {
		s := llmsim.New(llmsim.Config{})
		got := a.read(t, a.post(s, ask{text: "The answer is forty-two."}).must(t, 200).body)
		if !strings.Contains(got.text, "forty-two") || got.input < 6 || got.output < 4 {
			t.Errorf("%s: answer = %+v; want the sentence and its tokens", a.name, got)
		}
	}
}

func TestMaxTokensEndsTheAnswer(t *testing.T) {
	stops := map[string]string{"anthropic": "max_tokens", "openai": "length"}
	for _, a := range apis {
		s := llmsim.New(llmsim.Config{Reply: func(*llmsim.Call) string { return strings.Repeat("word ", 50) }})
		got := a.read(t, a.post(s, ask{max: 7}).must(t, 200).body)
		if got.output != 7 || got.stop != stops[a.name] {
			t.Errorf("%s: answer = %+v; want 7 tokens and stop %s", a.name, got, stops[a.name])
		}
	}
}

// What a model thinks is a part of its output: it takes its time, it is billed,
// and it leaves that much less for the answer.
func TestReasoningIsOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{
			Reasoning: 30, Latency: llmsim.Latency{TokensPerSecond: 10},
			Reply: func(*llmsim.Call) string { return strings.Repeat("word ", 50) },
		})
		for _, test := range []struct{ max, output, words, reasoning int64 }{{100, 80, 50, 30}, {40, 40, 10, 30}, {30, 30, 0, 30}, {20, 20, 0, 20}} {
			for _, stream := range []bool{false, true} {
				q := ask{max: int(test.max), stream: stream}
				if stream {
					q.extra = `"stream_options":{"include_usage":true}`
				}
				before, began := s.Stats().Billed, time.Now()
				r := openai.post(s, q).must(t, 200)
				var got answer
				if stream {
					got = openai.join(t, events(t, r.body))
				} else {
					got = openai.read(t, r.body)
				}
				after := s.Stats().Billed
				if words := int64(strings.Count(got.text, "word")); got.output != test.output || words != test.words || (got.stop == "length") != (words < 50) {
					t.Errorf("max %d: %d tokens of output, %d words, stop %s; want %d, %d", test.max, got.output, words, got.stop, test.output, test.words)
				}
				if after.Reasoning-before.Reasoning != test.reasoning || after.Output-before.Output != test.output {
					t.Errorf("max %d: billed %+v after %+v; want %d tokens more of output, %d of them reasoning", test.max, after, before, test.output, test.reasoning)
				}
				if took, want := time.Since(began).Round(time.Second), time.Duration(test.output)*time.Second/10; took != want {
					t.Errorf("max %d: took %v; want %v", test.max, took, want)
				}
			}
		}
		if anthropic.post(s, ask{}).must(t, 200); s.Stats().Billed.Reasoning != 200+20 {
			t.Errorf("Billed = %+v; want no reasoning of an API that reports none", s.Stats().Billed)
		}
	})
}

func TestStreamSaysWhatTheAnswerSays(t *testing.T) {
	s := llmsim.New(llmsim.Config{})
	q := ask{text: "What are the two key points?\n\n" + prose, max: 1000}
	for _, a := range apis {
		whole := a.read(t, a.post(s, q).must(t, 200).body)
		q.stream, q.extra = true, `"stream_options":{"include_usage":true}`
		streamed := a.join(t, events(t, a.post(s, q).must(t, 200).body))
		if streamed != whole {
			t.Errorf("%s: the stream says %+v; the answer says %+v", a.name, streamed, whole)
		}
		q.stream, q.extra = false, ""
	}
}

// join puts a stream together.
func (a api) join(t *testing.T, all []event) answer {
	t.Helper()
	if a == openai {
		return joinOpenAI(t, all)
	}
	var out answer
	var names []string
	for _, e := range all {
		if e.data["type"] != e.name {
			t.Errorf("event %s has data of type %v", e.name, e.data["type"])
		}
		if len(names) == 0 || names[len(names)-1] != e.name {
			names = append(names, e.name)
		}
		switch e.name {
		case "message_start":
			usage := e.data["message"].(map[string]any)["usage"].(map[string]any)
			out.input = int64(usage["input_tokens"].(float64))
		case "content_block_delta":
			out.text += e.data["delta"].(map[string]any)["text"].(string)
		case "message_delta":
			out.stop = e.data["delta"].(map[string]any)["stop_reason"].(string)
			out.output = int64(e.data["usage"].(map[string]any)["output_tokens"].(float64))
		}
	}
	const order = "message_start content_block_start ping content_block_delta content_block_stop message_delta message_stop"
	if got := strings.Join(names, " "); got != order {
		t.Errorf("the events are %s; want %s", got, order)
	}
	return out
}

func joinOpenAI(t *testing.T, all []event) answer {
	t.Helper()
	var out answer
	if last := all[len(all)-1]; last.raw != "[DONE]" {
		t.Errorf("the stream ends with %s; want [DONE]", last.raw)
	}
	for _, e := range all[:len(all)-1] {
		if usage, ok := e.data["usage"].(map[string]any); ok {
			out.input = int64(usage["prompt_tokens"].(float64))
			out.output = int64(usage["completion_tokens"].(float64))
		}
		for _, c := range e.data["choices"].([]any) {
			choice := c.(map[string]any)
			if text, ok := choice["delta"].(map[string]any)["content"].(string); ok {
				out.text += text
			}
			if stop, ok := choice["finish_reason"].(string); ok {
				out.stop = stop
			}
		}
	}
	return out
}

func TestOpenAIStreamUsageOnlyWhenAsked(t *testing.T) {
	s := llmsim.New(llmsim.Config{})
	for _, e := range events(t, openai.post(s, ask{stream: true}).must(t, 200).body) {
		if _, ok := e.data["usage"]; ok {
			t.Errorf("chunk %s has a usage that nobody asked for", e.raw)
		}
	}
}

func TestCountTokens(t *testing.T) {
	s := llmsim.New(llmsim.Config{})
	body := `{"model":"m","system":"Be brief.","messages":[{"role":"user","content":"How are you today?"}]}`
	count := api{"anthropic", "/v1/messages/count_tokens"}
	got := do(s.Client(), count.request(context.Background(), "http://sim", body, llmsim.None)).must(t, 200)
	if string(got.body) != `{"input_tokens":11}` {
		t.Errorf("count = %s; want 3 and 5 tokens and 3 for the message", got.body)
	}
	if st := s.Stats(); st.Counted != 1 || st.Requests != 0 || st.Billed.Total() != 0 {
		t.Errorf("Stats = %+v; want one count, free", st)
	}
}

func TestTokensOfProse(t *testing.T) {
	// Real tokenisers need some 1.3 tokens for a word of English.
	n, words := llmsim.CountTokens(prose), len(strings.Fields(prose))
	if ratio := float64(n) / float64(words); ratio < 1.15 || ratio > 1.5 {
		t.Errorf("%d tokens for %d words: %.2f a word; want 1.15 to 1.5", n, words, ratio)
	}
}

func TestContentForms(t *testing.T) {
	s := llmsim.New(llmsim.Config{Reply: func(c *llmsim.Call) string {
		return c.System + "|" + c.Messages[0].Text
	}})
	for _, c := range []struct {
		api        api
		body, want string
	}{
		{anthropic, `{"model":"m","max_tokens":9,"system":"be","messages":[{"role":"user","content":"a"}],"tools":[{"name":"x"}],"metadata":{}}`, "be|a"},
		{anthropic, `{"model":"m","max_tokens":9,"system":[{"type":"text","text":"be"}],"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{}},{"type":"text","text":"b"}]}]}`, "be|a\n\nb"},
		{openai, `{"model":"m","n":3,"tools":[],"messages":[{"role":"system","content":"be"},{"role":"user","content":"a"}]}`, "be\n|a"},
		{openai, `{"model":"m","max_completion_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":null,"tool_calls":[]}]}`, "|a"},
	} {
		r := do(s.Client(), c.api.request(context.Background(), "http://sim", c.body, llmsim.None)).must(t, 200)
		if got := c.api.read(t, r.body).text; got != c.want {
			t.Errorf("%s %s: read %q; want %q", c.api.name, c.body, got, c.want)
		}
	}
}

func TestInvalidRequests(t *testing.T) {
	s := llmsim.New(llmsim.Config{})
	for _, c := range []struct {
		api     api
		body    string
		message string
	}{
		{anthropic, `{`, "not valid JSON"},
		{anthropic, `{"max_tokens":1,"messages":[{"role":"user","content":"a"}]}`, "model: Field required"},
		{anthropic, `{"model":"m","max_tokens":1}`, "messages: Field required"},
		{anthropic, `{"model":"m","max_tokens":1,"messages":[]}`, "at least one message"},
		{anthropic, `{"model":"m","messages":[{"role":"user","content":"a"}]}`, "max_tokens: Field required"},
		{anthropic, `{"model":"m","max_tokens":0,"messages":[{"role":"user","content":"a"}]}`, "greater than or equal to 1"},
		{anthropic, `{"model":"m","max_tokens":1,"messages":[{"role":"system","content":"a"}]}`, "Unexpected role"},
		{anthropic, `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":7}]}`, "content should be a string"},
		{anthropic, `{"model":7}`, "model: Input should be a valid string"},
		{openai, `{`, "could not parse the JSON body"},
		{openai, `{"messages":[{"role":"user","content":"a"}]}`, "must provide a model"},
		{openai, `{"model":"m"}`, "Missing required parameter: 'messages'"},
		{openai, `{"model":"m","messages":[]}`, "empty array"},
		{openai, `{"model":"m","messages":[{"role":"bot","content":"a"}]}`, "Invalid value: 'bot'"},
		{openai, `{"model":"m","max_tokens":0,"messages":[{"role":"user","content":"a"}]}`, "below minimum"},
		{openai, `{"model":"m","messages":[{"role":"user","content":[1]}]}`, "content should be a string"},
		{openai, `{"model":"m","messages":7}`, "Invalid type for 'messages'"},
	} {
		r := do(s.Client(), c.api.request(context.Background(), "http://sim", c.body, llmsim.None)).must(t, 400)
		got := c.api.problem(t, r.body)
		if got.kind != "invalid_request_error" || !strings.Contains(got.message, c.message) {
			t.Errorf("%s %s: %+v; want an invalid_request_error that says %q", c.api.name, c.body, got, c.message)
		}
	}
	if st := s.Stats(); st.Invalid != 17 || st.Billed.Total() != 0 || st.Answered != 0 {
		t.Errorf("Stats = %+v; want 17 invalid requests, free", st)
	}
}

func TestWrongDoor(t *testing.T) {
	s := llmsim.New(llmsim.Config{APIKey: "secret"})
	for _, a := range apis {
		if got := a.problem(t, a.post(s, ask{}).must(t, 401).body); got.kind == "" {
			t.Errorf("%s: 401 without a type", a.name)
		}
		r := a.request(context.Background(), "http://sim", a.body(ask{}), llmsim.None)
		r.Header.Set("Authorization", "Bearer secret")
		do(s.Client(), r).must(t, 200)

		r = a.request(context.Background(), "http://sim", a.body(ask{}), llmsim.None)
		r.Method = http.MethodGet
		a.problem(t, do(s.Client(), r).must(t, 405).body)

		nowhere := api{a.name, a.path + "/nowhere"}
		r = nowhere.request(context.Background(), "http://sim", "{}", llmsim.None)
		if a == openai {
			r.Header.Del("Anthropic-Version")
		}
		a.problem(t, do(s.Client(), r).must(t, 404).body)
	}
	r := anthropic.request(context.Background(), "http://sim", anthropic.body(ask{}), llmsim.None)
	r.Header.Set("X-Api-Key", "secret")
	do(s.Client(), r).must(t, 200)
	r = anthropic.request(context.Background(), "http://sim", anthropic.body(ask{}), llmsim.None)
	r.Header.Set("X-Api-Key", "secret")
	r.Header.Del("Anthropic-Version")
	if got := anthropic.problem(t, do(s.Client(), r).must(t, 400).body); !strings.Contains(got.message, "anthropic-version") {
		t.Errorf("without a version: %+v; want it named", got)
	}
}

func TestRequestLargerThan32MB(t *testing.T) {
	s := llmsim.New(llmsim.Config{})
	r := anthropic.request(context.Background(), "http://sim", strings.Repeat(" ", 32<<20+1), llmsim.None)
	if got := anthropic.problem(t, do(s.Client(), r).must(t, 413).body); got.kind != "request_too_large" {
		t.Errorf("413 is %+v; want request_too_large", got)
	}
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		cfg  llmsim.Config
		want string
	}{
		{llmsim.Config{Scale: -1}, "Config.Scale is -1"},
		{llmsim.Config{Limits: llmsim.Limits{Tokens: -5}}, "Limits.Tokens is -5"},
		{llmsim.Config{Limits: llmsim.Limits{TokensPerDay: -5}}, "Limits.TokensPerDay is -5"},
		{llmsim.Config{Limits: llmsim.Limits{Burst: -1}}, "Limits.Burst is -1ns"},
		{llmsim.Config{Reasoning: -1}, "Config.Reasoning is -1; want 0 to 1,000,000"},
		{llmsim.Config{Acceleration: 0.5}, "Config.Acceleration is 0.5"},
		{llmsim.Config{Headers: "some"}, `Config.Headers is "some"; want one of ["full" "none" "no-reset" "coarse"]`},
		{llmsim.Config{Latency: llmsim.Latency{Spread: 2}}, "Latency.Spread is 2"},
		{llmsim.Config{Faults: llmsim.Faults{llmsim.Slow: 1.5}}, `Faults["slow"] is 1.5`},
		{llmsim.Config{Faults: llmsim.Faults{llmsim.Slow: 0.7, llmsim.Refused: 0.7}}, "add up to"},
		{llmsim.Config{Faults: llmsim.Faults{"typo": 0.1}}, `Faults["typo"] is no kind of fault`},
	} {
		if err := c.cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Validate = %v; want %q", err, c.want)
		}
	}
	if err := llmsim.New(llmsim.Config{}).Inject("typo"); err == nil {
		t.Error("Inject took a fault that does not exist")
	}
}
