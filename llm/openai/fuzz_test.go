package openai_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/openai"
)

// A failure always has a class: without one the queue would not know what to do.
func FuzzError(f *testing.F) {
	f.Add(429, "1", "true", body("tokens", "rate_limit_exceeded", over))
	f.Add(429, "-1", "false", body("tokens", "rate_limit_exceeded", huge))
	f.Add(503, "Wed, 21 Oct 2026 07:28:00 GMT", "", page)
	f.Add(429, "1e9", "", `{"error":"Please retry after 7 seconds"}`)
	f.Add(429, "", "", "{\"message\":\"Limit 1, Used 99999999999999999999, Requested 1. try again in 99999999999d9h\"}")
	f.Add(0, "99999999999999999999", "maybe", "{")
	f.Fuzz(func(t *testing.T, status int, after, should, body string) {
		h := http.Header{"Retry-After": {after}, "X-Should-Retry": {should}}
		e := openai.API{}.Error(status, h, []byte(body), now)
		switch e.Class {
		case llm.Throttled, llm.Blocked, llm.Transient, llm.Ambiguous, llm.Permanent:
		default:
			t.Errorf("Class = %q", e.Class)
		}
		if e.RetryAfter < 0 || e.RetryAfter > llm.LongestWait {
			t.Errorf("RetryAfter = %v; want 0 to a year", e.RetryAfter)
		}
		if e.API != "openai" || e.Error() == "" {
			t.Errorf("Error = %v", e)
		}
	})
}

// What a message tells is a limit or nothing, and what is told as too large is.
func FuzzTold(f *testing.F) {
	f.Add("tokens", over)
	f.Add("tokens", huge)
	f.Add("requests", perDay)
	f.Add("", "on requests per min. Limit: 20.000000 / min. Current: 24.000000 / min.")
	f.Add("images", "on images per min (IPM): Limit ~5,Used: 9223372036854775808, Requested 1")
	f.Add("tokens", "Limit ,, Used ,, Requested , per day per day Limit 1 / day")
	f.Fuzz(func(t *testing.T, kind, message string) {
		b, err := json.Marshal(map[string]any{"error": map[string]string{"type": kind, "code": "rate_limit_exceeded", "message": message}})
		if err != nil {
			t.Fatal(err)
		}
		e := openai.API{}.Error(429, nil, b, now)
		told := e.Told
		if told.Limit < 0 || told.Used < 0 || told.Requested < 0 || told.Limit == 0 && told != (llm.Told{}) {
			t.Errorf("Told = %+v; want a limit or nothing", told)
		}
		if told.Per != "" && told.Per != "minute" && told.Per != "day" || told.Kind != "" && told.Kind != "requests" && told.Kind != "tokens" {
			t.Errorf("Told = %+v; want one of the words", told)
		}
		if told.Requested > told.Limit && e.Class != llm.Permanent && e.Class != llm.Blocked {
			t.Errorf("Error = %s, told %+v; want what never fits to be permanent", e.Class, told)
		}
		if l := e.Limits; l.Requests.Reset.Before(now) && l.Requests.Known || l.Tokens.Reset.Before(now) && l.Tokens.Known {
			t.Errorf("Limits = %+v; want no reset before now", l)
		}
	})
}

func FuzzLimits(f *testing.F) {
	f.Add("30000", "554", "58.891s")
	f.Add("500", "499", "6m0s")
	f.Add("-1", "x", "1d")
	f.Fuzz(func(t *testing.T, limit, remaining, reset string) {
		h := http.Header{}
		for _, kind := range []string{"Requests", "Tokens", "Input-Tokens", "Output-Tokens"} {
			h.Set("X-Ratelimit-Limit-"+kind, limit)
			h.Set("X-Ratelimit-Remaining-"+kind, remaining)
			h.Set("X-Ratelimit-Reset-"+kind, reset)
		}
		l := openai.API{}.Limits(h, now)
		for _, level := range []llm.Level{l.Requests, l.Tokens, l.InputTokens, l.OutputTokens, l.RequestsPerDay, l.TokensPerDay} {
			if level.Limit < 0 {
				t.Errorf("Limit = %d; want 0 or more", level.Limit)
			}
			if !level.Known && (level.Remaining != 0 || !level.Reset.IsZero()) {
				t.Errorf("Level = %+v; want no more than a limit", level)
			}
		}
	})
}

// A stream gives a whole response, which reads the same when it comes back from
// a store, or a failure with a class.
func FuzzDecodeStream(f *testing.F) {
	f.Add([]byte(stream))
	f.Add([]byte(start))
	f.Add([]byte(start + "event: error\ndata: {\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n"))
	f.Add([]byte(strings.ReplaceAll(stream, "\n", "\r\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := openai.API{}.DecodeStream(bytes.NewReader(b))
		if err != nil {
			var e *llm.Error
			if !errors.As(err, &e) || e.Class == "" {
				t.Fatalf("DecodeStream = %v; want an *llm.Error with a class", err)
			}
			return
		}
		again, err := openai.API{}.Decode(r.JSON)
		if err != nil || !json.Valid(r.JSON) {
			t.Fatalf("Decode of %s = %v", r.JSON, err)
		}
		if again.Usage != r.Usage || !bytes.Equal(again.Message.JSON(), r.Message.JSON()) {
			t.Errorf("Decode = %+v; want %+v", again, r)
		}
	})
}

// A message goes through Encode as it is, fields that we do not know and all.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"role":"user","content":"hi <&>"}`))
	f.Add([]byte(`{"role":"assistant","content":[{"type":"text","text":"x","novel":{"z":1,"a":1e400}}],"novel":null}`))
	f.Add([]byte(` { "content" : "\ud83d" , "role" : "tool" } `))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := llm.ParseMessage(b)
		if err != nil {
			return
		}
		_ = m.Text()
		body, err := openai.API{}.Encode("m", llm.Request{Messages: []llm.Message{m}})
		if err != nil {
			t.Fatal(err)
		}
		var sent struct{ Messages []json.RawMessage }
		if err := json.Unmarshal(body, &sent); err != nil {
			t.Fatalf("Encode = %s: %v", body, err)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, b); err != nil {
			t.Fatal(err)
		}
		if len(sent.Messages) != 1 || !bytes.Equal(sent.Messages[0], want.Bytes()) {
			t.Errorf("Encode = %s; want %s in it", body, want.Bytes())
		}
		if size := (openai.API{}).Measure(body); size.Chars < 0 || size.Chars > len(body) {
			t.Errorf("Measure = %+v of %d bytes", size, len(body))
		}
		answer := []byte(`{"choices":[{"message":` + string(b) + `}]}`)
		r, err := openai.API{}.Decode(answer)
		if err != nil || !bytes.Equal(r.Message.JSON(), bytes.TrimSpace(b)) {
			t.Errorf("Decode(%s) = %+v, %v", answer, r, err)
		}
	})
}
