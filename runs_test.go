package pawl_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
)

// runsFound returns the users of the runs that a filter selects, in their order.
func runsFound(t *testing.T, c *pawl.Client, f pawl.RunFilter) (users []string) {
	t.Helper()
	runs, err := c.Runs(t.Context(), f)
	must(t, err)
	for _, r := range runs {
		users = append(users, r.User)
	}
	return users
}

func TestRunsAreListedNewestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		ids := map[string]pawl.ID{}
		add := func(user string, in []int, opts ...pawl.Option) {
			run, err := pawl.Then(pawl.Each(double), total).Add(t.Context(), c, in, append(opts, pawl.User(user))...)
			must(t, err)
			ids[user] = run.ID
			stop := start(t, c)
			time.Sleep(10*time.Millisecond + 8*lateness())
			synctest.Wait()
			stop()
		}
		add("a", []int{1, 2})
		time.Sleep(400 * 24 * time.Hour)
		add("b", []int{1, -2})
		time.Sleep(50 * time.Millisecond)
		add("c", []int{3})
		time.Sleep(time.Hour)
		add("d", nil, pawl.Delay(time.Hour))
		for _, want := range []struct {
			f     pawl.RunFilter
			users []string
		}{
			{pawl.RunFilter{}, []string{"d", "c", "b", "a"}},
			{pawl.RunFilter{Max: 2}, []string{"d", "c"}},
			{pawl.RunFilter{Max: 2, Before: ids["c"]}, []string{"b", "a"}},
			{pawl.RunFilter{States: []pawl.State{pawl.Dead}}, []string{"b"}},
			{pawl.RunFilter{States: []pawl.State{pawl.Succeeded}}, []string{"c", "a"}},
			{pawl.RunFilter{States: []pawl.State{pawl.Scheduled, pawl.Dead}}, []string{"d", "b"}},
			{pawl.RunFilter{States: []pawl.State{pawl.Running}}, nil},
			{pawl.RunFilter{Operation: "total"}, []string{"c", "a"}},
			{pawl.RunFilter{User: "c"}, []string{"c"}},
			{pawl.RunFilter{User: "nobody"}, nil},
		} {
			if got := runsFound(t, c, want.f); !slices.Equal(got, want.users) {
				t.Errorf("Runs(%+v) = %v; want %v", want.f, got, want.users)
			}
		}
		runs, err := c.Runs(t.Context(), pawl.RunFilter{User: "a"})
		must(t, err)
		if r := runs[0]; r.Tasks != 4 || pawl.Outline(r.Stages) != "each(double) → total" || r.Run != ids["a"] {
			t.Errorf("run = %+v; want 4 tasks", r)
		}
	})
}

// Whether many runs were added within one moment or few in years, each is found once.
func TestRunsAreFoundOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		want := map[pawl.ID]bool{}
		for _, n := range []int{3500, 1, 2000, 1200} {
			runs, err := double.AddMany(t.Context(), c, make([]int, n), pawl.Keep)
			must(t, err)
			for _, r := range runs {
				want[r.ID] = true
			}
			time.Sleep(300 * time.Millisecond)
		}
		got, err := c.Runs(t.Context(), pawl.RunFilter{})
		must(t, err)
		if len(got) != len(want) {
			t.Errorf("%d runs; want %d", len(got), len(want))
		}
		for i, r := range got {
			if !want[r.Run] {
				t.Errorf("run %s is found twice, or was not added", r.Run)
			}
			delete(want, r.Run)
			if i > 0 && r.Run.String() >= got[i-1].Run.String() {
				t.Errorf("run %s comes after %s, which is older", r.Run, got[i-1].Run)
			}
		}
		page := pawl.RunFilter{Max: 700}
		pages := 0
		for {
			runs, err := c.Runs(t.Context(), page)
			must(t, err)
			for i, r := range runs {
				if r.Run != got[pages*700+i].Run {
					t.Fatalf("run %d of page %d is %s; want %s", i, pages, r.Run, got[pages*700+i].Run)
				}
			}
			if len(runs) < 700 {
				break
			}
			page.Before = runs[699].Run
			pages++
		}
	})
}
