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
	Messages    []Message // the conversation, oldest first
	MaxTokens   int       // the most tokens to generate; 0 when the request does not say
	Stream      bool
	InputTokens int    // the provider's own count of the input
	Hash        uint64 // of the request's body: the same body, the same hash

	chars    int      // characters of text in the input
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
