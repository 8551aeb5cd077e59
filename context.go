package pawl

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/pawlhq/pawl/llm"
)

// Node is one message of a conversation as it is stored. A conversation is a
// chain of nodes, named by the Hash of its last one; conversations with the same
// beginning share its nodes, and equal messages are stored once wherever they
// stand.
type Node struct {
	Hash    Hash        `json:"hash"`            // SHA-256 of Parent and Content
	Parent  Hash        `json:"parent,omitzero"` // zero for the first message
	Content Hash        `json:"content"`         // SHA-256 of the message's canonical JSON
	Message llm.Message `json:"message"`
}

// NewNode returns the node that appends a message to the conversation parent.
func NewNode(parent Hash, m llm.Message) (Node, error) {
	canonical, err := canonicalJSON(m.JSON())
	if err != nil {
		return Node{}, fmt.Errorf("append message: %w", err)
	}
	content := Hash(sha256.Sum256(canonical))
	return Node{
		Hash:    Hash(sha256.Sum256(append(parent[:], content[:]...))),
		Parent:  parent,
		Content: content,
		Message: m,
	}, nil
}

// appendNodes returns the nodes that append messages to the conversation head,
// and the conversation's new head.
func appendNodes(head Hash, messages []llm.Message) ([]Node, Hash, error) {
	nodes := make([]Node, 0, len(messages))
	for _, m := range messages {
		node, err := NewNode(head, m)
		if err != nil {
			return nil, Hash{}, err
		}
		nodes = append(nodes, node)
		head = node.Hash
	}
	return nodes, head, nil
}

// Conversation returns the messages of a stored conversation, oldest first;
// none for the zero Hash.
func (c *Client) Conversation(ctx context.Context, head Hash) ([]llm.Message, error) {
	if head.IsZero() {
		return []llm.Message{}, nil
	}
	nodes, err := c.store.Conversation(ctx, head)
	if err != nil {
		return nil, fmt.Errorf("read conversation %s: %w", head, err)
	}
	messages := make([]llm.Message, len(nodes))
	for i, n := range nodes {
		messages[i] = n.Message
	}
	return messages, nil
}
