package postgres

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/llm"
)

func classOf(r *row) llm.Class { return llm.Class(r.text()) }

// readNode reads a row of the statement conversation.
func readNode(r *row) (pawl.Node, error) {
	n := pawl.Node{Hash: r.hash(), Parent: r.hash(), Content: r.hash()}
	body, err := durable.Unpack(r.bytes())
	if err != nil {
		return n, fmt.Errorf("message %s: %w", n.Content, err)
	}
	if n.Message, err = llm.ParseMessage(body); err != nil {
		return n, fmt.Errorf("message %s: %w", n.Content, err)
	}
	return n, nil
}

// addNodes is the statements that store messages that may be new. What is there
// already is kept from being removed until the commit; where it was removed a
// moment ago, the transaction fails and is tried again.
func (tx *transaction) addNodes(nodes []pawl.Node) []call {
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b pawl.Node) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	nodes = slices.CompactFunc(nodes, func(a, b pawl.Node) bool { return a.Hash == b.Hash })
	n := len(nodes)
	hashes, parents, contents := newColumn(pgtype.ByteaOID, n, 32), newColumn(pgtype.ByteaOID, n, 32), newColumn(pgtype.ByteaOID, n, 32)
	for i := range nodes {
		hashes.hash(nodes[i].Hash)
		parents.hash(nodes[i].Parent)
		contents.hash(nodes[i].Content)
	}
	messages := slices.Clone(nodes)
	slices.SortFunc(messages, func(a, b pawl.Node) int { return bytes.Compare(a.Content[:], b.Content[:]) })
	messages = slices.CompactFunc(messages, func(a, b pawl.Node) bool { return a.Content == b.Content })
	m := len(messages)
	each, bodies := newColumn(pgtype.ByteaOID, m, 32), newColumn(pgtype.ByteaOID, m, 512)
	for i := range messages {
		each.hash(messages[i].Content)
		bodies.packedText(messages[i].Message.JSON())
	}
	return []call{
		tx.call("addMessages", each.arg(), bodies.arg()),
		tx.call("keepMessages", each.arg(), int8Arg(int64(m))),
		tx.call("addNodes", hashes.arg(), parents.arg(), contents.arg()),
		tx.call("keepNodes", hashes.arg(), int8Arg(int64(n))),
	}
}
