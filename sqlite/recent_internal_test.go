package sqlite

import (
	"testing"

	"github.com/pawlhq/pawl"
)

// batchOf returns n events, numbered from first.
func batchOf(first, n int) []pawl.Event {
	events := make([]pawl.Event, n)
	for i := range events {
		events[i].Attempt = first + i
	}
	return events
}

// TestRecentEventsEndAtAGap holds what other processes wrote in between: that is in the
// file alone, and nobody may be told what comes after it before it.
func TestRecentEventsEndAtAGap(t *testing.T) {
	var r recent
	r.put(1, batchOf(1, 2))
	r.put(3, batchOf(3, 1))
	r.put(9, batchOf(9, 4)) // 4 to 8 are of another process
	r.publish()
	for _, c := range []struct{ at, found, then int64 }{{1, 3, 4}, {3, 1, 4}, {4, 0, 4}, {9, 4, 13}, {13, 0, 13}, {2, 0, 2}} {
		found, then := r.after(c.at)
		if int64(len(found)) != c.found || then != c.then {
			t.Errorf("after(%d) = %d events, %d; want %d, %d", c.at, len(found), then, c.found, c.then)
		}
		for i, e := range found {
			if e.Attempt != int(c.at)+i {
				t.Errorf("after(%d): event %d is number %d", c.at, i, e.Attempt)
			}
		}
	}
}

// TestRecentEventsOfARollbackAreForgotten has another transaction take the place of one
// that was rolled back.
func TestRecentEventsOfARollbackAreForgotten(t *testing.T) {
	var r recent
	r.put(1, batchOf(100, 2))
	if found, _ := r.after(1); len(found) != 0 {
		t.Errorf("after(1) = %d events before the commit; want none", len(found))
	}
	r.forget()
	r.put(1, batchOf(1, 1))
	r.publish()
	if found, then := r.after(1); len(found) != 1 || then != 2 || found[0].Attempt != 1 {
		t.Errorf("after(1) = %+v, %d; want the one that was committed, and 2", found, then)
	}
}

// TestRecentEventsAreBounded has a process tell many events that nobody reads.
func TestRecentEventsAreBounded(t *testing.T) {
	var r recent
	at := 1
	for range 100 {
		r.put(int64(at), batchOf(at, 1000))
		r.publish()
		at += 1000
	}
	if r.count > recentMost || len(r.kept) != len(r.order) || len(r.order) != recentMost/1000 {
		t.Errorf("%d events are kept in %d batches, %d by position; want at most %d", r.count, len(r.order), len(r.kept), recentMost)
	}
	if found, then := r.after(int64(at - 2000)); len(found) != 2000 || then != int64(at) {
		t.Errorf("the last two batches: %d events, %d; want 2000, %d", len(found), then, at)
	}
}
