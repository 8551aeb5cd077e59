package openai

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/pawlhq/pawl/llm"
)

// Embedder is one model of embeddings. It is safe for concurrent use.
type Embedder struct {
	model  string
	extra  map[string]json.RawMessage
	sender llm.Sender
}

var _ llm.Embedder = (*Embedder)(nil)

// NewEmbedder returns the model of embeddings that cfg describes. It does not
// connect. It takes no notice of what is about answers: MaxTokens, StreamOver,
// LegacyMaxTokens and CacheKey.
//
// Vectors are asked for in base64, in which they are less than half as long.
// Servers that do not know that send numbers, which are read as well; for one that
// refuses it set "encoding_format" in Extra to "float". Other fields for Extra
// are "dimensions", and "user".
func NewEmbedder(cfg Config) *Embedder {
	return &Embedder{model: cfg.Model, extra: maps.Clone(cfg.Extra), sender: cfg.sender(embeddings{}, "/embeddings")}
}

// Embed returns a vector for each text, in the order of the texts, by one call
// that is never made again by itself; see [llm.Embedder]. OpenAI takes 2,048 texts
// at the most, of up to 8,192 tokens each, and no empty one.
//
// In a handler it goes through the task's limit. Providers count embeddings apart
// from answers: an operation that makes many calls of both does well to leave one
// of them to an operation with a limit of its own.
func (m *Embedder) Embed(ctx context.Context, texts ...string) ([][]float32, error) {
	if len(texts) == 0 {
		return [][]float32{}, nil
	}
	body, err := m.encode(texts)
	if err != nil {
		return nil, &llm.Error{Class: llm.Permanent, API: m.sender.API.Name(), Err: fmt.Errorf("embed: %w", err)}
	}
	sender := m.sender
	sender.API = embeddings{texts: len(texts)}
	r, err := sender.Call(ctx, "embed", body)
	if err != nil {
		return nil, err
	}
	return r.Vectors, nil
}

// encode builds the body of a call. The same texts give the same bytes.
func (m *Embedder) encode(texts []string) (json.RawMessage, error) {
	if _, own := m.extra["model"]; m.model == "" && !own {
		return nil, fmt.Errorf("no model; want one in Config.Model")
	}
	if _, ok := m.extra["input"]; ok {
		return nil, fmt.Errorf(`field "input" of Extra is not its to set`)
	}
	for i, text := range texts {
		if text == "" {
			return nil, fmt.Errorf("text %d of %d is empty; want at least a character", i+1, len(texts))
		}
	}
	return llm.Compose([]llm.Field{
		{Name: "model", Value: m.model}, {Name: "input", Value: texts}, {Name: "encoding_format", Value: "base64"},
	}, m.extra)
}
