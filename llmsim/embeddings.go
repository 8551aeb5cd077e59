package llmsim

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// embeddings is OpenAI's API of embeddings: another endpoint of the same account.
type embeddings struct{ openai }

// What OpenAI's API takes at most.
const (
	mostTexts      = 2048
	mostDimensions = 1536
)

// form is the vectors that are asked for.
type form struct {
	dimensions int
	packed     bool // in base64
}

type embeddingsRequest struct {
	Model      string   `json:"model"`
	Input      *inputs  `json:"input"`
	Format     string   `json:"encoding_format"`
	Dimensions *float64 `json:"dimensions"`
}

func (d embeddings) parse(body []byte) (*Call, *problem) {
	var req embeddingsRequest
	if err := json.Unmarshal(body, &req); errors.Is(err, errInput) {
		return nil, d.wrongInput()
	} else if err != nil {
		return nil, d.unreadable(err)
	}
	switch {
	case req.Model == "":
		return nil, d.invalid("you must provide a model parameter")
	case req.Input == nil:
		return nil, &problem{status: 400, typ: "invalid_request_error", param: "input", code: "missing_required_parameter", message: "Missing required parameter: 'input'."}
	case len(*req.Input) == 0 || len(*req.Input) > mostTexts:
		return nil, d.wrongInput()
	}
	c := &Call{API: d.name(), Model: req.Model, Embeds: true, Hash: hashBody(body)}
	if p := d.setForm(c, &req); p != nil {
		return nil, p
	}
	for _, in := range *req.Input {
		if in.tokens == 0 {
			return nil, d.wrongInput() // an empty text too
		}
		c.Messages = append(c.Messages, Message{Text: in.text})
		c.InputTokens += in.tokens
		c.chars += in.chars
		c.longest = max(c.longest, in.tokens)
	}
	return c, nil
}

func (d embeddings) wrongInput() *problem {
	return d.invalid("'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.")
}

func (d embeddings) setForm(c *Call, req *embeddingsRequest) *problem {
	switch req.Format {
	case "", "float":
	case "base64":
		c.vectors.packed = true
	default:
		return &problem{status: 400, typ: "invalid_request_error", param: "encoding_format", code: "invalid_value",
			message: fmt.Sprintf("Invalid value: '%s'. Supported values are: 'float' and 'base64'.", req.Format)}
	}
	c.vectors.dimensions = mostDimensions
	if n := req.Dimensions; n != nil {
		if *n < 1 || *n > mostDimensions || *n != math.Trunc(*n) {
			return &problem{status: 400, typ: "invalid_request_error", param: "dimensions", code: "invalid_value",
				message: fmt.Sprintf("Invalid value for 'dimensions' = %v. Must be an integer from 1 to %d.", *n, mostDimensions)}
		}
		c.vectors.dimensions = int(*n)
	}
	return nil
}

// inputs are the texts of a request: one or many, each a string or a list of tokens.
type inputs []input

type input struct {
	text   string
	chars  int
	tokens int
}

var errInput = errors.New("input should be a string, a list of tokens, or a list of either")

func (in *inputs) UnmarshalJSON(b []byte) error {
	if one, ok := readInput(b); ok {
		*in = inputs{one}
		return nil
	}
	var many []json.RawMessage
	if json.Unmarshal(b, &many) != nil {
		return errInput
	}
	*in = make(inputs, len(many))
	for i, raw := range many {
		var ok bool
		if (*in)[i], ok = readInput(raw); !ok {
			return errInput
		}
	}
	return nil
}

// readInput reads one text. Tokens are words to the simulated models.
func readInput(b []byte) (input, bool) {
	var text string
	if json.Unmarshal(b, &text) == nil && b[0] == '"' {
		return input{text, len(text), max(min(len(text), 1), CountTokens(text))}, true
	}
	var tokens []int
	if json.Unmarshal(b, &tokens) != nil || len(tokens) == 0 || bytes.Contains(b, []byte("null")) {
		return input{}, false
	}
	words := make([]string, len(tokens))
	for i, t := range tokens {
		words[i] = strconv.Itoa(t)
	}
	return input{strings.Join(words, " "), 4 * len(tokens), len(tokens)}, true
}

func (d embeddings) faulty(c *Call, f Fault, context int) *problem {
	if f != TooLong {
		return d.openai.faulty(c, f, context)
	}
	return d.invalid("This model's maximum context length is %d tokens, however you requested %d tokens (%[2]d in your prompt; 0 for the completion). Please reduce your prompt; or completion length.",
		longest(c, context), c.longest)
}

func (embeddings) whole(a *answer) []byte {
	data := make([]object, len(a.vectors))
	for i, v := range a.vectors {
		data[i] = object{"object": "embedding", "index": i, "embedding": v}
		if a.packed {
			data[i]["embedding"] = pack(v)
		}
	}
	return encode(object{
		"object": "list", "data": data, "model": a.model,
		"usage": object{"prompt_tokens": a.input, "total_tokens": a.input},
	})
}

// pack writes a vector as 32-bit floats, the least significant byte first, in
// base64.
func pack(v []float32) string {
	b := make([]byte, 0, 4*len(v))
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return base64.StdEncoding.EncodeToString(b)
}
