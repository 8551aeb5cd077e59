package pawl_test

import (
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pawlhq/pawl"
)

// family is a task and its branches, of one task each, as a store keeps them.
type family struct {
	*rapid.T
	parent  *pawl.TaskRow
	rows    []*pawl.TaskRow
	park    pawl.Park
	retried map[pawl.ID]bool // tried again since the parent has parked, and not waited for
	most    int              // branches that may have a place
}

// Whatever ends, is cancelled and tried again in whatever order: a task waits for what
// is open and for nothing else, not for ever, and no more of its branches are under way
// than it said.
func TestATaskWaitsForItsBranchesAndNoLonger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFamily(t)
		t.Repeat(map[string]func(*rapid.T){
			"":          f.check,
			"end":       f.end,
			"retry":     f.retry,
			"time's up": f.release,
			"park":      f.parkAgain,
		})
	})
}

func newFamily(t *rapid.T) *family {
	f := &family{T: t, parent: &pawl.TaskRow{ID: pawl.ID{1}, Run: pawl.ID{1}, State: pawl.Running, Attempt: 1}}
	if rapid.Bool().Draw(t, "caught") {
		f.parent.Links = &pawl.Links{Caught: true}
	}
	f.park = pawl.Park{
		All: rapid.Bool().Draw(t, "all"), AtOnce: rapid.IntRange(0, 3).Draw(t, "at once"), Prefix: "b",
	}
	for i := range rapid.IntRange(1, 7).Draw(t, "branches") {
		key := "b" + strconv.Itoa(i)
		r := &pawl.TaskRow{ID: pawl.ChildID(f.parent.ID, key), State: pawl.Pending, Links: &pawl.Links{Parent: f.parent.ID, Key: key}}
		if f.park.AtOnce > 0 {
			r.BeInLine()
		}
		f.rows, f.park.Branches = append(f.rows, r), append(f.park.Branches, r.ID)
	}
	f.parks()
	return f
}

// parks has the parent wait, as the end of an attempt does.
func (f *family) parks() {
	f.retried = map[pawl.ID]bool{}
	f.parent.State = pawl.Blocked
	await, start := f.parent.BeParked(&f.park, f.rows)
	for _, r := range await {
		r.BeAwaited(true)
	}
	for _, r := range start {
		r.BeReleased()
	}
	// What was tried again while nobody waited is under way, however much it is.
	f.most = max(f.park.AtOnce, f.places())
}

// places returns how many branches have a place.
func (f *family) places() (n int) {
	for _, r := range f.rows {
		if r.Awaited() && !r.Links.InLine {
			n++
		}
	}
	return n
}

// drawn draws some of the branches that are as said, at least one.
func (f *family) drawn(t *rapid.T, are func(*pawl.TaskRow) bool) (some []*pawl.TaskRow) {
	for _, r := range f.rows {
		if are(r) {
			some = append(some, r)
		}
	}
	if len(some) == 0 {
		return nil
	}
	return rapid.Permutation(some).Draw(t, "branches")[:rapid.IntRange(1, len(some)).Draw(t, "how many")]
}

// end ends branches together. Those that wait in line can only be cancelled.
func (f *family) end(t *rapid.T) {
	ends := f.drawn(t, func(r *pawl.TaskRow) bool { return !r.State.Ended() })
	for _, r := range ends {
		switch how := rapid.IntRange(0, 3).Draw(t, "how"); {
		case r.IsInLine() || how == 0:
			r.BeCancelled(time.Time{})
		case how == 1:
			r.State = pawl.Dead
		default:
			r.State = pawl.Succeeded
		}
	}
	starts, waited := 0, f.parent.State == pawl.Blocked
	for _, r := range ends {
		if !r.Awaited() {
			continue
		}
		counts, start := f.parent.BranchHasEnded(r)
		if counts {
			r.BeAwaited(false)
		}
		if start {
			starts++
		}
	}
	for range starts {
		f.startNext()
	}
	if waited && f.parent.State == pawl.Pending {
		f.released(t)
	}
}

func (f *family) startNext() {
	for id := f.parent.NextInLine(); !id.IsZero(); id = f.parent.NextInLine() {
		for _, r := range f.rows {
			if r.ID == id && r.IsInLine() && r.Awaited() {
				r.BeReleased()
				return
			}
		}
	}
}

// released checks that there was a reason for the parent to go on.
func (f *family) released(t *rapid.T) {
	open, failed := 0, false
	for _, r := range f.rows {
		if !r.State.Ended() && !f.retried[r.ID] {
			open++
		}
		failed = failed || r.State.Ended() && r.State != pawl.Succeeded
	}
	switch {
	case f.park.All && f.parent.Caught() && failed:
	case f.park.All && !f.parent.Caught() && failed:
		t.Fatal("it goes on, though one of those that must all succeed has failed")
	case open > 0:
		t.Fatalf("it goes on, though %d branches are open", open)
	}
}

func (f *family) retry(t *rapid.T) {
	for _, r := range f.drawn(t, func(r *pawl.TaskRow) bool { return r.State == pawl.Dead || r.State == pawl.Cancelled }) {
		r.BeRetried(pawl.Change{Do: pawl.Retry}, f.parent)
		f.retried[r.ID] = !r.Awaited()
	}
}

func (f *family) release(t *rapid.T) {
	if f.parent.State != pawl.Blocked {
		return // it does not wait
	}
	f.parent.BeReleased()
}

func (f *family) parkAgain(t *rapid.T) {
	if f.parent.State == pawl.Blocked {
		return // it waits
	}
	f.parks()
}

// check compares what the parent waits for with what is there.
func (f *family) check(t *rapid.T) {
	if f.parent.State != pawl.Blocked {
		return
	}
	awaited, underWay, failed := 0, 0, false
	for _, r := range f.rows {
		switch {
		case !r.Awaited():
			if !r.State.Ended() && !f.retried[r.ID] {
				t.Fatalf("%s is %s, and not waited for", r.Links.Key, r.State)
			}
			continue
		case r.State == pawl.Succeeded:
			t.Fatalf("%s has succeeded, and is waited for", r.Links.Key)
		case r.State.Ended():
			failed = true
		case !r.IsInLine():
			underWay++
		}
		awaited++
	}
	if n := f.parent.Links.Wait.Branches; n != awaited {
		t.Fatalf("it waits for %d branches; want %d", n, awaited)
	}
	mendable := f.park.All && !f.parent.Caught()
	if failed && !mendable {
		t.Fatal("it waits for what has failed")
	}
	if underWay == 0 && !failed {
		t.Fatalf("it waits for %d branches, none of which is under way", awaited)
	}
	if n := f.places(); f.park.AtOnce > 0 && n > f.most {
		t.Fatalf("%d branches have a place; want no more than %d", n, f.most)
	}
	if line := f.parent.Links.Wait.Line; line != nil && f.places()+line.Free != f.park.AtOnce {
		t.Fatalf("%d branches have a place, and %d are free; want %d in all", f.places(), line.Free, f.park.AtOnce)
	}
}
