package pawl_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/pawlhq/pawl"
)

func TestBranchesSortByTheirNumber(t *testing.T) {
	parent := pawl.NewID()
	last := pawl.ChildID(parent, "each/0")
	for i := 1; i < 70_000; i++ {
		id := pawl.ChildID(parent, fmt.Sprint("each/", i))
		if bytes.Compare(last[:], id[:]) >= 0 {
			t.Fatalf("branch %d is %s, and the one before it %s", i, id, last)
		}
		last = id
	}
}

// What follows a task stands beside it: among 10,000 branches, what follows the
// first comes before the second dozen.
func TestWhatFollowsIsANeighbour(t *testing.T) {
	parent := pawl.NewID()
	for i := range 9_000 {
		next := pawl.FollowID(pawl.ChildID(parent, fmt.Sprint("each/", i+100)))
		low, high := pawl.ChildID(parent, fmt.Sprint("each/", i)), pawl.ChildID(parent, fmt.Sprint("each/", i+200))
		if bytes.Compare(next[:], low[:]) < 0 || bytes.Compare(next[:], high[:]) > 0 {
			t.Fatalf("what follows branch %d is %s; want it between %s and %s", i+100, next, low, high)
		}
	}
}

func TestIDsOfARunAreAllDifferent(t *testing.T) {
	seen := map[pawl.ID]string{}
	note := func(id pawl.ID, what string) {
		if other, ok := seen[id]; ok {
			t.Fatalf("%s and %s are both %s", what, other, id)
		}
		seen[id] = what
		if version := id[6] >> 4; version != 7 && version != 8 || id.IsDerived() != (version == 8) || id[8]>>6 != 2 {
			t.Fatalf("%s is %x, which is no UUID of version 7 or 8", what, id)
		}
	}
	root := pawl.NewID()
	note(root, "the root")
	for _, key := range []string{"", "a", "b", "1a", "each/", "each/00", "each/2097151", "each/2097152", "each/99999999999999999999999"} {
		note(pawl.ChildID(root, key), key)
	}
	for i := range 300 {
		key := fmt.Sprint("each/", i)
		child := pawl.ChildID(root, key)
		note(child, key)
		for range 3 {
			child = pawl.FollowID(child)
			note(child, "what follows "+key)
		}
		for j := range 300 {
			note(pawl.ChildID(child, fmt.Sprint("each/", j)), fmt.Sprint(key, " below ", j))
		}
	}
}
