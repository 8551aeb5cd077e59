package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llmsim"
)

func TestMain(m *testing.M) {
	if err := warmUp(); err != nil {
		fmt.Fprintln(os.Stderr, "PAWL_TEST_STORE:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// newClient is pawl.New without a log.
func newClient(store pawl.Store, config pawl.Config) *pawl.Client {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return pawl.New(store, config)
}

// start runs c until stop is called, or else the test ends.
func start(t *testing.T, c *pawl.Client) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v; want nil", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// one returns a client on a store of its own that has a handler for o.
func one[In, Out any](t testing.TB, o pawl.Operation[In, Out], fn func(context.Context, *pawl.Task[In]) (Out, error)) *pawl.Client {
	c := newClient(newStore(t), pawl.Config{})
	o.Handle(c, fn)
	return c
}

func add[In, Out any](t *testing.T, c *pawl.Client, o pawl.Operation[In, Out], in In, opts ...pawl.Option) *pawl.Run[Out] {
	t.Helper()
	run, err := o.Add(context.Background(), c, in, opts...)
	if err != nil {
		t.Fatalf("Add(%v): %v", in, err)
	}
	return run
}

// result waits for a run's output.
func result[Out any](t *testing.T, run *pawl.Run[Out]) Out {
	t.Helper()
	out, err := run.Wait(context.Background())
	if err != nil {
		t.Fatalf("Wait: %v", err)
	}
	return out
}

// dead waits for a run's dead letter.
func dead[Out any](t *testing.T, run *pawl.Run[Out]) *pawl.TaskRow {
	t.Helper()
	_, err := run.Wait(context.Background())
	var d *pawl.DeadError
	if !errors.As(err, &d) {
		t.Fatalf("Wait: %v; want a DeadError", err)
	}
	return d.Task
}

// row returns a task with its steps.
func row(t *testing.T, c *pawl.Client, id pawl.ID) *pawl.TaskRow {
	t.Helper()
	r, err := c.Get(context.Background(), id)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	return r
}

// must fails the test at once if err is not nil.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// model is an llm.Model whose answers a test makes up.
type model struct {
	// answer is called for the n-th call, counted from 1. Default: "answer n".
	answer func(ctx context.Context, n int) (*llm.Response, error)

	mu     sync.Mutex
	bodies []string
}

func (m *model) API() llm.API { return anthropic.API{} }

func (m *model) Encode(r llm.Request) (json.RawMessage, error) {
	if r.MaxTokens == 0 {
		r.MaxTokens = 100
	}
	return anthropic.API{}.Encode("test", r)
}

func (m *model) Send(ctx context.Context, body json.RawMessage) (*llm.Response, error) {
	m.mu.Lock()
	m.bodies = append(m.bodies, string(body))
	n := len(m.bodies)
	m.mu.Unlock()
	if m.answer == nil {
		return say(fmt.Sprintf("answer %d", n)), nil
	}
	return m.answer(ctx, n)
}

// calls returns how many calls were sent.
func (m *model) calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.bodies)
}

// say is a response that used 10 tokens of input and 5 of output.
func say(text string) *llm.Response {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	r, err := anthropic.API{}.Decode([]byte(`{"id":"msg","type":"message","role":"assistant","model":"test","content":[{"type":"text","text":` +
		string(quoted) + `}],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":5}}`))
	if err != nil {
		panic(err)
	}
	return r
}

// failFirst returns answers of which the first n fail.
func failFirst(n int, err error) func(context.Context, int) (*llm.Response, error) {
	return func(_ context.Context, call int) (*llm.Response, error) {
		if call <= n {
			return nil, err
		}
		return say(fmt.Sprintf("answer %d", call)), nil
	}
}

// simModel is a model of a simulated provider, called without a socket.
func simModel(sim *llmsim.Server, maxTokens int) *anthropic.Model {
	return anthropic.New(anthropic.Config{Model: "sim-1", BaseURL: "http://sim", HTTPClient: sim.Client(), MaxTokens: maxTokens})
}

// asks is an operation that asks a model its input.
var asks = pawl.Operation[string, string]{Name: "ask"}

func asking(m llm.Model) func(context.Context, *pawl.Task[string]) (string, error) {
	return func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		reply, err := t.Ask(ctx, m, t.Input)
		if err != nil {
			return "", err
		}
		return reply.Text(), nil
	}
}

// within reports whether d is at least low and less than high.
func within(d, low, high time.Duration) bool { return d >= low && d < high }
