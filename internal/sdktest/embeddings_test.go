package sdktest

import (
	"context"
	"errors"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	sdk "github.com/openai/openai-go/v3"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/openai"
	"github.com/pawlhq/pawl/llmsim"
)

const embeddingsBody = `{"object":"list","model":"m","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]},{"object":"embedding","index":1,"embedding":[1,0.25]}],"usage":{"prompt_tokens":6,"total_tokens":6}}`

func embeddingParams(texts ...string) sdk.EmbeddingNewParams {
	return sdk.EmbeddingNewParams{Model: "m", Input: sdk.EmbeddingNewParamsInputUnion{OfArrayOfStrings: texts}}
}

func TestOpenAIEmbeddings(t *testing.T) {
	s := newServer(t, answer{body: embeddingsBody})
	c := openaiSDK(t, s.URL)
	g := &memory{}
	ctx := llm.WithGovernor(t.Context(), g)
	for range 2 {
		r, err := c.Embeddings.New(ctx, embeddingParams("hi", "you"))
		if err != nil || len(r.Data) != 2 || !reflect.DeepEqual(r.Data[1].Embedding, []float64{1, 0.25}) || r.Usage.PromptTokens != 6 {
			t.Fatalf("New = %+v, %v; want two vectors", r, err)
		}
	}
	if s.requests.Load() != 1 || len(g.calls) != 2 || g.usage() != (llm.Usage{Input: 6}) {
		t.Errorf("%d requests for %d calls, usage %+v; want 1 for 2, the second from memory, and 6 tokens", s.requests.Load(), len(g.calls), g.usage())
	}
	if call := g.calls[0]; call.Name != "POST /v1/embeddings" || call.Size != (llm.Size{Chars: 5, MaxTokens: 1, Model: "m"}) {
		t.Errorf("Call = %s of %+v", call.Name, call.Size)
	}
}

func TestOpenAIEmbeddingsAreNotRetried(t *testing.T) {
	for _, f := range failures(openaiFail) {
		t.Run(f.name, func(t *testing.T) {
			s := newServer(t, f.answer)
			c := openaiSDK(t, s.URL)
			g := &memory{}
			_, err := c.Embeddings.New(llm.WithGovernor(t.Context(), g), embeddingParams("hi"))
			if api, ok := errors.AsType[*sdk.Error](err); !ok || api.StatusCode != f.answer.status || s.requests.Load() != 1 {
				t.Errorf("New = %v after %d requests; want the SDK's error of status %d after one", err, s.requests.Load(), f.answer.status)
			}
			checkClass(t, g, f.class)
		})
	}
}

// What is no list of vectors is a failed call, whatever its status.
func TestOpenAIEmbeddingsOfNothing(t *testing.T) {
	for _, body := range []string{openaiBody, `{"object":"list","data":[]}`, `{"data":[{"embedding":[1]},{"embedding":[1,2]}]}`} {
		s := newServer(t, answer{body: body})
		c := openaiSDK(t, s.URL)
		g := &memory{}
		r, err := c.Embeddings.New(llm.WithGovernor(t.Context(), g), embeddingParams("hi"))
		if failed, ok := errors.AsType[*llm.Error](err); !ok || failed.Class != llm.Ambiguous || s.requests.Load() != 1 {
			t.Errorf("New = %+v, %v after %d requests; want an ambiguous *llm.Error after one", r, err, s.requests.Load())
		}
	}
}

// The client and the SDK read the same response alike, and the SDK takes the
// client's request as its own.
func TestOpenAIEmbeddingsAgree(t *testing.T) {
	server := httptest.NewServer(llmsim.New(llmsim.Config{}))
	defer server.Close()
	texts := []string{"The wheel turns one way only.", "A pawl is a catch."}
	c := openaiSDK(t, server.URL)
	theirs, err := c.Embeddings.New(t.Context(), embeddingParams(texts...))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := openai.NewEmbedder(openai.Config{Model: "m", BaseURL: server.URL + "/v1", HTTPClient: client(t, nil)}).Embed(t.Context(), texts...)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range ours {
		for j, x := range v {
			if float32(theirs.Data[i].Embedding[j]) != x {
				t.Fatalf("number %d of text %d is %v to us, %v to the SDK", j, i, x, theirs.Data[i].Embedding[j])
			}
		}
	}
}

// TestEmbeddingsInTheQueue has a handler embed with the SDK, and its second call fail
// once: the retry gets the first from the store.
func TestEmbeddingsInTheQueue(t *testing.T) {
	for _, fault := range []llmsim.Fault{llmsim.ServerError, llmsim.Overloaded, llmsim.ResetAfter} {
		t.Run(string(fault), func(t *testing.T) {
			sim := llmsim.New(llmsim.Config{Decide: failOnce("second", fault)})
			server := httptest.NewServer(sim)
			defer server.Close()
			c := openaiSDK(t, server.URL)
			queue := pawl.New(inmem.New(), pawl.Config{Workers: 2})
			embed := pawl.Operation[string, int]{Name: "embed", Backoff: pawl.Backoff{Base: 1, Max: 1}}
			embed.Handle(queue, func(ctx context.Context, task *pawl.Task[string]) (n int, err error) {
				for text := range strings.FieldsSeq(task.Input) {
					r, err := c.Embeddings.New(ctx, embeddingParams(text))
					if err != nil {
						return 0, err // the SDK's own error
					}
					n += len(r.Data[0].Embedding)
				}
				return n, nil
			})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- queue.Run(ctx) }()
			run, err := embed.Add(ctx, queue, "first second third")
			if err != nil {
				t.Fatal(err)
			}
			if n, err := run.Wait(ctx); err != nil || n != 3*1536 {
				t.Errorf("Wait = %d, %v; want 3 vectors of 1536", n, err)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			row, err := queue.Get(t.Context(), run.ID)
			if err != nil {
				t.Fatal(err)
			}
			stats := sim.Stats()
			if stats.Requests != 4 || stats.PaidTwice != 0 || len(row.Attempts) != 2 || row.LastAttempt().Saved != 1 {
				t.Errorf("%d calls, %d paid twice, last of %d attempts %+v; want 4, 0, and the first from the store", stats.Requests, stats.PaidTwice, len(row.Attempts), row.LastAttempt())
			}
		})
	}
}
