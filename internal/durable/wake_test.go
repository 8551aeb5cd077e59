package durable_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// So much comes due at once that one claim does not wake all of it, and what was
// added first is due last: when the first tasks are pending at last, later ones
// of their bin have been claimed. None is passed over.
func TestWhatIsWokenAfterLaterTasksWereClaimedIsClaimed(t *testing.T) {
	for _, tasks := range []int{2500, 3500, 4500} { // a transaction wakes 1,000
		memory, _ := newMemory().two()
		store := durable.New(memory)
		now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
		added := make([]pawl.NewTask, tasks)
		for i := range added {
			id := pawl.NewID()
			added[i].Row = pawl.TaskRow{ID: id, Run: id, Operation: "o", Queue: "q", Limit: pawl.NoLimit, MaxAttempts: 1, Input: fmt.Append(nil, i)}
			added[i].Duplicates, added[i].Delay = pawl.Keep, time.Duration(tasks-i)*time.Millisecond
		}
		if _, err := store.Add(t.Context(), now, added); err != nil {
			t.Fatal(err)
		}
		if claimed := claimAll(t, store, now.Add(time.Hour), tasks); claimed != tasks {
			t.Errorf("%d tasks were claimed; want %d", claimed, tasks)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// claimAll claims as a worker does, until there is nothing more to claim now, and
// returns how many tasks there were.
func claimAll(t *testing.T, store pawl.Store, now time.Time, most int) (claimed int) {
	t.Helper()
	for {
		got, err := store.Claim(t.Context(), now, pawl.Claim{Worker: "w", Operations: []string{"o"}, Max: most, Lease: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		claimed += len(got.Tasks)
		if len(got.Tasks) == 0 && !got.Next.Equal(now) {
			return claimed
		}
	}
}
