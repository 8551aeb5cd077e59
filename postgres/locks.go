package postgres

import (
	"hash/fnv"
	"maps"
	"slices"

	"github.com/pawlhq/pawl"
)

// locks are the advisory locks of one schema. Each has two numbers: the class,
// which stands for the schema, and one of those below. Each lock is of one
// transaction, never of a session.
type locks struct {
	class int32 // of the schema
	fine  int32 // of single identities in the schema
}

const (
	lockBook    = 0
	lockForeign = -1 // marks the transactions of callers
	lockSchema  = -2 // migrates
	// From 1 on: the buckets of identities.
)

func locksOf(schema string) locks {
	return locks{hashOf("pawl " + schema), hashOf("pawl identity " + schema)}
}

func hashOf(s string) int32 {
	h := fnv.New32a()
	h.Write([]byte(s)) // never fails
	return int32(h.Sum32())
}

const (
	bucketCount = 64
	// fineMost is up to how many identities are locked one by one. More are locked
	// by their buckets, so that no transaction fills the server's table of locks.
	fineMost = 64
	// fineCrowded is that number inside a caller's transaction, or while one holds
	// a bucket.
	fineCrowded = 1024
)

// bucketsOf returns the buckets of identities, in order.
func bucketsOf(identities []pawl.Hash) []int32 {
	set := map[int32]bool{}
	for _, h := range identities {
		set[1+int32(h[0])%bucketCount] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// keysOf returns the numbers of single identities, in order.
func keysOf(identities []pawl.Hash) []int32 {
	set := map[int32]bool{}
	for _, h := range identities {
		set[int32(h[1])<<24|int32(h[2])<<16|int32(h[3])<<8|int32(h[4])] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// lockIdentities returns the statements that keep other transactions from adding
// tasks of the same identities.
//
// A few identities are locked one by one, and their buckets shared; many are
// locked by their buckets alone. So a caller's own transaction, which may be open
// for long, holds up nobody but those who add the same, and those who add many at
// a time: these wait for shortly, and then lock one by one as well.
func (tx *transaction) lockIdentities(identities []pawl.Hash) []call {
	if len(identities) == 0 {
		return nil
	}
	buckets := int4sArg(bucketsOf(identities))
	most := fineMost
	if tx.foreign || tx.crowded.holds() {
		most = fineCrowded
	}
	if len(identities) > most {
		lock := tx.call("lockEach", int4Arg(tx.locks.class), buckets)
		if tx.foreign {
			return []call{lock}
		}
		return []call{tx.call("impatient"), lock, tx.call("patient")}
	}
	return []call{
		tx.call("lockEachShared", int4Arg(tx.locks.class), buckets),
		tx.call("lockEach", int4Arg(tx.locks.fine), int4sArg(keysOf(identities))),
	}
}
