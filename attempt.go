package pawl

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// attempt is a running handler's side of a task: its stored steps, the
// conversation so far, and what it has used.
type attempt struct {
	client *Client
	row    *TaskRow
	ctx    context.Context // from start until the handler is called
	cancel context.CancelCauseFunc
	beaten time.Time // when the lease was last prolonged, by this machine's clock; guarded by worker.mu

	mu     sync.Mutex
	sum    Attempt
	seen   map[string]int        // how often each step was asked for, by its key without the count
	failed map[string]*llm.Error // calls that failed in this attempt, by key
	last   *llm.Error            // the latest call's failure; nil if it was answered
	talk   *conversation         // nil until the conversation is needed
	data   Data                  // what the handler set; nil if nothing
	added  int                   // reserved calls so far: their keys
}

// attemptFrom returns the attempt whose handler has ctx. An attempt is the
// governor of its handler's calls; there it is found.
func attemptFrom(ctx context.Context) (*attempt, error) {
	if a, ok := llm.GovernorFrom(ctx).(*attempt); ok {
		return a, nil
	}
	return nil, ErrNoHandler
}

// start runs the handlers of claimed tasks.
func (w *worker) start(rows []*TaskRow, asked time.Time) {
	if len(rows) == 0 {
		return
	}
	attempts := make([]*attempt, len(rows))
	w.mu.Lock()
	if len(w.running) == 0 {
		raise(w.began)
	}
	for i, row := range rows {
		a := &attempt{client: w.Client, row: row, beaten: asked}
		a.ctx, a.cancel = context.WithCancelCause(context.Background())
		attempts[i] = a
		w.running[row.Lease()] = a
	}
	w.mu.Unlock()
	w.ended.Add(len(rows))
	w.crew.add(attempts)
}

func (w *worker) attempt(a *attempt) {
	defer a.cancel(nil)
	h := w.handlers[a.row.Operation]
	ctx, stop := a.bound(a.ctx, h.spec.Timeout)
	defer stop()
	output, err := a.call(ctx, h)
	cause := context.Cause(ctx)
	if errors.Is(cause, ErrLeaseLost) || errors.Is(err, ErrLeaseLost) {
		w.log.Warn("lease lost", "task", a.row.ID, "operation", a.row.Operation, "attempt", a.row.Attempt)
		w.release(a)
		return
	}
	var f Finish
	if err == nil {
		f = a.success(output)
	} else {
		f = judge(a.row, h.spec.Backoff, failure{err, cause, a.lastFailure()}, time.Now(), jitter())
	}
	f.Attempt = a.summary(f.Attempt)
	w.finishes.do(finishing{f, a}, func(struct{}) { w.release(a) })
}

// bound adds the attempt's time limits to ctx: whichever ends first, and why.
func (a *attempt) bound(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	end, cause := a.row.Deadline, ErrExpired
	if timeout > 0 {
		if t := time.Now().Add(timeout); end.IsZero() || t.Before(end) {
			end, cause = t, ErrTimeout
		}
	}
	ctx = llm.WithGovernor(ctx, a)
	if end.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, end, cause)
}

// call calls the handler and turns a panic into its error.
func (a *attempt) call(ctx context.Context, h *handler) (output json.RawMessage, err error) {
	defer func() {
		if p := recover(); p != nil {
			output, err = nil, &panicError{p, debug.Stack()}
		}
	}()
	return h.call(ctx, a)
}

// success is the outcome of a handler that returned an output: with the task
// that follows, which gets the conversation and the data as they stand.
func (a *attempt) success(output json.RawMessage) Finish {
	f := Finish{Lease: a.row.Lease(), To: Succeeded, Output: output}
	f.Attempt.Used = true
	head, chars := a.heading()
	if next, ok := follow(a.row, output, head, chars, a.dataNow()); ok {
		f.Follow = []NewTask{next}
	}
	return f
}

func (a *attempt) lastFailure() *llm.Error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

// summary adds what the attempt has used to how it ended.
func (a *attempt) summary(end Attempt) Attempt {
	a.mu.Lock()
	defer a.mu.Unlock()
	sum := a.sum
	sum.Class, sum.Message, sum.Used = end.Class, end.Message, end.Used
	return sum
}

// count changes the attempt's sums.
func (a *attempt) count(change func(*Attempt)) {
	a.mu.Lock()
	change(&a.sum)
	a.mu.Unlock()
}

// release gives the attempt's place free.
func (w *worker) release(a *attempt) {
	w.mu.Lock()
	delete(w.running, a.row.Lease())
	w.mu.Unlock()
	raise(w.freed)
	w.ended.Done()
}

// commitFinishes records outcomes, for as long as the store needs to come back.
// Meanwhile the heart beats for them. What cannot be recorded is left to the
// leases: its handlers run again and get their steps back.
func (w *worker) commitFinishes(batch []finishing) []struct{} {
	finishes := make([]Finish, len(batch))
	for i := range batch {
		finishes[i] = batch[i].finish
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordLimit)
	defer cancel()
	errs, err := persist(ctx, func() ([]error, error) { return w.store.Finish(ctx, w.now, finishes) })
	for i := range batch {
		e := err
		if e == nil {
			e = errs[i]
		}
		if e != nil {
			row := batch[i].attempt.row
			w.log.Error("record outcome", "task", row.ID, "operation", row.Operation, "attempt", row.Attempt, "error", e)
		}
	}
	return make([]struct{}, len(batch))
}
