package sdktest

import (
	"context"
	"errors"
	"testing"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/openai"
)

const (
	openaiBody = `{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":5}}}`
	openaiFail = `{"error":{"message":"no","type":"novel_error","param":null,"code":null}}`
	openaiHead = `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello"},"finish_reason":null}]}

`
	openaiStream = openaiHead + `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":5}}}

data: [DONE]

`
)

func openaiSDK(t *testing.T, url string) sdk.Client {
	return sdk.NewClient(option.WithAPIKey("key"), option.WithBaseURL(url+"/v1"), option.WithHTTPClient(client(t, openai.API{})))
}

func openaiParams(text string) sdk.ChatCompletionNewParams {
	return sdk.ChatCompletionNewParams{
		Model: "m", MaxCompletionTokens: sdk.Int(10),
		Messages: []sdk.ChatCompletionMessageParamUnion{sdk.UserMessage(text)},
	}
}

// openaiStreamed reads a stream to its end, as the SDK's users do.
func openaiStreamed(ctx context.Context, c sdk.Client, text string) (string, error) {
	params := openaiParams(text)
	params.StreamOptions.IncludeUsage = sdk.Bool(true)
	stream := c.Chat.Completions.NewStreaming(ctx, params)
	defer stream.Close()
	var all sdk.ChatCompletionAccumulator
	for stream.Next() {
		all.AddChunk(stream.Current())
	}
	if err := stream.Err(); err != nil {
		return "", err
	}
	return all.Choices[0].Message.Content, nil
}

func TestOpenAI(t *testing.T) {
	s := newServer(t, answer{body: openaiBody, stream: openaiStream})
	c := openaiSDK(t, s.URL)
	g := &memory{}
	ctx := llm.WithGovernor(t.Context(), g)
	for range 2 {
		r, err := c.Chat.Completions.New(ctx, openaiParams("hi"))
		if err != nil || r.Choices[0].Message.Content != "Hello" || r.Usage.CompletionTokens != 2 {
			t.Fatalf("New = %+v, %v; want Hello", r, err)
		}
		if text, err := openaiStreamed(ctx, c, "hi"); err != nil || text != "Hello" {
			t.Fatalf("NewStreaming = %q, %v; want Hello", text, err)
		}
	}
	if s.requests.Load() != 2 || len(g.calls) != 4 {
		t.Errorf("%d requests for %d calls; want 2 for 4: the second two from memory", s.requests.Load(), len(g.calls))
	}
	if want := (llm.Usage{Input: 6, Output: 4, CacheRead: 10}); g.usage() != want {
		t.Errorf("usage = %+v; want %+v", g.usage(), want)
	}
	if call := g.calls[0]; call.Name != "POST /v1/chat/completions" || call.Size != (llm.Size{Chars: 2, MaxTokens: 10, Model: "m"}) {
		t.Errorf("Call = %s of %+v", call.Name, call.Size)
	}
}

func TestOpenAIDoesNotRetry(t *testing.T) {
	for _, f := range failures(openaiFail) {
		t.Run(f.name, func(t *testing.T) {
			s := newServer(t, f.answer)
			c := openaiSDK(t, s.URL)
			g := &memory{}
			ctx := llm.WithGovernor(t.Context(), g)
			for range 2 { // the second one from memory
				_, err := c.Chat.Completions.New(ctx, openaiParams("hi"))
				if api, ok := errors.AsType[*sdk.Error](err); !ok || api.StatusCode != f.answer.status {
					t.Errorf("New = %v; want the SDK's error of status %d", err, f.answer.status)
				}
			}
			if _, err := openaiStreamed(ctx, c, "hi"); err == nil {
				t.Error("NewStreaming = nil; want an error")
			}
			if s.requests.Load() != 2 || len(g.calls) != 3 {
				t.Errorf("%d requests for %d calls; want 2 for 3", s.requests.Load(), len(g.calls))
			}
			checkClass(t, g, f.class)
		})
	}
}

// A stream that broke off must not pass for a short answer.
func TestOpenAICutStream(t *testing.T) {
	for name, a := range map[string]answer{
		"ends early":  {stream: openaiHead},
		"cut":         {stream: openaiHead, cut: true},
		"error event": {stream: openaiHead + "data: " + openaiFail + "\n\n"},
	} {
		s := newServer(t, a)
		g := &memory{}
		text, err := openaiStreamed(llm.WithGovernor(t.Context(), g), openaiSDK(t, s.URL), "hi")
		if err == nil || s.requests.Load() != 1 {
			t.Errorf("%s: NewStreaming = %q, %v after %d requests; want an error after one", name, text, err, s.requests.Load())
		}
		checkClass(t, g, llm.Ambiguous)
	}
}

func TestOpenAICutBody(t *testing.T) {
	s := newServer(t, answer{body: openaiBody[:50], cut: true})
	g := &memory{}
	c := openaiSDK(t, s.URL)
	_, err := c.Chat.Completions.New(llm.WithGovernor(t.Context(), g), openaiParams("hi"))
	failed, ok := errors.AsType[*llm.Error](err)
	if !ok || failed.Class != llm.Ambiguous || s.requests.Load() != 1 {
		t.Errorf("New = %v after %d requests; want an ambiguous *llm.Error after one", err, s.requests.Load())
	}
}

// The SDK takes every status below 400 for a success.
func TestOpenAIRedirect(t *testing.T) {
	s := newServer(t, answer{status: 307, header: map[string][]string{"Location": {"/elsewhere"}}, body: openaiBody})
	c := openaiSDK(t, s.URL)
	g := &memory{}
	r, err := c.Chat.Completions.New(llm.WithGovernor(t.Context(), g), openaiParams("hi"))
	if failed, ok := errors.AsType[*llm.Error](err); !ok || failed.Class != llm.Permanent || s.requests.Load() != 1 {
		t.Errorf("New = %+v, %v after %d requests; want a permanent *llm.Error after one", r, err, s.requests.Load())
	}
	if text, err := openaiStreamed(llm.WithGovernor(t.Context(), g), c, "hi"); err == nil {
		t.Errorf("NewStreaming = %q, nil; want an error", text)
	}
}

func TestOpenAINotSent(t *testing.T) {
	g := &memory{}
	c := openaiSDK(t, nobody)
	_, err := c.Chat.Completions.New(llm.WithGovernor(t.Context(), g), openaiParams("hi"), option.WithMaxRetries(0))
	if failed, ok := errors.AsType[*llm.Error](err); !ok || failed.Class != llm.NotSent {
		t.Errorf("New = %v; want an *llm.Error that is not sent", err)
	}
}

// The client and the SDK read the same answer alike, and the SDK takes the
// client's request as its own.
func TestOpenAIAgreesWithTheClient(t *testing.T) {
	s := newServer(t, answer{body: openaiBody, stream: openaiStream})
	m := openai.New(openai.Config{APIKey: "key", Model: "m", BaseURL: s.URL + "/v1", HTTPClient: client(t, nil)})
	for _, maxTokens := range []int{10, 100_000} {
		body, err := m.Encode(llm.Request{Messages: []llm.Message{llm.Text("user", "hi")}, MaxTokens: maxTokens})
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.Send(t.Context(), body)
		if err != nil {
			t.Fatal(err)
		}
		var theirs sdk.ChatCompletion
		if err := theirs.UnmarshalJSON(r.JSON); err != nil {
			t.Fatal(err)
		}
		if theirs.ID != r.ID || theirs.Choices[0].Message.Content != r.Text() || theirs.Usage.CompletionTokens != r.Usage.Output || theirs.Choices[0].FinishReason != r.StopReason {
			t.Errorf("the SDK reads %s as %+v; we as %+v", r.JSON, theirs, r)
		}
		var params sdk.ChatCompletionNewParams
		if err := params.UnmarshalJSON(body); err != nil || params.MaxCompletionTokens.Value != int64(maxTokens) {
			t.Errorf("the SDK reads the request %s as %+v, %v", body, params, err)
		}
	}
}
