package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

type point struct{ X, Y int }

var sum = pawl.Operation[point, int]{Name: "sum", Limit: pawl.NoLimit}

func summing(_ context.Context, t *pawl.Task[point]) (int, error) { return t.Input.X + t.Input.Y, nil }

func TestRunGivesWhatTheHandlerReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, sum, summing)
		start(t, c)
		run := add(t, c, sum, point{3, 4})
		if got := result(t, run); got != 7 || run.As != pawl.AsNew {
			t.Errorf("Wait = %d of a task added as %s; want 7, new", got, run.As)
		}
		if got := result(t, run); got != 7 {
			t.Errorf("second Wait = %d; want 7", got)
		}
	})
}

func TestAddManyKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, sum, summing)
		start(t, c)
		ins := make([]point, 1000)
		for i := range ins {
			ins[i] = point{i, 1}
		}
		runs, err := sum.AddMany(t.Context(), c, ins)
		must(t, err)
		for i, run := range runs {
			if got := result(t, run); got != i+1 {
				t.Fatalf("run %d: Wait = %d; want %d", i, got, i+1)
			}
		}
		if none, err := sum.AddMany(t.Context(), c, nil); len(none) != 0 || err != nil {
			t.Errorf("AddMany of nothing = %v, %v; want none, nil", none, err)
		}
	})
}

func TestWaitInAnotherClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		worker, other := newClient(store, pawl.Config{}), newClient(store, pawl.Config{})
		sum.Handle(worker, summing)
		id := add(t, other, sum, point{1, 2}, pawl.Delay(time.Hour)).ID
		start(t, worker)
		began := time.Now()
		if got := result(t, pawl.RunOf[int](other, id)); got != 3 || !about(time.Since(began), time.Hour) {
			t.Errorf("Wait = %d after %v; want 3 after 1h", got, time.Since(began))
		}
	})
}

func TestWaitSaysHowARunEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, func(_ context.Context, t *pawl.Task[string]) (string, error) {
			return "", pawl.Permanent(errors.New("no such page"))
		})
		run := add(t, c, asks, "x")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := run.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait = %v; want context.DeadlineExceeded", err)
		}
		later := add(t, c, asks, "later", pawl.Delay(time.Hour))
		if _, err := c.Cancel(t.Context(), pawl.Filter{IDs: []pawl.ID{later.ID}}); err != nil {
			t.Fatal(err)
		}
		if _, err := later.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) {
			t.Errorf("Wait of a cancelled run = %v; want ErrCancelled", err)
		}
		if _, err := pawl.RunOf[string](c, pawl.NewID()).Wait(t.Context()); !errors.Is(err, pawl.ErrNotFound) {
			t.Errorf("Wait of an unknown run = %v; want ErrNotFound", err)
		}
		start(t, c)
		_, err := run.Wait(t.Context())
		want := fmt.Sprintf("pawl: %s (ask) is dead: permanent: no such page", run.ID)
		if err == nil || err.Error() != want {
			t.Errorf("Wait of a dead run = %v; want %s", err, want)
		}
	})
}

// A failed call's error ends with its class: where the class is told beside the message,
// it is told once.
func TestTheClassOfADeadTaskIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logbook
		c := newClient(newStore(t), pawl.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		asks.Handle(c, func(context.Context, *pawl.Task[string]) (string, error) {
			return "", &llm.Error{API: "openai", Status: 404, Class: llm.Permanent, Message: "no such model"}
		})
		run := add(t, c, asks, "x")
		start(t, c)
		want := fmt.Sprintf("pawl: %s (ask) is dead: permanent: openai: 404 no such model", run.ID)
		if _, err := run.Wait(t.Context()); err == nil || err.Error() != want {
			t.Errorf("Wait = %v; want %s", err, want)
		}
		if n := log.count(`class=permanent error="openai: 404 no such model"`); n != 1 {
			t.Errorf("the log says %d times why the task is dead, with its class once; want once", n)
		}
		if got := dead(t, run).LastAttempt().Message; !strings.HasSuffix(got, "no such model (permanent)") {
			t.Errorf("Message = %q; want the error as it was", got)
		}
	})
}

func TestWaitOfTheWrongTypeIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, sum, summing)
		start(t, c)
		run := add(t, c, sum, point{1, 1})
		result(t, run)
		if _, err := pawl.RunOf[string](c, run.ID).Wait(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "output of "+run.ID.String()) {
			t.Errorf("Wait = %v; want an error about the output", err)
		}
	})
}

func TestAddWithAnEndedContext(t *testing.T) {
	c := newClient(newStore(t), pawl.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sum.Add(ctx, c, point{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Add = %v; want context.Canceled", err)
	}
	if rows, err := c.List(t.Context(), pawl.Filter{}); err != nil || len(rows) != 0 {
		t.Errorf("List = %d tasks, %v; want none", len(rows), err)
	}
}

func TestOptionsChangeTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		deadline := time.Now().Add(time.Hour)
		o := pawl.Operation[string, string]{Name: "o", Queue: "q", Limit: "l", Priority: pawl.Low, Attempts: 2, Tokens: 70}
		r := row(t, c, add(t, c, o, "in").ID)
		if r.Queue != "q" || r.Limit != "l" || r.Priority != pawl.Low || r.MaxAttempts != 2 || r.Size != (limit.Size{Chars: 4, Output: 70}) {
			t.Errorf("row = %+v; want what the operation says", r)
		}
		if string(r.Input) != `"in"` || r.Run != r.ID || r.State != pawl.Pending || !r.Added.Equal(time.Now()) {
			t.Errorf("row = %+v; want a pending task with its input", r)
		}
		r = row(t, c, add(t, c, o, "in", pawl.User("u"), pawl.Queue("q2"), pawl.Limit("l2"), pawl.High, pawl.Delay(time.Minute),
			pawl.Deadline(deadline), pawl.Attempts(7), pawl.Messages{llm.Text("user", "hello")}, pawl.Data{"k": json.RawMessage("1")}).ID)
		if r.User != "u" || r.Queue != "q2" || r.Limit != "l2" || r.Priority != pawl.High || r.MaxAttempts != 7 || string(r.Data["k"]) != "1" {
			t.Errorf("row = %+v; want what the options say", r)
		}
		if r.State != pawl.Scheduled || !r.Due.Equal(time.Now().Add(time.Minute)) || !r.Deadline.Equal(deadline) {
			t.Errorf("row is %s, due %v, deadline %v; want scheduled in 1m, deadline in 1h", r.State, r.Due, r.Deadline)
		}
		if want := len(`"in"`) + len(`{"role":"user","content":"hello"}`); r.Size.Chars != want {
			t.Errorf("Size.Chars = %d; want %d, the conversation included", r.Size.Chars, want)
		}
		if talk, err := c.Conversation(t.Context(), r.Conversation); err != nil || len(talk) != 1 || talk[0].Text() != "hello" {
			t.Errorf("Conversation = %v, %v; want one message", talk, err)
		}
		d := row(t, c, add(t, c, asks, "x").ID)
		if d.Queue != "default" || d.Limit != "default" || d.MaxAttempts != 4 || d.Priority != pawl.Normal {
			t.Errorf("row = %+v; want the defaults", d)
		}
	})
}

func TestAddRefuses(t *testing.T) {
	type op = pawl.Operation[any, any]
	tests := []struct {
		o    op
		in   any
		opt  pawl.Option
		want string
	}{
		{op{}, 1, nil, "pawl: Operation.Name is empty; want a name"},
		{op{Name: "o", Attempts: -1}, 1, nil, "pawl: operation o: Attempts is -1; want 1 or more"},
		{op{Name: "o"}, 1, pawl.Attempts(0), "pawl: operation o: Attempts is 0; want 1 or more"},
		{op{Name: "o"}, 1, pawl.Priority(2), "pawl: operation o: Priority is 2; want High, Normal or Low"},
		{op{Name: "o", Reuse: -1}, 1, nil, "pawl: operation o: Reuse is -1ns; want 0 or more"},
		{op{Name: "o", Tokens: -1}, 1, nil, "pawl: operation o: Tokens is -1; want 0 or more"},
		{op{Name: "o"}, 1, pawl.Delay(-time.Second), "pawl: operation o: Delay is -1s; want 0 or more"},
		{op{Name: "o"}, 1, pawl.Queue(""), `pawl: operation o: Queue is "" and Limit is "default"; want names`},
		{op{Name: "o"}, 1, pawl.Limit(""), `pawl: operation o: Queue is "default" and Limit is ""; want names`},
		{op{Name: "o"}, 1, pawl.Duplicates("both"), `pawl: operation o: Duplicates is "both"; want join, reject, replace or keep`},
		{op{Name: "o", Backoff: pawl.Backoff{Base: 2, Max: 1}}, 1, nil, "pawl: operation o: Backoff is from 2ns to 1ns; want 0 ≤ Base ≤ Max"},
		{op{Name: "o"}, make(chan int), nil, "pawl: input of o: json: unsupported type: chan int"},
		{op{Name: "o"}, 1, pawl.Messages{{}}, `pawl: operation o: append message: canonical JSON: "" is not JSON`},
		{op{Name: "\xff"}, 1, nil, `pawl: Operation.Name is "\xff"; want UTF-8 without zero bytes`},
		{op{Name: "o"}, 1, pawl.User("\xff"), `pawl: operation o: User is "\xff"; want UTF-8 without zero bytes`},
		{op{Name: "o"}, 1, pawl.Queue("a\x00"), `pawl: operation o: Queue is "a\x00"; want UTF-8 without zero bytes`},
		{op{Name: "o"}, 1, pawl.Limit("a\x00"), `pawl: operation o: Limit is "a\x00"; want UTF-8 without zero bytes`},
		{op{Name: "o"}, 1, pawl.Key("\xfe"), `pawl: operation o: Key is "\xfe"; want UTF-8 without zero bytes`},
		{op{Name: "o"}, 1, pawl.Data{"k": json.RawMessage("{")}, `pawl: operation o: Data["k"] is not JSON`},
	}
	c := newClient(newStore(t), pawl.Config{})
	for _, test := range tests {
		var opts []pawl.Option
		if test.opt != nil {
			opts = append(opts, test.opt)
		}
		if _, err := test.o.Add(t.Context(), c, test.in, opts...); err == nil || err.Error() != test.want {
			t.Errorf("Add = %v; want %s", err, test.want)
		}
		if _, err := test.o.AddMany(t.Context(), c, []any{test.in}, opts...); err == nil || err.Error() != "input 0: "+test.want {
			t.Errorf("AddMany = %v; want input 0: %s", err, test.want)
		}
	}
	keep := op{Name: "o", Duplicates: pawl.Keep}
	if _, err := keep.Add(t.Context(), c, 1, pawl.Data{"k": nil}); err == nil || err.Error() != `pawl: operation o: Data["k"] is not JSON` {
		t.Errorf("Add = %v; want an error about the data", err)
	}
	var empty pawl.Flow[int, int]
	if _, err := empty.Add(t.Context(), c, 1); err == nil || err.Error() != "pawl: the flow is empty; make it with Then, Each, All, Choose or Try" {
		t.Errorf("Add of an empty flow = %v", err)
	}
	bad := pawl.Then(op{Name: "o"}, op{Name: "p", Tokens: -1})
	if _, err := bad.Add(t.Context(), c, 1); err == nil || err.Error() != "pawl: operation p: Tokens is -1; want 0 or more" {
		t.Errorf("Add of a flow with a wrong part = %v", err)
	}
	if rows, err := c.List(t.Context(), pawl.Filter{}); err != nil || len(rows) != 0 {
		t.Errorf("List = %d tasks, %v; want none", len(rows), err)
	}
}

func TestRunRefuses(t *testing.T) {
	tests := []struct {
		config  pawl.Config
		prepare func(*pawl.Client)
		want    string
	}{
		{pawl.Config{Workers: -1}, nil, "pawl: Config.Workers is -1; want 0 or more"},
		{pawl.Config{Lease: -time.Second}, nil, "pawl: Config.Lease is -1s; want 0 or more"},
		{pawl.Config{Patience: -1}, nil, "pawl: Config.Patience is -1ns; want 0 or more"},
		{pawl.Config{Limits: map[string]limit.Config{"x": {InFlight: -1}}}, nil, `pawl: Config.Limits["x"]: limit: Config.InFlight is -1; want 0 or more`},
		{pawl.Config{}, nil, "pawl: no operation has a handler; call Handle before Run"},
		{pawl.Config{}, func(c *pawl.Client) { sum.Handle(c, summing); sum.Handle(c, summing) }, "pawl: operation sum has two handlers"},
		{pawl.Config{}, func(c *pawl.Client) { pawl.Operation[point, int]{Attempts: -1, Name: "o"}.Handle(c, summing) },
			"pawl: operation o: Attempts is -1; want 1 or more, or 0 for the default"},
		{pawl.Config{Limits: map[string]limit.Config{"none": {}}}, func(c *pawl.Client) { sum.Handle(c, summing) },
			`set limits: pawl: "none" stands for no limit; it has no settings`},
	}
	for _, test := range tests {
		c := newClient(newStore(t), test.config)
		if test.prepare != nil {
			test.prepare(c)
		}
		if err := c.Run(t.Context()); err == nil || err.Error() != test.want {
			t.Errorf("Run = %v; want %s", err, test.want)
		}
	}
}

func TestRunTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, sum, summing)
		stop := start(t, c)
		idle()
		if err := c.Run(t.Context()); err == nil || err.Error() != "pawl: Run is under way already" {
			t.Errorf("second Run = %v; want an error", err)
		}
		stop()
		start(t, c)()
	})
}

func TestHandleAfterRunIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, sum, summing)
		stop := start(t, c)
		idle()
		asks.Handle(c, asking(&model{}))
		stop()
		if err := c.Run(t.Context()); err == nil || err.Error() != "pawl: operation ask got its handler after Run was called" {
			t.Errorf("Run = %v; want an error about the handler", err)
		}
	})
}

func TestOnlyTasksWithHandlerAndQueueAreClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		c := newClient(store, pawl.Config{Queues: []string{"mine"}})
		var ran atomic.Int32
		sum.Handle(c, func(context.Context, *pawl.Task[point]) (int, error) { return int(ran.Add(1)), nil })
		start(t, c)
		add(t, c, sum, point{})
		add(t, c, asks, "x", pawl.Queue("mine"))
		result(t, add(t, c, sum, point{}, pawl.Queue("mine"), pawl.Keep))
		time.Sleep(time.Hour)
		if n := ran.Load(); n != 1 {
			t.Errorf("%d tasks ran; want 1", n)
		}
	})
}

func TestAnInputThatDoesNotFitIsADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, sum, summing)
		start(t, c)
		run := add(t, c, pawl.Operation[string, int]{Name: "sum"}, "no point")
		if last := dead(t, run).LastAttempt(); last.Class != llm.Permanent || !strings.HasPrefix(last.Message, "input of sum: json:") {
			t.Errorf("last attempt = %+v; want permanent, about the input", last)
		}
	})
}

func TestAnOutputThatIsNoJSONIsADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := pawl.Operation[int, any]{Name: "o"}
		c := one(t, o, func(context.Context, *pawl.Task[int]) (any, error) { return func() {}, nil })
		start(t, c)
		if last := dead(t, add(t, c, o, 1)).LastAttempt(); last.Class != llm.Permanent || !strings.HasPrefix(last.Message, "output of o: json:") {
			t.Errorf("last attempt = %+v; want permanent, about the output", last)
		}
	})
}
