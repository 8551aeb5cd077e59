package turns

import "math"

// Before returns how many tasks of other users start before one of t's, which has
// so many of its own in front of it, if each task uses so many tokens. tasks says
// how many a user has. It is 0 if t does not wait; the line stays as it is.
//
// The j-th next task of a user has the tag Start + j·tokens, and the lowest tag
// starts first.
func (l *Line[U]) Before(t *Turn[U], own int, tokens float64, tasks func(U) int) int {
	if !t.Waits() {
		return 0
	}
	before := 0
	for _, other := range l.waiting {
		if other == t {
			continue
		}
		gap := (t.Start-other.Start)/tokens + float64(own)
		n := math.Ceil(gap)
		if n == gap && other.Arrival < t.Arrival {
			n++ // of equal tags, the user's goes first who came first
		}
		if n > 0 {
			before += min(tasks(other.Of), int(min(n, math.MaxInt32)))
		}
	}
	return before
}

// Sum returns how many tasks the users who wait have together.
func (l *Line[U]) Sum(tasks func(U) int) int {
	sum := 0
	for _, t := range l.waiting {
		sum += tasks(t.Of)
	}
	return sum
}
