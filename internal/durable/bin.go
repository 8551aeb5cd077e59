package durable

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/pawlhq/pawl"
)

// BinOf returns the number of the bin that a task waits in: 63 bits of a SHA-256,
// so that nobody has to look it up or to agree on it.
func BinOf(r *pawl.TaskRow) int64 {
	b := binOf(r)
	return b.number()
}

func binOf(r *pawl.TaskRow) Bin {
	return Bin{Queue: r.Queue, Limit: r.Limit, Priority: r.Priority, User: r.User, Operation: r.Operation}
}

func (b *Bin) number() int64 {
	buf := make([]byte, 0, 128)
	for _, name := range []string{b.Queue, b.Limit, b.User, b.Operation} {
		buf = binary.AppendUvarint(buf, uint64(len(name)))
		buf = append(buf, name...)
	}
	sum := sha256.Sum256(append(buf, byte(b.Priority)))
	return int64(binary.BigEndian.Uint64(sum[:8]) >> 1)
}
