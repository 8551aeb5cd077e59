package pawl_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
)

// What had failed beside the branch where a run is forked has no result to be kept: it is
// done anew, whether its failure was the run's or a value. What had succeeded is not.
func TestAForkDoesAnewWhatHadFailedBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		runs := map[int]int{}
		c := one(t, double, func(_ context.Context, t *pawl.Task[int]) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			runs[t.Input]++
			if t.Input < 0 && runs[t.Input] == 1 {
				return 0, pawl.Permanent(errors.New("negative"))
			}
			return 2 * t.Input, nil
		})
		start(t, c)
		tried, err := pawl.Each(pawl.Try(double)).Add(t.Context(), c, []int{1, -2, 3})
		must(t, err)
		if got := result(t, tried); got[1].Failure == nil || got[2].Value != 6 {
			t.Fatalf("Wait = %+v; want the second to have failed", got)
		}
		for _, got := range forked(t, tried, elementOf(t, c, tried.ID, "3").String()) {
			if got[0].Value != 2 || got[1].Failure != nil || got[1].Value != -4 || got[2].Value != 6 {
				t.Errorf("the fork is %+v; want 2, -4, 6", got)
			}
		}
		strict, err := pawl.Each(double).Add(t.Context(), c, []int{10, -20, 30})
		must(t, err)
		dead(t, strict)
		idle()
		if got := forked(t, strict, elementOf(t, c, strict.ID, "30").String()); !cmp.Equal(got, [][]int{{20, -40, 60}}) {
			t.Errorf("the fork is %v; want 20, -40, 60", got)
		}
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff(map[int]int{1: 1, -2: 2, 3: 2, 10: 1, -20: 2, 30: 2}, runs); diff != "" {
			t.Errorf("how often each ran (-want +got):\n%s", diff)
		}
	})
}
