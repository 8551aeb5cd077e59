package pawl

import "time"

// Near is what is kept of a task that has succeeded, for as long as the task is, so that
// near-duplicates of it are found. Tasks of one scope are alike in all but their texts.
type Near struct {
	Task   ID        `json:"task"`
	Seq    int64     `json:"seq"`              // the task's; the store sets it, and At
	At     time.Time `json:"at"`               // when it succeeded
	Text   uint64    `json:"text"`             // a hash of its texts
	Sketch uint64    `json:"sketch"`           // of its texts, near that of texts that share words
	Vector []byte    `json:"vector,omitempty"` // its texts' embedding, one signed byte for each dimension; nil for none
}

// Nearby is what there is of one scope.
type Nearby struct {
	Near  []Near
	Apart [][2]uint64 // the texts of pairs, the lower hash first
}

// NearAs says that a task that succeeds may answer near-duplicates.
type NearAs struct {
	Scope Hash
	Near
	Drop []int64 // the Seq of those of the scope that are kept no longer
}

// Unlike says what is not to be taken for a near-duplicate.
type Unlike struct {
	Scope  Hash
	Forget int64     // the Seq of a task that answers near-duplicates no longer; 0 for none
	Apart  [2]uint64 // two texts that are never the same, the lower hash first; zero for none
}
