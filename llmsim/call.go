package llmsim

import (
	"crypto/sha256"
	"encoding/binary"
)

// Call is a request as the provider understood it.
type Call struct {
	API         string // "anthropic" or "openai"
	Model       string
	System      string    // the system prompt; OpenAI's system and developer messages
	Messages    []Message // the conversation, oldest first; if Embeds, the texts, of no role
	Embeds      bool      // asks for vectors of texts, and not for an answer
	MaxTokens   int       // the most tokens to generate; 0 when the request does not say
	Stream      bool
	InputTokens int    // the provider's own count of the input
	Hash        uint64 // of the request's body: the same body, the same hash

	chars    int      // characters of text in the input
	longest  int      // tokens of the longest text, if Embeds
	vectors  form     // what is asked for, if Embeds
	prefixes []prefix // up to the last block that is marked for the prompt cache
	cached   cached
	usage    bool // whether a stream ends with its usage
}

// Message is one message of the conversation, its text put together.
type Message struct{ Role, Text string }

// hashBody returns the first eight bytes of the body's SHA-256.
func hashBody(b []byte) uint64 {
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// atOnce returns how many tokens the model reads at once: all, but that each text
// to be embedded is read by itself.
func (c *Call) atOnce() int {
	if c.Embeds {
		return c.longest
	}
	return c.InputTokens
}
