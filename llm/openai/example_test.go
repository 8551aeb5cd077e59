package openai_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/openai"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"id":"c1","object":"chat.completion","model":"gpt","choices":[{"index":0,"message":{"role":"assistant","content":"Paris."},
			"finish_reason":"stop"}],"usage":{"prompt_tokens":14,"completion_tokens":5}}`)
	}))
	defer server.Close()

	gpt := openai.New(openai.Config{APIKey: "key", Model: "gpt", BaseURL: server.URL + "/v1"})
	body, err := gpt.Encode(llm.Request{
		System:   "Answer in one word.",
		Messages: []llm.Message{llm.Text("user", "What is the capital of France?")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	reply, err := gpt.Send(context.Background(), body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(body))
	fmt.Println(reply.Text(), reply.Usage.Total(), "tokens")
	// Output:
	// {"model":"gpt","messages":[{"role":"system","content":"Answer in one word."},{"role":"user","content":"What is the capital of France?"}]}
	// Paris. 19 tokens
}
