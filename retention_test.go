package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// changes is a store that tells of each removal, which may fail.
type changes struct {
	pawl.Store
	removed func(ids []pawl.ID) error

	mu    sync.Mutex
	looks []time.Time
}

func (s *changes) Change(ctx context.Context, now time.Time, f pawl.Filter, c pawl.Change) ([]pawl.ID, error) {
	s.mu.Lock()
	s.looks = append(s.looks, time.Now())
	s.mu.Unlock()
	ids, err := s.Store.Change(ctx, now, f, c)
	if err == nil && s.removed != nil {
		err = s.removed(ids)
	}
	return ids, err
}

// ending fails for good where its input says so.
func ending(_ context.Context, task *pawl.Task[string]) (string, error) {
	if task.Input == "bad" {
		return "", pawl.Permanent(errors.New("no good"))
	}
	return task.Input, nil
}

func counts(t *testing.T, c *pawl.Client) map[pawl.State]int {
	t.Helper()
	rows, err := c.List(t.Context(), pawl.Filter{})
	must(t, err)
	n := map[pawl.State]int{}
	for _, r := range rows {
		n[r.State]++
	}
	return n
}

// Each kind of end is kept as long as it is to be, and what waits or runs for ever.
func TestRetentionRemovesWhatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		c := newClient(store, pawl.Config{Retention: pawl.Retention{Succeeded: time.Hour, Cancelled: 3 * time.Hour}})
		asks.Handle(c, ending)
		start(t, c)
		result(t, add(t, c, asks, "good"))
		dead(t, add(t, c, asks, "bad"))
		nobodys := pawl.Operation[string, string]{Name: "nobodys"}
		stopped, waiting := add(t, c, nobodys, "stopped"), add(t, c, nobodys, "waiting")
		_, err := c.Cancel(t.Context(), pawl.Filter{Run: stopped.ID})
		must(t, err)

		// It looks each minute, give or take half of it.
		for _, want := range []struct {
			after time.Duration
			left  string
		}{
			{time.Hour - time.Second, "map[cancelled:1 dead:1 pending:1 succeeded:1]"},
			{2 * time.Minute, "map[cancelled:1 dead:1 pending:1]"},
			{2*time.Hour - 2*time.Minute, "map[cancelled:1 dead:1 pending:1]"},
			{2 * time.Minute, "map[dead:1 pending:1]"},
			{24 * time.Hour, "map[dead:1 pending:1]"},
		} {
			time.Sleep(want.after)
			idle()
			if got := fmt.Sprint(counts(t, c)); got != want.left {
				t.Errorf("%v later: %s; want %s", want.after, got, want.left)
			}
		}
		if r := row(t, c, waiting.ID); r.State != pawl.Pending {
			t.Errorf("the waiting task is %s", r.State)
		}
	})
}

// A worker without a retention removes nothing, whatever it was that others have.
func TestNoRetentionKeepsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, ending)
		start(t, c)
		result(t, add(t, c, asks, "good"))
		time.Sleep(48 * time.Hour)
		if got := fmt.Sprint(counts(t, c)); got != "map[succeeded:1]" {
			t.Errorf("48 hours later: %s; want the task", got)
		}
	})
}

// Many are removed a few at a time, so that no single write is long.
func TestRetentionWorksInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var batches []int
		store := &changes{Store: newStore(t), removed: func(ids []pawl.ID) error {
			if len(ids) > 0 {
				batches = append(batches, len(ids))
			}
			return nil
		}}
		c := newClient(store, pawl.Config{Retention: pawl.Retention{Succeeded: time.Minute}})
		asks.Handle(c, ending)
		runs, err := asks.AddMany(t.Context(), c, make([]string, 1200), pawl.Keep)
		must(t, err)
		stop := start(t, c)
		for _, run := range runs {
			result(t, run)
		}
		time.Sleep(2 * time.Minute)
		idle()
		stop() // so that nobody removes any more
		if got := fmt.Sprint(batches); got != "[500 500 200]" {
			t.Errorf("removed in batches of %s; want [500 500 200]", got)
		}
		if got := counts(t, c); len(got) != 0 {
			t.Errorf("left are %v; want none", got)
		}
	})
}

// A store that fails for a while is told of in the log, and asked again.
func TestRetentionGoesOnAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failing atomic.Bool
		failing.Store(true)
		store := &changes{Store: newStore(t), removed: func([]pawl.ID) error {
			if failing.Load() {
				return errors.New("disk full")
			}
			return nil
		}}
		var log strings.Builder
		c := pawl.New(store, pawl.Config{
			Retention: pawl.Retention{Dead: time.Minute}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		asks.Handle(c, ending)
		stop := start(t, c)
		time.Sleep(30 * time.Second)
		failing.Store(false)
		dead(t, add(t, c, asks, "bad"))
		time.Sleep(2 * time.Minute)
		if got := counts(t, c); len(got) != 0 {
			t.Errorf("left are %v; want none", got)
		}
		stop()
		if !strings.Contains(log.String(), `msg="remove ended tasks" state=dead error="disk full"`) {
			t.Errorf("log = %s; want the failure", log.String())
		}
	})
}

// The workers of one store do not all look at the same moment.
func TestRetentionIsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &changes{Store: newStore(t)}
		for i := range 10 {
			c := newClient(store, pawl.Config{Name: fmt.Sprint(i), Retention: pawl.Retention{Cancelled: time.Hour}})
			asks.Handle(c, ending)
			start(t, c)
		}
		time.Sleep(90 * time.Second)
		store.mu.Lock()
		defer store.mu.Unlock()
		first, last := store.looks[0], store.looks[9]
		if n := len(store.looks); n < 10 || n > 30 || last.Sub(first) < time.Second {
			t.Errorf("%d looks of 10 workers in 90 s, the first ten within %v; want about one a minute each, apart", n, last.Sub(first))
		}
	})
}

func TestRetentionIsChecked(t *testing.T) {
	for _, r := range []pawl.Retention{{Succeeded: -1}, {Cancelled: -time.Hour}, {Dead: -1}} {
		c := newClient(newStore(t), pawl.Config{Retention: r})
		asks.Handle(c, ending)
		if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "Config.Retention.") {
			t.Errorf("Run with %+v = %v; want an error that names the field", r, err)
		}
	}
}

// Retention takes the messages along that nothing else refers to.
func TestRetentionRemovesConversations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		c := newClient(store, pawl.Config{Retention: pawl.Retention{Succeeded: time.Hour}})
		asks.Handle(c, asking(&model{}))
		start(t, c)
		brief := pawl.Messages{llm.Text("user", "Be brief.")}
		run := add(t, c, asks, "x", brief)
		result(t, run)
		r := row(t, c, run.ID)
		waiting := add(t, c, pawl.Operation[string, string]{Name: "nobodys"}, "waiting", brief)
		time.Sleep(2 * time.Hour)
		if _, err := store.Conversation(t.Context(), r.Head); !errors.Is(err, pawl.ErrNotFound) {
			t.Errorf("Conversation of the removed task = %v; want ErrNotFound", err)
		}
		nodes, err := store.Conversation(t.Context(), row(t, c, waiting.ID).Conversation)
		if err != nil || len(nodes) != 1 {
			t.Errorf("Conversation of the waiting task = %d messages, %v; want the one it shared", len(nodes), err)
		}
	})
}

// The results that a list still needs are kept, and do not keep others from being
// removed.
func TestRetentionKeepsWhatIsStillToBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Retention: pawl.Retention{Succeeded: time.Minute}})
		approve := pawl.Operation[int, int]{Name: "approve", Limit: pawl.NoLimit}
		approve.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			if t.Input > 0 {
				return t.Input, nil
			}
			return pawl.Await[int](ctx, "go")
		})
		start(t, c)
		numbers := make([]int, 1200)
		for i := range numbers {
			numbers[i] = i
		}
		run, err := pawl.Each(approve).Add(t.Context(), c, numbers)
		must(t, err)
		others, err := approve.AddMany(t.Context(), c, numbers[1:])
		must(t, err)
		time.Sleep(time.Hour)
		if n := counts(t, c)[pawl.Succeeded]; n != 1199 {
			t.Errorf("%d succeeded tasks are kept; want the 1199 of the list, and none of the %d others", n, len(others))
		}
		must(t, run.Signal(t.Context(), "go", 5))
		if got := result(t, run); len(got) != 1200 || got[0] != 5 {
			t.Errorf("Wait = %d elements; want 1200", len(got))
		}
		time.Sleep(time.Hour)
		if n := counts(t, c); len(n) != 0 {
			t.Errorf("%v are kept after the run; want none", n)
		}
	})
}
