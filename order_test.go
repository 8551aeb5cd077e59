package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// journal is the order in which a single worker starts tasks. Their inputs name them.
type journal struct {
	mu    sync.Mutex
	names []string
}

func (j *journal) write(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.names = append(j.names, name)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.names, " ")
}

// single returns a client with one worker that writes down what it starts, and
// then does as then says.
func single(t *testing.T, then func(context.Context, *pawl.Task[string]) (string, error)) (*pawl.Client, *journal) {
	j := &journal{}
	c := newClient(newStore(t), pawl.Config{Workers: 1})
	asks.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		j.write(t.Input)
		time.Sleep(time.Millisecond)
		return then(ctx, t)
	})
	return c, j
}

func nothing(context.Context, *pawl.Task[string]) (string, error) { return "", nil }

func TestHigherPriorityStartsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, j := single(t, nothing)
		for i := range 3 {
			add(t, c, asks, fmt.Sprint("low", i), pawl.Low)
			add(t, c, asks, fmt.Sprint("normal", i))
			add(t, c, asks, fmt.Sprint("high", i), pawl.High, pawl.Queue("other"))
		}
		start(t, c)
		time.Sleep(1500 * time.Microsecond)
		add(t, c, asks, "urgent", pawl.High)
		time.Sleep(time.Minute)
		got := strings.Fields(j.String())
		if i := slices.Index(got, "urgent"); i < 0 || i > 3 {
			t.Errorf("order = %v; want urgent, that came late, among the high ones", got)
		}
		got = slices.DeleteFunc(got, func(s string) bool { return s == "urgent" })
		if s := strings.Join(got, " "); s != "high0 high1 high2 normal0 normal1 normal2 low0 low1 low2" {
			t.Errorf("order = %s; want by priority, then first in, first out", s)
		}
	})
}

// Nothing of lower priority starts while a limit keeps the higher one waiting;
// other limits go on.
func TestLowerPriorityDoesNotPassAClosedLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, j := single(t, nothing)
		must(t, c.HoldLimit(t.Context(), "default", "test"))
		add(t, c, asks, "low", pawl.Low)
		add(t, c, asks, "high", pawl.High)
		add(t, c, asks, "other", pawl.Low, pawl.Limit("other"))
		start(t, c)
		time.Sleep(time.Minute)
		must(t, c.ResumeLimit(t.Context(), "default"))
		time.Sleep(time.Minute)
		if j.String() != "other high low" {
			t.Errorf("order = %s; want other high low", j)
		}
	})
}

func TestUsersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, j := single(t, nothing)
		for i := range 6 {
			add(t, c, asks, fmt.Sprint("a", i), pawl.User("a"))
		}
		for i := range 3 {
			add(t, c, asks, fmt.Sprint("b", i), pawl.User("b"))
		}
		start(t, c)
		time.Sleep(time.Minute)
		if j.String() != "a0 b0 a1 b1 a2 b2 a3 a4 a5" {
			t.Errorf("order = %s; want turns", j)
		}
	})
}

// Turns are by tokens used, not by tasks: who asks long questions starts fewer.
func TestTurnsAreByTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		used := map[byte]int64{'a': 3000, 'b': 1000}
		spend := func(_ context.Context, task *pawl.Task[string]) *llm.Response {
			r := say("x")
			r.Usage = llm.Usage{Input: used[task.Input[0]]}
			return r
		}
		c, j := single(t, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			_, err := task.Ask(ctx, &model{answer: func(ctx context.Context, _ int) (*llm.Response, error) { return spend(ctx, task), nil }}, "x")
			return "", err
		})
		for i := range 40 {
			add(t, c, asks, fmt.Sprintf("a%d", i), pawl.User("a"))
			add(t, c, asks, fmt.Sprintf("b%d", i), pawl.User("b"))
		}
		start(t, c)
		time.Sleep(40*time.Millisecond + 500*time.Microsecond)
		n := map[byte]int{}
		for _, name := range strings.Fields(j.String()) {
			n[name[0]]++
		}
		if n['b'] < 28 || n['b'] > 32 {
			t.Errorf("of the first 40 tasks %d were a's and %d b's; want about 10 and 30", n['a'], n['b'])
		}
	})
}

// A user who comes late is next, however many tasks of another one wait.
func TestALateUserIsNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, j := single(t, nothing)
		ins := make([]string, 1000)
		for i := range ins {
			ins[i] = fmt.Sprint("a", i)
		}
		if _, err := asks.AddMany(t.Context(), c, ins, pawl.User("a")); err != nil {
			t.Fatal(err)
		}
		start(t, c)
		time.Sleep(500*time.Millisecond + 500*time.Microsecond)
		before := len(strings.Fields(j.String()))
		add(t, c, asks, "late", pawl.User("b"))
		time.Sleep(time.Minute)
		if at := slices.Index(strings.Fields(j.String()), "late"); at > before+1 {
			t.Errorf("the late user was started at %d, %d after coming; want the next turn", at, at-before)
		}
	})
}

func TestARetryKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, j := single(t, func(_ context.Context, task *pawl.Task[string]) (string, error) {
			if task.Input == "a0" && task.Attempt == 1 {
				return "", pawl.RetryAfter(errors.New("again"), 2*time.Millisecond+time.Microsecond)
			}
			return "", nil
		})
		for i := range 6 {
			add(t, c, asks, fmt.Sprint("a", i))
		}
		start(t, c)
		time.Sleep(time.Minute)
		if j.String() != "a0 a1 a2 a3 a0 a4 a5" {
			t.Errorf("order = %s; want a0 first again once it is due", j)
		}
	})
}

func TestALimitThatReopensStartsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: failFirst(1, &llm.Error{Class: llm.Throttled, RetryAfter: time.Second})}
		c, j := single(t, asking(m))
		for i := range 4 {
			add(t, c, asks, fmt.Sprint("a", i))
		}
		start(t, c)
		time.Sleep(time.Minute)
		if j.String() != "a0 a0 a1 a2 a3" {
			t.Errorf("order = %s; want the throttled task first", j)
		}
	})
}
