package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
)

// Who cancels a run must not leave a task behind that a handler of the run adds in the
// same moment: either the handler learns that it is to stop, or its task is cancelled.
func TestCancelOfARunWhileItsHandlerAdds(t *testing.T) {
	s := open(t, place(t))
	defer s.Close()
	missed, lost := 0, 0
	for range 100 {
		id := pawl.NewID()
		row := pawl.TaskRow{ID: id, Run: id, Operation: "parent", Queue: "q", Limit: pawl.NoLimit, MaxAttempts: 1, Input: []byte("1")}
		if _, err := s.Add(t.Context(), time.Time{}, []pawl.NewTask{{Row: row}}); err != nil {
			t.Fatal(err)
		}
		c, err := s.Claim(t.Context(), time.Time{}, pawl.Claim{Worker: "w", Operations: []string{"parent"}, Max: 1, Lease: time.Minute})
		if err != nil || len(c.Tasks) != 1 {
			t.Fatalf("Claim = %d tasks, %v; want 1", len(c.Tasks), err)
		}
		child := row
		child.ID, child.Operation, child.Links = pawl.ChildID(id, "a"), "child", &pawl.Links{Parent: id, Key: "a"}
		add := pawl.NewTask{Row: child, By: c.Tasks[0].Lease(), Step: &pawl.StepRow{Key: "add", Name: "add", Attempt: 1}}
		var both sync.WaitGroup
		both.Go(func() {
			added, err := s.Add(t.Context(), time.Time{}, []pawl.NewTask{add})
			if err != nil {
				t.Error(err)
			} else if added[0].As == pawl.AsLost {
				lost++
			}
		})
		both.Go(func() {
			if _, err := s.Change(t.Context(), time.Time{}, pawl.Filter{Run: id}, pawl.Change{Do: pawl.Cancel}); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		rows, err := s.List(t.Context(), time.Time{}, pawl.Filter{Run: id, States: []pawl.State{pawl.Pending}})
		if err != nil {
			t.Fatal(err)
		}
		missed += len(rows)
	}
	if missed > 0 {
		t.Errorf("%d tasks of 100 cancelled runs wait on, and %d were not added; want none that waits", missed, lost)
	}
}
