package llmsim_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llmsim"
)

// embeddings is the endpoint, as a test speaks it.
var embeddings = api{"openai", "/v1/embeddings"}

// embed makes one call with an input in JSON, and more JSON members.
func embed(s *llmsim.Server, input, extra string) result {
	return do(s.Client(), embeddings.request(context.Background(), "http://sim", `{"model":"sim-1","input":`+input+extra+`}`, llmsim.None))
}

// vectors reads a response in either encoding.
func vectors(t *testing.T, r result) (all [][]float32, tokens int64) {
	t.Helper()
	var list struct {
		Object, Model string
		Data          []struct {
			Object    string
			Index     int
			Embedding json.RawMessage
		}
		Usage map[string]int64
	}
	if err := json.Unmarshal(r.must(t, 200).body, &list); err != nil || list.Object != "list" || list.Model != "sim-1" {
		t.Fatalf("the response is %.200s, %v", r.body, err)
	}
	for i, d := range list.Data {
		var v []float32
		if d.Embedding[0] == '"' {
			var b []byte
			if err := json.Unmarshal(d.Embedding, &b); err != nil {
				t.Fatal(err)
			}
			for ; len(b) >= 4; b = b[4:] {
				v = append(v, math.Float32frombits(binary.LittleEndian.Uint32(b)))
			}
		} else if err := json.Unmarshal(d.Embedding, &v); err != nil {
			t.Fatal(err)
		}
		if d.Index != i || d.Object != "embedding" {
			t.Errorf("vector %d is of object %s, index %d", i, d.Object, d.Index)
		}
		all = append(all, v)
	}
	if list.Usage["prompt_tokens"] != list.Usage["total_tokens"] || len(list.Usage) != 2 {
		t.Errorf("usage is %v; want the tokens of the prompt alone", list.Usage)
	}
	return all, list.Usage["total_tokens"]
}

func quoted(texts ...string) string {
	b, _ := json.Marshal(texts)
	return string(b)
}

func nearness(a, b []float32) (dot float64) {
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
	}
	return dot
}

// Texts that share words are near, the more the nearer, whatever their case, marks
// and order; texts that share none are not.
func TestVectorsOfLikeTextsAreNear(t *testing.T) {
	s := llmsim.New(llmsim.Config{})
	texts := []string{
		"Summarise the quarterly report of the northern region for the board.",
		"summarise, for the BOARD: the quarterly report of the northern region!",
		"Summarise the quarterly reports of the northern regions for our board.",
		"Summarise the annual report of the southern region for the press.",
		"Which plants need little water in a dry summer?",
	}
	all, _ := vectors(t, embed(s, quoted(texts...), ""))
	var near []float64
	for _, v := range all {
		if length := math.Sqrt(nearness(v, v)); math.Abs(length-1) > 1e-6 || len(v) != 1536 {
			t.Errorf("a vector of %d numbers and length %v; want 1536 and 1", len(v), length)
		}
		near = append(near, nearness(all[0], v))
	}
	if !slices.IsSortedFunc(near, func(a, b float64) int { return cmp.Compare(b, a) }) {
		t.Errorf("nearness = %.3f; want it to fall", near)
	}
	if near[1] < 0.99 || near[2] < 0.85 || near[3] > 0.8 || near[3] < 0.3 || math.Abs(near[4]) > 0.15 {
		t.Errorf("nearness = %.3f; want about 1, 0.9, 0.5, 0", near)
	}
}

// The same text has the same vector, whoever asks, with what, and how.
func TestVectorsAreTheSameInAllForms(t *testing.T) {
	texts := []string{"The wheel turns one way only.", "x", "!?", " ", "Räder, 車輪, колесо"}
	for _, dimensions := range []int{1536, 256, 1} {
		extra := fmt.Sprintf(`,"dimensions":%d`, dimensions)
		want, tokens := vectors(t, embed(llmsim.New(llmsim.Config{}), quoted(texts...), extra+`,"encoding_format":"float"`))
		got, _ := vectors(t, embed(llmsim.New(llmsim.Config{Seed: 7}), quoted(texts...), extra+`,"encoding_format":"base64"`))
		for i := range texts {
			one, _ := vectors(t, embed(llmsim.New(llmsim.Config{}), quoted(texts[i]), extra))
			if !slices.Equal(want[i], got[i]) || !slices.Equal(want[i], one[0]) || len(want[i]) != dimensions {
				t.Errorf("%q in %d dimensions has %d, or other numbers in another form", texts[i], dimensions, len(want[i]))
			}
			if length := nearness(want[i], want[i]); math.Abs(length-1) > 1e-6 {
				t.Errorf("%q in %d dimensions has length %v; want 1", texts[i], dimensions, length)
			}
		}
		if tokens < int64(len(texts)) {
			t.Errorf("%d tokens for %d texts", tokens, len(texts))
		}
	}
}

func TestEmbeddingsOfTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Tokens: 1000}})
		one, tokens := vectors(t, embed(s, `[1234,77,5]`, ""))
		many, all := vectors(t, embed(s, `[[1234,77,5],[9]]`, ""))
		if tokens != 3 || all != 4 || len(one) != 1 || len(many) != 2 || !slices.Equal(one[0], many[0]) {
			t.Errorf("%d and %d vectors of %d and %d tokens; want 1, 2, 3, 4, the first the same", len(one), len(many), tokens, all)
		}
		if left := s.Levels("openai").Tokens.Left; left != 993 {
			t.Errorf("%v tokens are left of 1000; want 993", left)
		}
	})
}

func TestEmbeddingsAreCounted(t *testing.T) {
	s := llmsim.New(llmsim.Config{})
	_, tokens := vectors(t, embed(s, quoted("The wheel turns.", "One way only."), ""))
	if want := int64(llmsim.CountTokens("The wheel turns.") + llmsim.CountTokens("One way only.")); tokens != want {
		t.Errorf("usage is %d tokens; want %d", tokens, want)
	}
	vectors(t, embed(s, quoted("The wheel turns.", "One way only."), ""))
	stats := s.Stats()
	if stats.Answered != 2 || stats.Billed != (llm.Usage{Input: 2 * tokens}) || stats.PaidTwice != 1 || stats.PaidTwiceTokens != tokens {
		t.Errorf("Stats = %+v; want 2 answers, the second paid twice", stats)
	}
	for r := range s.Calls() {
		if r.API != "openai" || r.Model != "sim-1" || r.Texts != 2 || !r.Billed || !r.Delivered || r.Status != 200 || r.Usage != (llm.Usage{Input: tokens}) {
			t.Errorf("Record = %+v; want 2 texts, delivered", r)
		}
	}
	openai.post(s, ask{}).must(t, 200)
	for r := range s.Calls() {
		if asked := r.Usage.Output > 0; asked && r.Texts != 0 {
			t.Errorf("Record = %+v; want no texts of a call that asks for an answer", r)
		}
	}
}

// The account is that of the answers, with its headers and its refusals.
func TestEmbeddingsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 3, Tokens: 1000}})
		text := quoted(strings.Repeat("long ", 160)) // 800 characters
		checkHeaders(t, embed(s, text, "").must(t, 200), map[string]string{
			"X-Ratelimit-Limit-Requests": "3", "X-Ratelimit-Remaining-Requests": "2", "X-Ratelimit-Limit-Tokens": "1000", "X-Ratelimit-Remaining-Tokens": "800",
		})
		openai.post(s, ask{max: 700}).must(t, 200)
		r := embed(s, text, "").must(t, 429)
		if got := embeddings.problem(t, r.body); got.kind != "tokens" || got.code != "rate_limit_exceeded" || !strings.Contains(got.message, "Limit 1000, Used 900, Requested 200. Please try again in 6s") {
			t.Errorf("the refusal is %+v", got)
		}
		checkHeaders(t, r, map[string]string{"Retry-After": "6", "Retry-After-Ms": "6000"})
		r = embed(s, text, "").must(t, 429)
		if got := embeddings.problem(t, r.body); got.kind != "requests" {
			t.Errorf("the fourth call is refused for %s; want requests", got.kind)
		}
		time.Sleep(time.Minute)
		embed(s, text, "").must(t, 200)
		if got := s.Stats(); got.Limited != 2 {
			t.Errorf("Stats = %+v; want 2 refused", got)
		}
	})
}

func TestEmbeddingsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Latency: llmsim.Latency{FirstToken: 2 * time.Second, TokensPerSecond: 1}})
		status := map[llmsim.Fault]int{
			llmsim.RateLimited: 429, llmsim.RateLimitedBlind: 429, llmsim.Overloaded: 503, llmsim.CreditExhausted: 429, llmsim.SpendLimit: 429,
			llmsim.KeyRefused: 401, llmsim.TooLong: 400, llmsim.ServerError: 500, llmsim.StreamError: 500, llmsim.Slow: 200, llmsim.Refused: 200,
			llmsim.ResetBefore: 0, llmsim.ResetAfter: 0, llmsim.CutStream: 0,
		}
		for _, f := range llmsim.Kinds() {
			if err := s.Inject(f); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			r := embed(s, quoted("a"), "")
			took := time.Since(began)
			if want, ok := status[f]; !ok || (want == 0) != (r.err != nil) || r.err == nil && r.StatusCode != want {
				t.Errorf("%s: %+v, %v; want status %d", f, r.Response, r.err, want)
			}
			want := 2 * time.Second
			if f == llmsim.Slow {
				want += 30 * time.Second
			}
			if answered := r.err == nil && r.StatusCode == 200; answered && took != want {
				t.Errorf("%s: answered after %v; want %v", f, took, want)
			}
		}
		if got := s.Stats(); got.Answered != 2 || got.Undelivered != 2 || got.Billed != (llm.Usage{Input: 4}) {
			t.Errorf("Stats = %+v; want 2 answers, and 2 that did not arrive", got)
		}
	})
}

// Decide may read the texts as it reads messages.
func TestDecideOnEmbeddings(t *testing.T) {
	s := llmsim.New(llmsim.Config{Decide: func(c *llmsim.Call) llmsim.Fault {
		if c.Embeds && c.Messages[1].Text == "poison" {
			return llmsim.ServerError
		}
		return llmsim.None
	}})
	embed(s, quoted("a", "poison"), "").must(t, 500)
	embed(s, quoted("a", "b"), "").must(t, 200)
}

func TestEmbeddingsRefuseWhatOpenAIRefuses(t *testing.T) {
	s := llmsim.New(llmsim.Config{Context: 10})
	for _, test := range []struct{ body, want string }{
		{`{"input":"a"}`, "model"},
		{`{"model":"m"}`, "'input'"},
		{`{"model":"m","input":null}`, "'input'"},
		{`{"model":"m","input":""}`, "'$.input' is invalid"},
		{`{"model":"m","input":[]}`, "'$.input' is invalid"},
		{`{"model":"m","input":["a",""]}`, "'$.input' is invalid"},
		{`{"model":"m","input":["a",[1]],"encoding_format":"hex"}`, "'hex'"},
		{`{"model":"m","input":[null]}`, "'$.input' is invalid"},
		{`{"model":"m","input":{"text":"a"}}`, "'$.input' is invalid"},
		{`{"model":"m","input":["a"` + strings.Repeat(`,"a"`, 2048) + `]}`, "'$.input' is invalid"},
		{`{"model":"m","input":"a","dimensions":0}`, "'dimensions' = 0"},
		{`{"model":"m","input":"a","dimensions":1537}`, "'dimensions' = 1537"},
		{`{"model":"m","input":"a","dimensions":"many"}`, "'dimensions'"},
		{`{"model":"m","input":"a b c d e f g h i j k"}`, "maximum context length is 10 tokens, however you requested 11 tokens (11 in your prompt"},
		{`{`, "could not parse"},
	} {
		r := do(s.Client(), embeddings.request(context.Background(), "http://sim", test.body, llmsim.None)).must(t, 400)
		if got := embeddings.problem(t, r.body); got.kind != "invalid_request_error" || !strings.Contains(got.message, test.want) {
			t.Errorf("%.80s gets %+v; want %s in it", test.body, got, test.want)
		}
	}
	// Each text is read by itself.
	embed(s, quoted("a b c d e f", "g h i j k l"), "").must(t, 200)
}

// Base64 is asked for because it is shorter.
func TestBase64IsShorter(t *testing.T) {
	s := llmsim.New(llmsim.Config{})
	text := quoted(prose)
	numbers, packed := embed(s, text, "").must(t, 200), embed(s, text, `,"encoding_format":"base64"`).must(t, 200)
	if n := base64.StdEncoding.EncodedLen(4 * 1536); len(packed.body) > n+300 || len(numbers.body) < 2*n {
		t.Errorf("%d bytes in base64, %d in numbers; want about %d, and more than twice that", len(packed.body), len(numbers.body), n)
	}
}
