package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/price"
)

// purse is a ward whose ledger is known: each answer used 1,000 tokens of input, 200 of
// them from the cache, and 100 of output, and cost 0.00396 USD.
type purse struct {
	*ward
	began chan struct{} // closed when the worker may begin
}

var inquiry = pawl.Operation[string, string]{
	Name: "inquire", Queue: "desk", Limit: "claude", Backoff: pawl.Backoff{Base: time.Millisecond, Max: time.Millisecond}, Similar: &pawl.Similar{},
}

// rates are the prices of the purse's worker.
var rates = &price.Table{Date: "2026-01-15", Currency: "USD", Models: map[string]price.Rates{
	"priced": {Input: 3e9, Output: 15e9, CacheRead: 3e8, CacheWrite: 3e9},
}}

// meter answers calls with a known usage. What a prompt says is what it does the first
// time: "break" loses the answer, and "reject" is an invalid request at all times.
func meter() http.Handler {
	var mu sync.Mutex
	seen := map[string]bool{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body) // a body that is cut is none that was seen
		mu.Lock()
		again := seen[string(b)]
		seen[string(b)] = true
		mu.Unlock()
		var call struct{ Model string }
		_ = json.Unmarshal(b, &call) // the client wrote it
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.Contains(string(b), "reject"):
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"type":"error","error":{"type":"invalid_request_error","message":"it is not allowed"}}`)
		case strings.Contains(string(b), "break") && !again:
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"type":"error","error":{"type":"api_error","message":"it broke"}}`)
		default:
			fmt.Fprintf(w, `{"id":"1","type":"message","role":"assistant","model":%q,"content":[{"type":"text","text":"an answer"}],"stop_reason":"end_turn","usage":{"input_tokens":800,"cache_read_input_tokens":200,"output_tokens":100}}`, call.Model)
		}
	})
}

// newPurse returns a store in memory with a worker that answers inquiries, once it may
// begin: with the model that stands before a colon, and with a stumble after the first
// answer where the text says so.
func newPurse(t *testing.T) *purse {
	w := &purse{emptyWard(t), make(chan struct{})}
	w.client = pawl.New(w.store, pawl.Config{Name: "worker-1", Logger: slog.New(slog.DiscardHandler), Prices: rates})
	provider := httptest.NewServer(meter())
	t.Cleanup(provider.Close)
	inquiry.Handle(w.client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		<-w.began
		model, _, named := strings.Cut(t.Input, ":")
		if !named {
			model = "priced"
		}
		reply, err := t.Ask(ctx, anthropic.New(anthropic.Config{Model: model, BaseURL: provider.URL, MaxTokens: 200}), t.Input)
		if err != nil {
			return "", err
		}
		if strings.Contains(t.Input, "stumble") && t.Attempt == 1 {
			return "", errors.New("stumbled")
		}
		return reply.Text(), nil
	})
	ctx, stop := context.WithCancel(context.Background())
	var worker sync.WaitGroup
	worker.Go(func() {
		if err := w.client.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); worker.Wait() })
	return w
}

// asks adds an inquiry of a user.
func (w *purse) asks(user, text string, options ...pawl.Option) *pawl.Run[string] {
	w.Helper()
	run, err := inquiry.Add(w.Context(), w.client, text, append(options, pawl.User(user))...)
	if err != nil {
		w.Fatal(err)
	}
	w.tasks[user] = run.ID
	return run
}

// answered waits until a run has ended, well or as a dead letter.
func (w *purse) answered(runs ...*pawl.Run[string]) {
	w.Helper()
	for _, run := range runs {
		var dead *pawl.DeadError
		if _, err := run.Wait(w.Context()); err != nil && !errors.As(err, &dead) {
			w.Fatal(err)
		}
	}
}

// spend fills the ledger with one of each thing that a call can come to.
func (w *purse) spend() {
	w.Helper()
	first := w.asks("ann", "What is the refund policy of the shop?")
	w.asks("ann", "What is the refund policy of the shop?") // is joined
	runs := []*pawl.Run[string]{
		first, w.asks("bob", "stumble over the opening hours"), w.asks("cid", "house: who was here?"),
		w.asks("dan", "break the news"), w.asks("eve", "reject this"),
	}
	close(w.began)
	w.answered(runs...)
	w.answered(w.asks("ann", "What is the refund policy of the shop?", pawl.Reuse(time.Hour)))
	w.answered(w.asks("ann", "Please, what's the refund policy of the shop?"))
}
