package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

func TestConcurrentDuplicatesMakeOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: func(context.Context, int) (*llm.Response, error) {
			time.Sleep(time.Second)
			return say("the one answer"), nil
		}}
		store := newStore(t)
		c, other := newClient(store, pawl.Config{}), newClient(store, pawl.Config{})
		asks.Handle(c, asking(m))
		start(t, c)
		var callers sync.WaitGroup
		var fresh, joined atomic.Int32
		for i := range 50 {
			callers.Go(func() {
				client := c
				if i%2 == 1 {
					client = other
				}
				run := add(t, client, asks, "same")
				switch run.As {
				case pawl.AsNew:
					fresh.Add(1)
				case pawl.AsJoined:
					joined.Add(1)
				}
				if got := result(t, run); got != "the one answer" {
					t.Errorf("Wait = %s; want the one answer", got)
				}
			})
		}
		callers.Wait()
		if m.calls() != 1 || fresh.Load() != 1 || joined.Load() != 49 {
			t.Errorf("%d calls, %d new, %d joined; want 1, 1, 49", m.calls(), fresh.Load(), joined.Load())
		}
	})
}

func TestDuplicatesWithinOneBatchJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, sum, summing)
		runs, err := sum.AddMany(t.Context(), c, []point{{1, 1}, {2, 2}, {1, 1}})
		must(t, err)
		if runs[2].ID != runs[0].ID || runs[2].As != pawl.AsJoined || runs[1].As != pawl.AsNew {
			t.Errorf("runs = %v, %v, %v; want the third joined to the first", runs[0], runs[1], runs[2])
		}
	})
}

// twice adds the same task twice, with options for the second.
func twice(t *testing.T, c *pawl.Client, opts ...pawl.Option) (first, second *pawl.Run[string], err error) {
	t.Helper()
	first = add(t, c, asks, "x")
	second, err = asks.Add(t.Context(), c, "x", opts...)
	return first, second, err
}

func TestReject(t *testing.T) {
	c := newClient(newStore(t), pawl.Config{})
	first, second, err := twice(t, c, pawl.Reject)
	if !errors.Is(err, pawl.ErrDuplicate) || second.ID != first.ID || second.As != pawl.AsRejected {
		t.Errorf("Add = %v, %v; want ErrDuplicate and the first one's run", second, err)
	}
	runs, err := asks.AddMany(t.Context(), c, []string{"x", "y"}, pawl.Reject)
	if err != nil || runs[0].As != pawl.AsRejected || runs[1].As != pawl.AsNew {
		t.Errorf("AddMany = %v, %v; want rejected, new", runs, err)
	}
}

func TestReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		c := one(t, asks, stuck(&cause))
		first, second, err := twice(t, c, pawl.Replace)
		must(t, err)
		if _, err := first.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) || second.ID == first.ID || second.As != pawl.AsReplacement {
			t.Errorf("Wait of the first = %v, second added as %s; want ErrCancelled, replacement", err, second.As)
		}
		start(t, c)
		idle() // the second one runs
		third := add(t, c, asks, "x", pawl.Replace)
		if _, err := second.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) || !errors.Is(cause, pawl.ErrCancelled) {
			t.Errorf("Wait of the running one = %v, its cause %v; want ErrCancelled", err, cause)
		}
		if joined := add(t, c, asks, "x"); joined.ID != third.ID {
			t.Errorf("a fourth one joined %v; want the third, %v", joined.ID, third.ID)
		}
	})
}

func TestKeep(t *testing.T) {
	c := newClient(newStore(t), pawl.Config{})
	first, second, err := twice(t, c, pawl.Keep)
	if err != nil || second.ID == first.ID || second.As != pawl.AsNew {
		t.Errorf("Add = %v, %v; want a task of its own", second, err)
	}
	if joined := add(t, c, asks, "x"); joined.ID != first.ID {
		t.Errorf("a third one joined %v; want the first: what was kept is nobody's twin", joined.ID)
	}
}

func TestReuseOfAResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := one(t, asks, asking(m))
		start(t, c)
		first := add(t, c, asks, "x")
		result(t, first)
		time.Sleep(time.Until(row(t, c, first.ID).Ended.Add(time.Minute)))
		run := add(t, c, asks, "x", pawl.Reuse(time.Minute+time.Microsecond))
		if got := result(t, run); got != "answer 1" || run.As != pawl.AsReused {
			t.Errorf("Wait = %s of a task added as %s; want answer 1, reused", got, run.As)
		}
		if got := result(t, add(t, c, asks, "x", pawl.Reuse(time.Minute))); got != "answer 2" {
			t.Errorf("Wait = %s; want answer 2: the first is too old", got)
		}
		if got := result(t, add(t, c, asks, "x")); got != "answer 3" {
			t.Errorf("Wait = %s; want answer 3: nothing is reused by default", got)
		}
		o := asks
		o.Reuse = time.Hour
		if got := result(t, add(t, c, o, "x")); got != "answer 3" {
			t.Errorf("Wait = %s; want answer 3, within the operation's hour", got)
		}
	})
}

func TestWhatEndedOtherwiseIsNoTwin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		first := add(t, c, asks, "x")
		if _, err := c.Cancel(t.Context(), pawl.Filter{}); err != nil {
			t.Fatal(err)
		}
		second := add(t, c, asks, "x", pawl.Reuse(time.Hour))
		if second.ID == first.ID || second.As != pawl.AsNew {
			t.Errorf("added as %s; want new: the first was cancelled", second.As)
		}
		asks.Handle(c, func(context.Context, *pawl.Task[string]) (string, error) {
			return "", pawl.Permanent(errors.New("no"))
		})
		start(t, c)
		dead(t, second)
		if third := add(t, c, asks, "x", pawl.Reuse(time.Hour)); third.As != pawl.AsNew {
			t.Errorf("added as %s; want new: the second is dead", third.As)
		}
	})
}

func TestARetriedTaskIsATwinAgain(t *testing.T) {
	c := newClient(newStore(t), pawl.Config{})
	first := add(t, c, asks, "x")
	if _, err := c.Cancel(t.Context(), pawl.Filter{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Retry(t.Context(), pawl.Filter{}); err != nil {
		t.Fatal(err)
	}
	if second := add(t, c, asks, "x"); second.ID != first.ID {
		t.Errorf("added as %s; want joined to the retried one", second.As)
	}
}

func TestWhatMakesTasksIdentical(t *testing.T) {
	type object = map[string]any
	base := pawl.Operation[any, any]{Name: "o"}
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	hello := pawl.Messages{llm.Text("user", "hello")}
	version, name := base, base
	version.Version, name.Name = "2", "p"
	limits := base
	limits.Queue, limits.Limit, limits.Priority, limits.Attempts = "q", "l", pawl.High, 9
	tests := []struct {
		name string
		o    pawl.Operation[any, any]
		in   any
		opts []pawl.Option
		same bool
	}{
		{"the same", base, object{"a": 1, "b": []int{1, 2}}, nil, true},
		{"other order of members", base, raw(`{"b":[1,2],"a":1}`), nil, true},
		{"white space and another number format", base, raw("{ \"a\" : 1.0,\n \"b\":[1, 2e0] }"), nil, true},
		{"where and how it runs", limits, object{"a": 1, "b": []int{1, 2}}, []pawl.Option{pawl.Delay(1), pawl.Deadline(time.Now().Add(time.Hour))}, true},
		{"other order of items", base, raw(`{"a":1,"b":[2,1]}`), nil, false},
		{"a member more", base, raw(`{"a":1,"b":[1,2],"c":null}`), nil, false},
		{"another version", version, object{"a": 1, "b": []int{1, 2}}, nil, false},
		{"another operation", name, object{"a": 1, "b": []int{1, 2}}, nil, false},
		{"another user", base, object{"a": 1, "b": []int{1, 2}}, []pawl.Option{pawl.User("u")}, false},
		{"another conversation", base, object{"a": 1, "b": []int{1, 2}}, []pawl.Option{hello}, false},
		{"other data", base, object{"a": 1, "b": []int{1, 2}}, []pawl.Option{pawl.Data{"k": raw("1")}}, false},
		{"a key", base, object{"a": 1, "b": []int{1, 2}}, []pawl.Option{pawl.Key("k")}, false},
	}
	for _, test := range tests {
		c := newClient(newStore(t), pawl.Config{})
		first := add(t, c, base, any(object{"a": 1, "b": []int{1, 2}}))
		second := add(t, c, test.o, test.in, test.opts...)
		if same := second.ID == first.ID; same != test.same {
			t.Errorf("%s: identical is %v; want %v", test.name, same, test.same)
		}
	}
}

func TestAKeyStandsForTheContent(t *testing.T) {
	c := newClient(newStore(t), pawl.Config{})
	key := pawl.Key(`"odd" \ key é`)
	first := add(t, c, asks, "x", key)
	if second := add(t, c, asks, "y", key, pawl.Data{"k": json.RawMessage("1")}); second.ID != first.ID {
		t.Errorf("added as %s; want joined: the key is the same", second.As)
	}
	if third := add(t, c, asks, "x", pawl.Key("other")); third.ID == first.ID {
		t.Error("a task with another key was joined")
	}
	if fourth := add(t, c, asks, "y", key, pawl.User("u")); fourth.ID == first.ID {
		t.Error("a task of another user was joined")
	}
}

// A flow and its first operation are different runs: joining one to the other
// would give the wrong result.
func TestAFlowIsNoDuplicateOfItsFirstOperation(t *testing.T) {
	c := newClient(newStore(t), pawl.Config{})
	flow := pawl.Then(asks, pawl.Operation[string, string]{Name: "next"})
	first := add(t, c, asks, "x")
	second, err := flow.Add(t.Context(), c, "x")
	must(t, err)
	if second.ID == first.ID {
		t.Error("the flow was joined to the single operation")
	}
	if third, err := flow.Add(t.Context(), c, "x"); err != nil || third.ID != second.ID {
		t.Errorf("the same flow = %v, %v; want joined", third, err)
	}
}
