package anthropic_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{"type":"text","text":"Paris."}],
			"stop_reason":"end_turn","usage":{"input_tokens":14,"output_tokens":5}}`)
	}))
	defer server.Close()

	claude := anthropic.New(anthropic.Config{APIKey: "key", Model: "claude", BaseURL: server.URL})
	body, err := claude.Encode(llm.Request{
		System:   "Answer in one word.",
		Messages: []llm.Message{llm.Text("user", "What is the capital of France?")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	reply, err := claude.Send(context.Background(), body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(body))
	fmt.Println(reply.Text(), reply.Usage.Total(), "tokens")
	// Output:
	// {"model":"claude","max_tokens":4096,"system":"Answer in one word.","messages":[{"role":"user","content":"What is the capital of France?"}]}
	// Paris. 19 tokens
}

func Example_failure() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}`)
	}))
	defer server.Close()

	claude := anthropic.New(anthropic.Config{Model: "claude", BaseURL: server.URL})
	body, err := claude.Encode(llm.Request{Messages: []llm.Message{llm.Text("user", "Hi")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = claude.Send(context.Background(), body)
	if failed, ok := errors.AsType[*llm.Error](err); ok {
		fmt.Println(failed.Class, "for", failed.RetryAfter)
	}
	fmt.Println(err)
	// Output:
	// throttled for 30s
	// anthropic: 429 rate_limit_error slow down (throttled)
}
