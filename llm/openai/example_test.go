package openai_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/openai"
	"github.com/pawlhq/pawl/llmsim"
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

func ExampleEmbedder() {
	provider := llmsim.New(llmsim.Config{}) // stands for any server with /v1/embeddings
	model := openai.NewEmbedder(openai.Config{Model: "text-embedding", BaseURL: "http://simulated/v1", HTTPClient: provider.Client()})

	vectors, err := model.Embed(context.Background(),
		"How do I cancel my subscription?",
		"Cancelling a subscription: open the settings and choose Cancel.",
		"Our office is closed on public holidays.",
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	nearness := func(a, b []float32) (dot float32) { // the vectors' length is 1
		for i := range a {
			dot += a[i] * b[i]
		}
		return dot
	}
	for _, v := range vectors[1:] {
		fmt.Println(nearness(vectors[0], v) > 0.4)
	}
	fmt.Println(len(vectors), "texts,", provider.Stats().Requests, "call")
	// Output:
	// true
	// false
	// 3 texts, 1 call
}
