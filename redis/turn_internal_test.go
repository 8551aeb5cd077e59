package redis

import (
	"strconv"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/services"
)

// waiting returns a store in which a task waits for so many branches, all of which run.
func waiting(t *testing.T, branches int) (s *Store, parent pawl.ID, running []*pawl.TaskRow) {
	t.Helper()
	s, err := Open(t.Context(), services.Redis(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	task := func(id pawl.ID) pawl.NewTask {
		return pawl.NewTask{Row: pawl.TaskRow{
			ID: id, Run: parent, Operation: "work", Queue: "default", Limit: pawl.NoLimit, Input: []byte("1"), MaxAttempts: 4,
		}}
	}
	claim := func() []*pawl.TaskRow {
		c, err := s.Claim(t.Context(), time.Time{}, pawl.Claim{Worker: "w", Operations: []string{"work"}, Max: branches, Lease: time.Minute})
		if err != nil || len(c.Tasks) == 0 {
			t.Fatalf("Claim = %d tasks, %v", len(c.Tasks), err)
		}
		return c.Tasks
	}
	parent = pawl.NewID()
	if _, err := s.Add(t.Context(), time.Time{}, []pawl.NewTask{task(parent)}); err != nil {
		t.Fatal(err)
	}
	f := pawl.Finish{Lease: claim()[0].Lease(), To: pawl.Blocked, Park: &pawl.Park{}}
	for i := range branches {
		key := strconv.Itoa(i)
		n := task(pawl.ChildID(parent, key))
		n.Row.Links = &pawl.Links{Parent: parent, Key: key}
		f.Follow, f.Park.Branches = append(f.Follow, n), append(f.Park.Branches, n.Row.ID)
	}
	if errs, err := s.Finish(t.Context(), time.Time{}, []pawl.Finish{f}); err != nil || errs[0] != nil {
		t.Fatalf("Finish = %v, %v", errs, err)
	}
	return s, parent, claim()
}

// end ends one branch, and returns how many are left.
func end(t *testing.T, s *Store, branch *pawl.TaskRow, parent pawl.ID) int {
	t.Helper()
	errs, err := s.Finish(t.Context(), time.Time{}, []pawl.Finish{{Lease: branch.Lease(), To: pawl.Succeeded, Output: []byte("1")}})
	if err != nil || errs[0] != nil {
		t.Fatalf("Finish = %v, %v", errs, err)
	}
	rows, err := s.List(t.Context(), time.Time{}, pawl.Filter{IDs: []pawl.ID{parent}})
	if err != nil || len(rows) != 1 || rows[0].Links == nil || rows[0].Links.Wait == nil {
		t.Fatalf("List = %d tasks, %v; want one that waits", len(rows), err)
	}
	return rows[0].Links.Wait.Branches
}

// Whoever has met others at a task takes the turn, and gives it back with the commit.
func TestTurnEndsWithTheCommit(t *testing.T) {
	s, parent, running := waiting(t, 3)
	d := s.db
	for i, r := range running[:2] {
		d.crowds.met(parent)
		if left := end(t, s, r, parent); left != 2-i {
			t.Errorf("%d branches are left; want %d", left, 2-i)
		}
		had, err := d.client.HMGet(t.Context(), d.keys.main, "turn", "turned").Result()
		if err != nil || had[0] != "" || had[1] == nil {
			t.Errorf("after the commit the turn is %q, until %v, %v; want nobody's, and that somebody had it", had[0], had[1], err)
		}
	}
}

// A process that has died while it had the turn stops nobody.
func TestTurnOfTheDead(t *testing.T) {
	s, parent, running := waiting(t, 2)
	d := s.db
	d.crowds.met(parent)
	never := time.Now().Add(time.Hour).UnixMilli()
	if err := d.client.HSet(t.Context(), d.keys.main, "turn", "dead", "turned", never).Err(); err != nil {
		t.Fatal(err)
	}
	if left := end(t, s, running[0], parent); left != 1 {
		t.Errorf("%d branches are left; want 1", left)
	}
	if turn := d.client.HGet(t.Context(), d.keys.main, "turn").Val(); turn != "dead" {
		t.Errorf("the turn is %q; want that of another one left alone", turn)
	}
}
