package openai_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/openai"
)

// packed is a vector as OpenAI's API gives it when asked for base64.
func packed(v ...float32) string {
	var b []byte
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// embedServer answers every call, and counts.
func embedServer(t *testing.T, status int, answer string) (url string, sent *atomic.Int32, last *atomic.Pointer[string]) {
	sent, last = &atomic.Int32{}, &atomic.Pointer[string]{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent.Add(1)
		b, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/embeddings" || r.Header.Get("Authorization") != "Bearer key" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("request to %s with %v, %v", r.URL.Path, r.Header, err)
		}
		text := string(b)
		last.Store(&text)
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1", sent, last
}

func embedder(url string, extra map[string]json.RawMessage) *openai.Embedder {
	return openai.NewEmbedder(openai.Config{APIKey: "key", Model: "m", BaseURL: url, Extra: extra})
}

// Each text gets its own vector, whatever the order and the form they come in.
func TestEmbed(t *testing.T) {
	want := [][]float32{{1, -0.5}, {0.25, 3e-8}}
	for name, data := range map[string]string{
		"base64":          `{"index":0,"embedding":"` + packed(1, -0.5) + `"},{"index":1,"embedding":"` + packed(0.25, 3e-8) + `"}`,
		"numbers":         `{"object":"embedding","index":0,"embedding":[1,-0.5]},{"index":1,"embedding":[0.25, 3e-8]}`,
		"another order":   `{"index":1,"embedding":[0.25,3e-8]},{"index":0,"embedding":[1.0,-5e-1]}`,
		"no index":        `{"embedding":[1,-0.5]},{"embedding":"` + packed(0.25, 3e-8) + `"}`,
		"escaped slashes": `{"embedding":"` + strings.ReplaceAll(packed(1, -0.5), "/", `\/`) + `"},{"embedding":[0.25,3e-8]}`,
	} {
		url, _, last := embedServer(t, 200, `{"object":"list","model":"m","data":[`+data+`],"usage":{"prompt_tokens":3,"total_tokens":3}}`)
		got, err := embedder(url, nil).Embed(t.Context(), "<a>", "b")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: Embed differs (-want +got), %v:\n%s", name, err, diff)
		}
		if body := `{"model":"m","input":["<a>","b"],"encoding_format":"base64"}`; *last.Load() != body {
			t.Errorf("the request is %s; want %s", *last.Load(), body)
		}
	}
}

func TestEmbedExtra(t *testing.T) {
	url, _, last := embedServer(t, 200, `{"data":[{"embedding":[1]}]}`)
	extra := map[string]json.RawMessage{"encoding_format": json.RawMessage(`"float"`), "dimensions": json.RawMessage("1")}
	_, err := embedder(url, extra).Embed(t.Context(), "a")
	if want := `{"model":"m","input":["a"],"encoding_format":"float","dimensions":1}`; err != nil || *last.Load() != want {
		t.Errorf("Embed sends %s, %v; want %s", *last.Load(), err, want)
	}
}

// What is no vector for each text was paid for, and must not be taken for one.
func TestEmbedOfWrongVectors(t *testing.T) {
	one := `{"index":0,"embedding":[1,2]}`
	for name, test := range map[string]struct{ answer, want string }{
		"too few":               {`{"data":[` + one + `]}`, "1 vectors for 2 texts"},
		"too many":              {`{"data":[` + one + `,{"index":1,"embedding":[1,2]},{"index":2,"embedding":[1,2]}]}`, "3 vectors for 2 texts"},
		"none":                  {`{"data":[]}`, `no "data"`},
		"a completion":          {`{"choices":[{"message":{"role":"assistant","content":"x"}}]}`, `no "data"`},
		"twice the same":        {`{"data":[` + one + `,` + one + `]}`, "index 0, twice"},
		"an index beyond":       {`{"data":[` + one + `,{"index":7,"embedding":[1,2]}]}`, "index 7"},
		"an index below":        {`{"data":[` + one + `,{"index":-1,"embedding":[1,2]}]}`, "index -1"},
		"other dimensions":      {`{"data":[` + one + `,{"index":1,"embedding":[1,2,3]}]}`, "3 dimensions, another one 2"},
		"empty":                 {`{"data":[{"embedding":[]},{"embedding":[]}]}`, "empty"},
		"missing":               {`{"data":[` + one + `,{"index":1}]}`, "empty"},
		"null":                  {`{"data":[` + one + `,{"index":1,"embedding":null}]}`, "null"},
		"a null in it":          {`{"data":[` + one + `,{"index":1,"embedding":[1,null]}]}`, "null"},
		"beyond 32 bits":        {`{"data":[` + one + `,{"index":1,"embedding":[1,1e39]}]}`, "1e39"},
		"infinite":              {`{"data":[` + one + `,{"index":1,"embedding":"` + packed(1, float32(math.Inf(1))) + `"}]}`, "number 1 of a vector is +Inf"},
		"not a number":          {`{"data":[` + one + `,{"index":1,"embedding":"` + packed(float32(math.NaN()), 1) + `"}]}`, "number 0 of a vector is NaN"},
		"three bytes":           {`{"data":[` + one + `,{"index":1,"embedding":"AAAA"}]}`, "3 bytes"},
		"no base64":             {`{"data":[` + one + `,{"index":1,"embedding":"%%"}]}`, "base64"},
		"words":                 {`{"data":[` + one + `,{"index":1,"embedding":["a","b"]}]}`, "read the vectors"},
		"no JSON":               {`<html>`, "read the vectors"},
		"an error in a success": {`{"error":{"message":"the model is loading"}}`, "the model is loading"},
	} {
		url, sent, _ := embedServer(t, 200, test.answer)
		got, err := embedder(url, nil).Embed(t.Context(), "a", "b")
		failed, ok := errors.AsType[*llm.Error](err)
		if !ok || failed.Class != llm.Ambiguous || failed.API != "openai" || !strings.Contains(err.Error(), test.want) || got != nil {
			t.Errorf("%s: Embed = %v, %v; want an ambiguous *llm.Error with %q", name, got, err, test.want)
		}
		if sent.Load() != 1 {
			t.Errorf("%s: %d calls; want 1", name, sent.Load())
		}
	}
}

func TestEmbedFails(t *testing.T) {
	for status, want := range map[int]llm.Class{400: llm.Permanent, 401: llm.Blocked, 429: llm.Throttled, 500: llm.Ambiguous, 503: llm.Throttled} {
		url, sent, _ := embedServer(t, status, `{"error":{"message":"no","type":"x"}}`)
		_, err := embedder(url, nil).Embed(t.Context(), "a")
		if failed, ok := errors.AsType[*llm.Error](err); !ok || failed.Class != want || failed.Status != status || sent.Load() != 1 {
			t.Errorf("Embed = %v after %d calls; want %s of status %d after one", err, sent.Load(), want, status)
		}
	}
}

func TestEmbedSendsNothing(t *testing.T) {
	url, sent, _ := embedServer(t, 200, `{}`)
	if got, err := embedder(url, nil).Embed(t.Context()); err != nil || got == nil || len(got) != 0 {
		t.Errorf("Embed of nothing = %v, %v; want no vectors", got, err)
	}
	for _, test := range []struct {
		model, want string
		extra       map[string]json.RawMessage
		texts       []string
	}{
		{"", "no model; want one in Config.Model", nil, []string{"a"}},
		{"m", "text 2 of 3 is empty", nil, []string{"a", "", "c"}},
		{"m", `"input" of Extra`, map[string]json.RawMessage{"input": json.RawMessage(`"x"`)}, []string{"a"}},
		{"m", `field "user" is empty`, map[string]json.RawMessage{"user": nil}, []string{"a"}},
	} {
		e := openai.NewEmbedder(openai.Config{Model: test.model, BaseURL: url, Extra: test.extra})
		_, err := e.Embed(t.Context(), test.texts...)
		if failed, ok := errors.AsType[*llm.Error](err); !ok || failed.Class != llm.Permanent || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Embed = %v; want a permanent *llm.Error with %q", err, test.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := embedder(url, nil).Embed(ctx, "a"); err != context.Canceled {
		t.Errorf("Embed = %v; want context.Canceled itself", err)
	}
	if sent.Load() != 0 {
		t.Errorf("%d calls; want none", sent.Load())
	}
}

// memory is a governor that answers a repeated call from memory.
type memory struct {
	calls  []llm.Call
	stored map[string]*llm.Exchange
}

func (m *memory) Govern(ctx context.Context, call llm.Call, send func(context.Context) (*llm.Exchange, error)) (*llm.Exchange, error) {
	m.calls = append(m.calls, call)
	key := call.Name + string(call.Body)
	if m.stored[key] != nil {
		return m.stored[key], nil
	}
	exchange, err := send(ctx)
	if err == nil {
		m.stored[key] = exchange
	}
	return exchange, err
}

func TestEmbedIsGoverned(t *testing.T) {
	url, sent, _ := embedServer(t, 200, `{"data":[{"embedding":[1]},{"embedding":[2]}],"usage":{"prompt_tokens":7,"total_tokens":7}}`)
	m := &memory{stored: map[string]*llm.Exchange{}}
	ctx := llm.WithGovernor(t.Context(), m)
	// A client that is under the governor by itself does not govern the call twice.
	e := openai.NewEmbedder(openai.Config{APIKey: "key", Model: "m", BaseURL: url, HTTPClient: &http.Client{Transport: &llm.Transport{API: openai.API{}}}})
	for range 2 {
		got, err := e.Embed(ctx, "four", "more")
		if err != nil || len(got) != 2 || got[1][0] != 2 {
			t.Fatalf("Embed = %v, %v; want 1 and 2", got, err)
		}
	}
	if sent.Load() != 1 || len(m.calls) != 2 {
		t.Errorf("%d calls sent of %d governed; want 1 of 2", sent.Load(), len(m.calls))
	}
	if call := m.calls[0]; call.Name != "embed" || call.Size != (llm.Size{Chars: 8, MaxTokens: 1, Model: "m"}) {
		t.Errorf("Call = %s of %+v; want embed, of 8 characters to m", call.Name, call.Size)
	}
	for _, x := range m.stored {
		if x.Usage != (llm.Usage{Input: 7}) {
			t.Errorf("Exchange.Usage = %+v; want 7 tokens of input", x.Usage)
		}
	}
}

// What is wrong with the vectors is known before anything is stored.
func TestWrongVectorsAreNotStored(t *testing.T) {
	url, _, _ := embedServer(t, 200, `{"data":[{"embedding":[1]}]}`)
	m := &memory{stored: map[string]*llm.Exchange{}}
	if _, err := embedder(url, nil).Embed(llm.WithGovernor(t.Context(), m), "a", "b"); err == nil || len(m.stored) != 0 {
		t.Errorf("Embed = %v with %d responses stored; want an error and none", err, len(m.stored))
	}
}

func TestMeasureEmbeddings(t *testing.T) {
	api := openai.API{}.Route("/openai/deployments/x/embeddings")
	for body, chars := range map[string]int{
		`{"model":"m","input":"hello","encoding_format":"float","user":"somebody"}`: 5,
		`{"input":["hello","you"]}`:               8,
		`{"input":[1,22,333]}`:                    12, // tokens
		`{"input":[[1,22],[333]],"dimensions":7}`: 12,
		`{"input":[]}`:                            0,
	} {
		if got := api.Measure([]byte(body)); got.Chars != chars || got.MaxTokens != 1 {
			t.Errorf("Measure(%s) = %+v; want %d characters, 1 token", body, got, chars)
		}
	}
}

func TestUsageOfEmbeddings(t *testing.T) {
	api := openai.API{}.Route("/v1/embeddings")
	for usage, want := range map[string]int64{
		`{"prompt_tokens":5,"total_tokens":5}`: 5,
		`{"total_tokens":5}`:                   5,
		`{"prompt_tokens":-5}`:                 0,
		`null`:                                 0,
	} {
		r, err := api.Decode([]byte(`{"data":[{"embedding":[1]}],"usage":` + usage + `}`))
		if err != nil || r.Usage != (llm.Usage{Input: want}) {
			t.Errorf("Decode of usage %s = %+v, %v; want %d tokens of input", usage, r, err, want)
		}
	}
}

func TestRoute(t *testing.T) {
	for path, want := range map[string]bool{"/v1/embeddings": true, "/v1/chat/completions": false, "/v1/models": false, "/v1/embeddings/x": false} {
		if got := (openai.API{}).Route(path) != nil; got != want {
			t.Errorf("Route(%s) is an API: %v; want %v", path, got, want)
		}
	}
	api := openai.API{}.Route("/embeddings")
	if body, err := api.Encode("m", llm.Request{Messages: []llm.Message{llm.Text("user", "hi")}}); err == nil {
		t.Errorf("Encode of a conversation = %s; want an error", body)
	}
	if r, err := api.DecodeStream(strings.NewReader("data: {}\n\n")); err == nil {
		t.Errorf("DecodeStream = %+v; want an error", r)
	}
}

// What passes for vectors can be compared: of one length, and finite.
func FuzzDecodeEmbeddings(f *testing.F) {
	f.Add([]byte(`{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":"` + packed(1, 2) + `"}],"usage":{"prompt_tokens":3}}`))
	f.Add([]byte(`{"data":[{"embedding":"` + packed(float32(math.NaN())) + `"}]}`))
	f.Add([]byte(`{"data":[{"index":1,"embedding":[1e38]},{"index":0,"embedding":[-0]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := openai.API{}.Route("/embeddings").Decode(b)
		if err != nil {
			if failed, ok := errors.AsType[*llm.Error](err); !ok || failed.Class == "" {
				t.Fatalf("Decode = %v; want an *llm.Error with a class", err)
			}
			return
		}
		for _, v := range r.Vectors {
			if len(v) == 0 || len(v) != len(r.Vectors[0]) {
				t.Errorf("a vector of %d numbers, the first has %d", len(v), len(r.Vectors[0]))
			}
			for _, x := range v {
				if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
					t.Errorf("a vector with %v", x)
				}
			}
		}
		if len(r.Vectors) == 0 || r.Usage.Total() < 0 {
			t.Errorf("%d vectors, usage %+v", len(r.Vectors), r.Usage)
		}
	})
}
