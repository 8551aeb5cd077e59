package openai

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/pawlhq/pawl/llm"
)

// DecodeStream reads a stream of chunks up to "[DONE]" and returns the Response
// that the call would have given without streaming. A stream that breaks off,
// or carries an error, gives an *llm.Error. One that ends properly after every
// choice has, without "[DONE]", is whole: some servers send none.
func (a API) DecodeStream(body io.Reader) (*llm.Response, error) {
	events := llm.NewEvents(body)
	var c completion
	for {
		event, err := events.Next()
		if errors.Is(err, io.EOF) {
			if c.ended() {
				return a.Decode(c.json())
			}
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, a.unreadable(fmt.Errorf("read the stream: %w", err))
		}
		if string(event.Data) == "[DONE]" {
			return a.Decode(c.json())
		}
		chunk := fields(event.Data)
		if event.Name == "error" || len(chunk["error"]) > 0 && string(chunk["error"]) != "null" {
			return nil, a.streamError(event.Data)
		}
		if chunk == nil {
			return nil, a.unreadable(fmt.Errorf("read the stream: a chunk that is no object"))
		}
		if err := c.add(chunk); err != nil {
			return nil, a.unreadable(fmt.Errorf("read the stream: %w", err))
		}
	}
}

// completion is a response that is being put together.
type completion struct {
	fields  llm.Draft
	choices []*choice // by index
}

type choice struct {
	llm.Draft
	index   int
	message llm.Draft
	ended   bool
}

// add adds a chunk. Its own fields are said again with every chunk; those of a
// delta add to what came before.
func (c *completion) add(chunk map[string]json.RawMessage) error {
	var choices []map[string]json.RawMessage
	if list := chunk["choices"]; len(list) > 0 {
		if err := json.Unmarshal(list, &choices); err != nil {
			return err
		}
	}
	for name, value := range chunk {
		// The padding that hides a chunk's length belongs to the stream.
		if name != "choices" && name != "obfuscation" && string(value) != "null" {
			c.fields.Set(name, value)
		}
	}
	for _, part := range choices {
		if err := c.choice(part["index"]).add(part); err != nil {
			return err
		}
	}
	return nil
}

// choice returns the choice with this index, a new one if there is none.
func (c *completion) choice(index json.RawMessage) *choice {
	var i int
	_ = json.Unmarshal(index, &i) // a server that counts no choices has one
	at, found := slices.BinarySearchFunc(c.choices, i, func(c *choice, i int) int { return cmp.Compare(c.index, i) })
	if !found {
		c.choices = slices.Insert(c.choices, at, &choice{index: i})
	}
	return c.choices[at]
}

func (c *choice) add(part map[string]json.RawMessage) error {
	for name, value := range part {
		switch {
		case name == "delta" && string(value) != "null":
			if err := c.message.GrowAll(value); err != nil {
				return err
			}
		case name == "delta":
		case name == "finish_reason" && string(value) != "null":
			c.ended = true
			c.Set(name, value)
		default:
			c.Grow(name, value)
		}
	}
	return nil
}

// ended reports whether there are choices and all of them have ended.
func (c *completion) ended() bool {
	return len(c.choices) > 0 && !slices.ContainsFunc(c.choices, func(c *choice) bool { return !c.ended })
}

// json returns the response.
func (c *completion) json() json.RawMessage {
	list := []byte{'['}
	for i, choice := range c.choices {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, choice.json()...)
	}
	c.fields.Set("choices", append(list, ']'))
	c.fields.Set("object", json.RawMessage(`"chat.completion"`))
	return c.fields.JSON()
}

func (c *choice) json() json.RawMessage {
	for _, call := range c.message.Objects("tool_calls") {
		call.Delete("index") // only the pieces have one
	}
	message := llm.Draft{}
	message.Set("role", json.RawMessage(`"assistant"`))
	message.Set("content", json.RawMessage("null"))
	_ = message.SetAll(c.message.JSON()) // it is an object
	c.Set("message", message.JSON())
	return c.JSON()
}
