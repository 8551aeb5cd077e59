package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llmsim"
	"github.com/pawlhq/pawl/stores"
)

// patience is far more than anything in a ward takes.
const patience = 2 * time.Minute

// ward is a store with tasks in it, and the commands that look after it.
type ward struct {
	*testing.T
	store  pawl.Store
	client *pawl.Client
	tasks  map[string]pawl.ID // by the user
}

var (
	asked   = pawl.Operation[string, string]{Name: "ask", Queue: "agents", Limit: "claude"}
	teller  = pawl.Operation[string, string]{Name: "tell", Queue: "agents", Limit: "claude"}
	counts  = pawl.Operation[map[string]int, int]{Name: "count", Attempts: 1, Limit: pawl.NoLimit}
	flaky   = pawl.Operation[int, int]{Name: "flaky", Limit: pawl.NoLimit}
	nightly = pawl.Operation[string, string]{Name: "report", Queue: "nightly", Limit: "batch"}
)

// kept is a store that survives the command that closes it.
type kept struct{ pawl.Store }

func (kept) Close() error { return nil }

// newWard returns a store in memory with a flow that a model has answered, dead
// letters of two causes, a task in backoff, a task whose worker has died, tasks
// that wait in a paused queue, and a limit that is held.
func newWard(t *testing.T) *ward {
	store, err := stores.Open(t.Context(), "memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w := &ward{T: t, store: kept{store}, tasks: map[string]pawl.ID{}}
	w.client = pawl.New(store, pawl.Config{
		Name: "worker-1", Logger: slog.New(slog.DiscardHandler),
		Limits: map[string]limit.Config{"claude": {Requests: 50, Tokens: 40_000, InFlight: 8}, "batch": {}},
	})
	w.work()
	w.leave()
	return w
}

// work lets a worker do what is done in the ward.
func (w *ward) work() {
	sim := httptest.NewServer(llmsim.New(llmsim.Config{}))
	defer sim.Close()
	model := anthropic.New(anthropic.Config{Model: "simulated", BaseURL: sim.URL, MaxTokens: 200})
	added := make(chan struct{}) // closed when all tasks are: the flow's second one comes after them
	asked.Handle(w.client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		<-added
		reply, err := t.Ask(ctx, model, t.Input)
		if err != nil {
			return "", err
		}
		if _, err := pawl.Step(ctx, "file", func(context.Context) (int, error) { return 7, nil }); err != nil {
			return "", err
		}
		return reply.Text(), nil
	})
	teller.Handle(w.client, func(context.Context, *pawl.Task[string]) (string, error) { return "told", nil })
	counts.Handle(w.client, func(_ context.Context, t *pawl.Task[map[string]int]) (int, error) {
		if t.Input["n"] < 0 {
			return 0, pawl.Permanent(errors.New("n is negative"))
		}
		if t.Input["n"] == 0 {
			return 0, errors.New("no n in the input\nand a second line")
		}
		return t.Input["n"], nil
	})
	flaky.Handle(w.client, func(context.Context, *pawl.Task[int]) (int, error) {
		return 0, pawl.RetryAfter(errors.New("not yet"), time.Hour)
	})

	ctx, stop := context.WithCancel(w.Context())
	var worker sync.WaitGroup
	defer worker.Wait()
	defer stop()
	events := w.client.Events(ctx, pawl.EventEnded, pawl.EventRetried)
	worker.Go(func() {
		if err := w.client.Run(ctx); err != nil {
			w.Error(err)
		}
	})
	add(w, pawl.Then(asked, teller), "Name a document:\n\nThe Keeper of the Light\n\nFor thirty years he climbed the stairs each evening.", "reader")
	add(w, counts, map[string]int{"n": -1}, "first")
	add(w, counts, map[string]int{"n": -2}, "second")
	add(w, counts, map[string]int{}, "third")
	add(w, flaky, 1, "patient")
	close(added)
	left := 6 // of what ends or is put off
	for _, err := range events {
		if err != nil {
			w.Fatal(err)
		}
		if left--; left == 0 {
			return
		}
	}
}

// leave adds what nobody works on.
func (w *ward) leave() {
	add(w, nightly, "one", "sleeper")
	add(w, nightly, "two", "sleeper")
	add(w, asked, "orphan", "orphan")
	claim := pawl.Claim{Worker: "worker-2", Operations: []string{asked.Name}, Max: 1, Lease: time.Nanosecond}
	if _, err := w.store.Claim(w.Context(), time.Now().Add(-time.Hour), claim); err != nil {
		w.Fatal(err)
	}
	if err := w.client.Pause(w.Context(), nightly.Queue); err != nil {
		w.Fatal(err)
	}
	if err := w.client.HoldLimit(w.Context(), "claude", "the key was refused: 401"); err != nil {
		w.Fatal(err)
	}
}

type adder[In, Out any] interface {
	Add(context.Context, *pawl.Client, In, ...pawl.Option) (*pawl.Run[Out], error)
}

func add[In, Out any](w *ward, what adder[In, Out], in In, user string) {
	w.Helper()
	run, err := what.Add(w.Context(), w.client, in, pawl.User(user))
	if err != nil {
		w.Fatal(err)
	}
	w.tasks[user] = run.ID
}

// answer is what a command printed, and how it ended.
type answer struct {
	out, err string
	code     int
}

// pawl runs a command on the ward's store.
func (w *ward) pawl(args ...string) answer {
	var out, errs bytes.Buffer
	code := w.run(w.Context(), &out, &errs, args...)
	a := answer{out.String(), errs.String(), code}
	width := plainWidth
	if among(args[0], []string{"runs", "run", "diff", "fork"}) {
		width = wideWidth
	}
	for line := range strings.Lines(a.out) {
		if n := columns(strings.TrimRight(line, "\n")); n > width && !among("json", args) && !among("csv", args) && !among("--full", args) && args[0] != "demo" {
			w.Errorf("pawl %s: a line has %d columns; want %d at most: %q", strings.Join(args, " "), n, width, line)
		}
	}
	return a
}

func (w *ward) run(ctx context.Context, out, errs io.Writer, args ...string) int {
	term := &terminal{out: out, err: errs, env: func(string) string { return "" }}
	open := func(context.Context, string, bool) (pawl.Store, error) { return w.store, nil }
	return run(ctx, term, open, append(args, "--store", "memory:"))
}

// well runs a command that must succeed, and checks what it says.
func (w *ward) well(command string, says ...string) string {
	w.Helper()
	a := w.pawl(strings.Fields(command)...)
	if a.code != exitOK || a.err != "" {
		w.Errorf("pawl %s: exit code %d, stderr %q; want 0 and nothing", command, a.code, a.err)
	}
	for _, say := range says {
		if !strings.Contains(a.out, say) {
			w.Errorf("pawl %s prints\n%s\nwant it to say %q", command, a.out, say)
		}
	}
	return a.out
}

// refused runs a command that must fail so.
func (w *ward) refused(command string, code int, says ...string) {
	w.Helper()
	a := w.pawl(strings.Fields(command)...)
	if a.code != code {
		w.Errorf("pawl %s: exit code %d; want %d; stderr %q", command, a.code, code, a.err)
	}
	for _, say := range says {
		if !strings.Contains(a.err, say) {
			w.Errorf("pawl %s: stderr %q; want it to say %q", command, a.err, say)
		}
	}
}

// decoded runs a command that prints JSON and decodes the one document.
func decoded[T any](w *ward, command string) T {
	w.Helper()
	var v T
	dec := json.NewDecoder(strings.NewReader(w.well(command + " -o json")))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil || dec.More() {
		w.Errorf("pawl %s -o json: %v; want one document", command, err)
	}
	return v
}

// flat returns text in one line, without what columns make wide.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }
