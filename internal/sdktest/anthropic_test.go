package sdktest

import (
	"context"
	"errors"
	"strings"
	"testing"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
)

const (
	anthropicBody = `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello","citations":null}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"cache_creation_input_tokens":4,"cache_read_input_tokens":5,"output_tokens":2}}`
	anthropicFail = `{"type":"error","error":{"type":"novel_error","message":"no"},"request_id":"req_1"}`
	anthropicHead = `event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":3,"cache_creation_input_tokens":4,"cache_read_input_tokens":5,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

`
	anthropicStream = anthropicHead + `event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}

event: message_stop
data: {"type":"message_stop"}

`
)

func anthropicSDK(t *testing.T, url string) sdk.Client {
	return sdk.NewClient(option.WithAPIKey("key"), option.WithBaseURL(url), option.WithHTTPClient(client(t, anthropic.API{})))
}

func anthropicParams(text string) sdk.MessageNewParams {
	return sdk.MessageNewParams{Model: "m", MaxTokens: 10, Messages: []sdk.MessageParam{sdk.NewUserMessage(sdk.NewTextBlock(text))}}
}

// anthropicStreamed reads a stream to its end, as the SDK's users do.
func anthropicStreamed(ctx context.Context, c sdk.Client, text string) (string, error) {
	stream := c.Messages.NewStreaming(ctx, anthropicParams(text))
	defer stream.Close()
	var m sdk.Message
	for stream.Next() {
		if err := m.Accumulate(stream.Current()); err != nil {
			return "", err
		}
	}
	if err := stream.Err(); err != nil {
		return "", err
	}
	return m.Content[0].Text, nil
}

func TestAnthropic(t *testing.T) {
	s := newServer(t, answer{body: anthropicBody, stream: anthropicStream})
	c := anthropicSDK(t, s.URL)
	g := &memory{}
	ctx := llm.WithGovernor(t.Context(), g)
	for range 2 {
		m, err := c.Messages.New(ctx, anthropicParams("hi"))
		if err != nil || m.Content[0].Text != "Hello" || m.Usage.OutputTokens != 2 {
			t.Fatalf("New = %+v, %v; want Hello", m, err)
		}
		if text, err := anthropicStreamed(ctx, c, "hi"); err != nil || text != "Hello" {
			t.Fatalf("NewStreaming = %q, %v; want Hello", text, err)
		}
	}
	if s.requests.Load() != 2 || len(g.calls) != 4 {
		t.Errorf("%d requests for %d calls; want 2 for 4: the second two from memory", s.requests.Load(), len(g.calls))
	}
	if want := (llm.Usage{Input: 6, Output: 4, CacheRead: 10, CacheWrite: 8}); g.usage() != want {
		t.Errorf("usage = %+v; want %+v", g.usage(), want)
	}
	if call := g.calls[0]; call.Name != "POST /v1/messages" || call.Size != (llm.Size{Chars: 2, MaxTokens: 10, Model: "m"}) {
		t.Errorf("Call = %s of %+v", call.Name, call.Size)
	}
}

func TestAnthropicDoesNotRetry(t *testing.T) {
	for _, f := range failures(anthropicFail) {
		t.Run(f.name, func(t *testing.T) {
			s := newServer(t, f.answer)
			c := anthropicSDK(t, s.URL)
			g := &memory{}
			ctx := llm.WithGovernor(t.Context(), g)
			for range 2 { // the second one from memory
				_, err := c.Messages.New(ctx, anthropicParams("hi"))
				if api, ok := errors.AsType[*sdk.Error](err); !ok || api.StatusCode != f.answer.status {
					t.Errorf("New = %v; want the SDK's error of status %d", err, f.answer.status)
				}
			}
			if _, err := anthropicStreamed(ctx, c, "hi"); err == nil {
				t.Error("NewStreaming = nil; want an error")
			}
			if s.requests.Load() != 2 || len(g.calls) != 3 {
				t.Errorf("%d requests for %d calls; want 2 for 3", s.requests.Load(), len(g.calls))
			}
			checkClass(t, g, f.class)
		})
	}
}

func checkClass(t *testing.T, g *memory, want llm.Class) {
	t.Helper()
	if len(g.failures()) == 0 {
		t.Error("no failures; want some")
	}
	for _, err := range g.failures() {
		if failed, ok := errors.AsType[*llm.Error](err); !ok || failed.Class != want {
			t.Errorf("the governor got %v; want %s", err, want)
		}
	}
}

// A stream that broke off must not pass for a short answer.
func TestAnthropicCutStream(t *testing.T) {
	for name, a := range map[string]answer{
		"ends early":  {stream: anthropicHead},
		"cut":         {stream: anthropicHead, cut: true},
		"error event": {stream: anthropicHead + "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"},
	} {
		s := newServer(t, a)
		g := &memory{}
		text, err := anthropicStreamed(llm.WithGovernor(t.Context(), g), anthropicSDK(t, s.URL), "hi")
		if err == nil || s.requests.Load() != 1 {
			t.Errorf("%s: NewStreaming = %q, nil after %d requests; want an error after one", name, text, s.requests.Load())
		}
		checkClass(t, g, llm.Ambiguous)
	}
}

// The SDK tries again what got no whole response; the governor lets nothing out.
func TestAnthropicCutBody(t *testing.T) {
	s := newServer(t, answer{body: anthropicBody[:50], cut: true})
	g := &memory{}
	c := anthropicSDK(t, s.URL)
	_, err := c.Messages.New(llm.WithGovernor(t.Context(), g), anthropicParams("hi"))
	failed, ok := errors.AsType[*llm.Error](err)
	if !ok || failed.Class != llm.Ambiguous || s.requests.Load() != 1 {
		t.Errorf("New = %v after %d requests; want an ambiguous *llm.Error after one", err, s.requests.Load())
	}
}

// The SDK takes every status below 400 for a success.
func TestAnthropicRedirect(t *testing.T) {
	s := newServer(t, answer{status: 307, header: map[string][]string{"Location": {"/elsewhere"}}, body: anthropicBody})
	c := anthropicSDK(t, s.URL)
	g := &memory{}
	r, err := c.Messages.New(llm.WithGovernor(t.Context(), g), anthropicParams("hi"))
	if failed, ok := errors.AsType[*llm.Error](err); !ok || failed.Class != llm.Permanent || s.requests.Load() != 1 {
		t.Errorf("New = %+v, %v after %d requests; want a permanent *llm.Error after one", r, err, s.requests.Load())
	}
	if text, err := anthropicStreamed(llm.WithGovernor(t.Context(), g), c, "hi"); err == nil {
		t.Errorf("NewStreaming = %q, nil; want an error", text)
	}
}

func TestAnthropicNotSent(t *testing.T) {
	c := anthropicSDK(t, nobody)
	g := &memory{}
	_, err := c.Messages.New(llm.WithGovernor(t.Context(), g), anthropicParams("hi"), option.WithMaxRetries(0))
	if failed, ok := errors.AsType[*llm.Error](err); !ok || failed.Class != llm.NotSent {
		t.Errorf("New = %v; want an *llm.Error that is not sent", err)
	}
}

// nobody is an address at which nobody can listen. A port that was free a moment ago may
// be another program's by now.
const nobody = "http://127.0.0.1:0"

// What is no model call is none of the governor's business.
func TestAnthropicCountTokens(t *testing.T) {
	s := newServer(t, answer{body: `{"input_tokens":7}`})
	g := &memory{}
	c := anthropicSDK(t, s.URL)
	n, err := c.Messages.CountTokens(llm.WithGovernor(t.Context(), g), sdk.MessageCountTokensParams{
		Model: "m", Messages: anthropicParams("hi").Messages,
	})
	if err != nil || n.InputTokens != 7 || len(g.calls) != 0 {
		t.Errorf("CountTokens = %v, %v with %d governed calls; want 7 with none", n, err, len(g.calls))
	}
}

// The client and the SDK read the same answer alike, and the SDK takes the
// client's request as its own.
func TestAnthropicAgreesWithTheClient(t *testing.T) {
	s := newServer(t, answer{body: anthropicBody, stream: anthropicStream})
	m := anthropic.New(anthropic.Config{APIKey: "key", Model: "m", BaseURL: s.URL, HTTPClient: client(t, nil)})
	for _, maxTokens := range []int{10, 100_000} {
		body, err := m.Encode(llm.Request{Messages: []llm.Message{llm.Text("user", "hi")}, MaxTokens: maxTokens})
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.Send(t.Context(), body)
		if err != nil {
			t.Fatal(err)
		}
		var theirs sdk.Message
		if err := theirs.UnmarshalJSON(r.JSON); err != nil {
			t.Fatal(err)
		}
		if theirs.ID != r.ID || theirs.Content[0].Text != r.Text() || theirs.Usage.OutputTokens != r.Usage.Output || string(theirs.StopReason) != r.StopReason {
			t.Errorf("the SDK reads %s as %+v; we as %+v", r.JSON, theirs, r)
		}
		var params sdk.MessageNewParams
		if err := params.UnmarshalJSON(body); err != nil || params.MaxTokens != int64(maxTokens) || !strings.Contains(string(body), `"hi"`) {
			t.Errorf("the SDK reads the request %s as %+v, %v", body, params, err)
		}
	}
}
