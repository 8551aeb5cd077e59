package openai

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// embeddings is the API of embeddings. Its limits and its errors are those of
// Chat Completions.
type embeddings struct {
	texts int // how many vectors a response must have; 0 for any number
}

func (embeddings) Name() string { return API{}.Name() }

// tokenChars is what a token counts for where the input is given in tokens.
const tokenChars = 4

// Measure returns the size of a request with this body. Nothing is generated; 0
// would say that this is not known, and 1 is as little as can be said.
func (embeddings) Measure(body []byte) llm.Size {
	size := llm.Measure(body)
	if size.MaxTokens = 1; size.Chars == 0 {
		size.Chars = tokenChars * tokensIn(body)
	}
	return size
}

// tokensIn counts the tokens of an input of lists of numbers.
func tokensIn(body []byte) int {
	var r struct {
		Input json.RawMessage
	}
	if json.Unmarshal(body, &r) != nil {
		return 0
	}
	n, within := 0, false
	for _, c := range r.Input {
		digit := '0' <= c && c <= '9'
		if digit && !within {
			n++
		}
		within = digit
	}
	return n
}

// Encode fails: a conversation has no embeddings.
func (e embeddings) Encode(string, llm.Request) (json.RawMessage, error) {
	return nil, errors.New("openai: encode: embeddings are of texts, not of messages; want an Embedder")
}

// Decode reads the body of a successful call. What is no list of vectors as they
// must be is an *llm.Error, ambiguous unless it says more.
func (e embeddings) Decode(body []byte) (*llm.Response, error) {
	var list struct {
		ID, Model string
		Data      []embedding
		Usage     json.RawMessage
		Error     json.RawMessage
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, API{}.unreadable(fmt.Errorf("read the vectors: %w", err))
	}
	if len(list.Error) > 0 && string(list.Error) != "null" {
		return nil, e.Error(http.StatusOK, nil, body, time.Time{})
	}
	vectors, err := e.inOrder(list.Data)
	if err != nil {
		return nil, API{}.unreadable(fmt.Errorf("read the vectors: %w", err))
	}
	return &llm.Response{ID: list.ID, Model: list.Model, Vectors: vectors, Usage: usageOfTexts(list.Usage), JSON: body}, nil
}

// DecodeStream reads what no server sends.
func (e embeddings) DecodeStream(io.Reader) (*llm.Response, error) {
	return nil, API{}.unreadable(errors.New("read the vectors: a stream; want a list"))
}

func (embeddings) Limits(h http.Header, now time.Time) llm.Limits { return API{}.Limits(h, now) }

func (embeddings) Error(status int, h http.Header, body []byte, now time.Time) *llm.Error {
	return API{}.Error(status, h, body, now)
}

// usageOfTexts reads what a call used. Some servers tell the sum alone.
func usageOfTexts(b []byte) llm.Usage {
	u := usage(b)
	if u == (llm.Usage{}) {
		var sum struct {
			Total int64 `json:"total_tokens"`
		}
		_ = json.Unmarshal(b, &sum) // what cannot be read is not counted
		u.Input = max(sum.Total, 0)
	}
	return u
}

// embedding is one vector of a response, of the text with this index.
type embedding struct {
	Index     *int
	Embedding vector
}

// inOrder returns the vectors by their texts. Those of a server that tells no index
// are in order.
func (e embeddings) inOrder(list []embedding) ([][]float32, error) {
	switch {
	case len(list) == 0:
		return nil, errors.New(`no "data"`)
	case e.texts > 0 && len(list) != e.texts:
		return nil, fmt.Errorf("%d vectors for %d texts", len(list), e.texts)
	}
	vectors := make([][]float32, len(list))
	for i, item := range list {
		at := i
		if item.Index != nil {
			at = *item.Index
		}
		switch size := len(list[0].Embedding); {
		case at < 0 || at >= len(vectors) || vectors[at] != nil:
			return nil, fmt.Errorf("index %d, twice or beyond the %d vectors", at, len(vectors))
		case len(item.Embedding) == 0:
			return nil, fmt.Errorf("vector %d is empty", at)
		case len(item.Embedding) != size:
			return nil, fmt.Errorf("vector %d has %d dimensions, another one %d", at, len(item.Embedding), size)
		}
		vectors[at] = item.Embedding
	}
	return vectors, nil
}

// vector is read from a list of numbers, or from base64 of 32-bit floats, the
// least significant byte first.
type vector []float32

func (v *vector) UnmarshalJSON(b []byte) error {
	if b[0] != '"' {
		// A number that is not finite has no JSON, and some servers write null for it.
		if bytes.Contains(b, []byte("null")) {
			return errors.New("a vector with null; want numbers")
		}
		return json.Unmarshal(b, (*[]float32)(v))
	}
	var packed []byte
	if err := json.Unmarshal(b, &packed); err != nil {
		return fmt.Errorf("a vector in base64: %w", err)
	}
	if len(packed)%4 != 0 {
		return fmt.Errorf("a vector of %d bytes; want 4 for each number", len(packed))
	}
	*v = make(vector, len(packed)/4)
	for i := range *v {
		f := math.Float32frombits(binary.LittleEndian.Uint32(packed[4*i:]))
		if f != f || math.IsInf(float64(f), 0) {
			return fmt.Errorf("number %d of a vector is %v; want it finite", i, f)
		}
		(*v)[i] = f
	}
	return nil
}
