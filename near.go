package pawl

import "time"

// Near is what is kept of a task that is under way or has succeeded, for as long as the
// task is, so that near-duplicates of it are found. Tasks of one scope are alike in all
// but their texts.
//
// How a task waits for a near-duplicate that is under way, and never for ever:
//
//  1. It looks what there is of its scope. If it finds nothing, a second look has it be
//     under way itself, in the same transaction, with the next Place. Such looks are made
//     one after the other: of two tasks the later one sees the earlier one. A crash here
//     leaves a task that others wait for, and that is claimed again like any other.
//  2. If it finds one with a lower Place, its attempt ends as Blocked with a [Park]. Then
//     it is under way no longer: what is blocked is waited for by nobody, so there are no
//     chains and no circles.
//  3. The transaction in which a task ends, or is blocked by whatever, makes what waits for
//     it pending. Each looks again, and takes the result or, if there is none, goes on
//     with 1.
type Near struct {
	Task   ID        `json:"task"`
	Seq    int64     `json:"seq"`              // the task's; the store sets it, At and Place
	At     time.Time `json:"at"`               // when it succeeded, or looked
	Text   uint64    `json:"text"`             // a hash of its texts
	Sketch uint64    `json:"sketch"`           // of its texts, near that of texts that share words
	Vector []byte    `json:"vector,omitempty"` // its texts' embedding, one signed byte for each dimension; nil for none
	Place  int64     `json:"place,omitempty"`  // counts those of the scope that are under way, in the order in which they looked; 0 for one that has succeeded
}

// Look asks what there is of a scope.
type Look struct {
	Scope Hash

	// Near has the task of Lease be under way in the scope from now on, until it ends
	// or is blocked. One that is keeps its Place, and one that somebody had forgotten
	// stays so. Nil only to look.
	Near  *Near
	Lease Lease
}

// Nearby is what there is of one scope.
type Nearby struct {
	Err      error       // ErrLeaseLost
	Near     []Near      // of tasks that have succeeded, the newest first
	UnderWay []Near      // of those that may, by Place; with the one that looks
	Apart    [][2]uint64 // the texts of pairs, the lower hash first
}

// NearAs says that a task that succeeds may answer near-duplicates.
type NearAs struct {
	Scope Hash
	Near
	Drop []int64 // the Seq of those of the scope that are kept no longer
}

// Unlike says what is not to be taken for a near-duplicate. What waits for such a task
// looks again.
type Unlike struct {
	Scope  Hash
	Forget ID        // a task that answers near-duplicates no longer, nor when it succeeds; zero for none
	Apart  [2]uint64 // two texts that are never the same, the lower hash first; zero for none
}

// FollowersMost is how many tasks wait for one near-duplicate, and are made pending in the
// transaction that ends it. More look again every [FollowersPause].
const (
	FollowersMost  = 1000
	FollowersPause = 5 * time.Second
)

// UnderWay returns the scope in which near-duplicates may wait for r; zero if none may.
func (r *TaskRow) UnderWay() Hash {
	if r.Links == nil || r.State.Ended() || r.State == Blocked {
		return Hash{}
	}
	return r.Links.Near
}

// BeUnderWay has near-duplicates in a scope find r.
func (r *TaskRow) BeUnderWay(scope Hash) { r.link(func(l *Links) { l.Near = scope }) }

// BeAlone has no near-duplicate find r any more, nor take its result.
func (r *TaskRow) BeAlone() { r.link(func(l *Links) { l.Near, l.Alone = Hash{}, true }) }

// IsAlone reports whether r is not to answer near-duplicates, though it may succeed.
func (r *TaskRow) IsAlone() bool { return r.Links != nil && r.Links.Alone }

// Answers reports whether r, which has succeeded, answers near-duplicates.
func (r *TaskRow) Answers() bool {
	return r.State == Succeeded && r.Links != nil && !r.Links.Near.IsZero()
}

// leave has near-duplicates find r no longer.
func (r *TaskRow) leave() {
	if r.Links != nil && !r.Links.Near.IsZero() {
		r.link(func(l *Links) { l.Near = Hash{} })
	}
}

// BeBehind has r, which is blocked, wait for first, a near-duplicate of it, nil for one
// that is gone. If that is under way no longer r is pending, and looks again. waits
// reports whether it does wait, and is to be made pending with Followers.
func (r *TaskRow) BeBehind(now time.Time, first *TaskRow) (waits bool) {
	switch {
	case first == nil || first.UnderWay().IsZero():
		r.BeReleased()
		return false
	case first.Followers() >= FollowersMost:
		r.State, r.Due = Scheduled, now.Add(FollowersPause)
		return false
	}
	first.link(func(l *Links) { l.Followers++ })
	r.link(func(l *Links) { l.Wait = &Wait{Behind: first.ID} })
	return true
}

// IsBehind reports whether r waits for a near-duplicate.
func (r *TaskRow) IsBehind(first ID) bool {
	return r.State == Blocked && r.Links != nil && r.Links.Wait != nil && r.Links.Wait.Behind == first
}

// Followers returns how many tasks have begun to wait for r, at most.
func (r *TaskRow) Followers() int {
	if r.Links == nil {
		return 0
	}
	return r.Links.Followers
}

// BeLeft says that nothing waits for r any more.
func (r *TaskRow) BeLeft() {
	if r.Followers() > 0 {
		r.link(func(l *Links) { l.Followers = 0 })
	}
}
