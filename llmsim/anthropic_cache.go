package llmsim

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
)

// prefixes returns the prefixes of a request that end at its blocks, up to the
// last block that is marked with cache_control: tools first, then the system
// prompt, then the messages. There are none if nothing is marked. No prefix has
// more than all tokens of the input.
func (anthropic) prefixes(body []byte, all int) []prefix {
	if !bytes.Contains(body, []byte(`"cache_control"`)) {
		return nil
	}
	var req struct {
		Model    string
		Tools    []json.RawMessage
		System   json.RawMessage
		Messages []struct {
			Role    string
			Content json.RawMessage
		}
	}
	if json.Unmarshal(body, &req) != nil {
		return nil // it has tools that are no list, say
	}
	r := prefixReader{sum: sha256.New(), all: all}
	r.section("model " + req.Model)
	r.section("tools")
	for _, tool := range req.Tools {
		r.block(tool, CountTokens(string(tool)))
	}
	r.section("system")
	r.content(req.System)
	for _, m := range req.Messages {
		r.section(m.Role)
		r.tokens += messageTokens
		r.content(m.Content)
	}
	return r.found[:r.marked]
}

// prefixReader reads a request block by block.
type prefixReader struct {
	sum    hash.Hash // of all so far
	tokens int       // of all so far
	all    int       // that the whole request has
	found  []prefix
	marked int // how many of found there were at the last marked block
}

// section begins another part of the request.
func (r *prefixReader) section(name string) { fmt.Fprintf(r.sum, "%q\n", name) }

// content reads a string, which is one block of text, or a list of blocks.
func (r *prefixReader) content(raw json.RawMessage) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = encode([]object{{"type": "text", "text": text}})
	}
	var blocks []json.RawMessage
	_ = json.Unmarshal(raw, &blocks) // what is no content was refused before
	for _, b := range blocks {
		text, tokens, _ := readBlock(b)
		r.block(b, CountTokens(text)+tokens)
	}
}

// block reads one block. A marker is no part of what it says: it moves on with
// the conversation.
func (r *prefixReader) block(raw json.RawMessage, tokens int) {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(raw, &fields) // a tool may be anything
	mark, marked := fields["cache_control"]
	if fields != nil {
		delete(fields, "cache_control")
		raw = encode(fields)
	}
	fmt.Fprintf(r.sum, "%s\n", raw)
	r.tokens += tokens
	marked = marked && !bytes.Equal(mark, []byte("null"))
	r.found = append(r.found, prefix{prefixKey(r.sum.Sum(nil)), min(r.tokens, r.all), marked})
	if marked {
		r.marked = len(r.found)
	}
}
