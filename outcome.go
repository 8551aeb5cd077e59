package pawl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// outcome is how a handler ended.
type outcome struct {
	attempt *attempt
	output  any
	err     error
	cause   error // why its context had ended before; nil if it had not
}

// conclude ends an attempt: its outcome is recorded together with those of others.
func (w *worker) conclude(ctx *handlerContext, output any, err error) {
	a := ctx.attempt
	o := outcome{a, output, err, context.Cause(ctx)}
	ctx.end()
	w.outcomes.do(o, func(struct{}) { w.release(a) })
}

// release gives an attempt's place free.
func (w *worker) release(a *attempt) {
	w.mu.Lock()
	delete(w.running, a.row.Lease())
	w.mu.Unlock()
	raise(w.freed)
	w.ended.Done()
}

// record writes outcomes down, for as long as the store needs to come back.
// Meanwhile the heart beats for them. What cannot be recorded is left to the
// leases: its handlers run again and get their steps back.
func (w *worker) record(batch []outcome) []struct{} {
	finishes := make([]Finish, 0, len(batch))
	rows := make([]*TaskRow, 0, len(batch))
	for i := range batch {
		if f, ok := w.finish(&batch[i]); ok {
			finishes, rows = append(finishes, f), append(rows, batch[i].attempt.row)
		}
	}
	done := make([]struct{}, len(batch))
	if len(finishes) == 0 {
		return done
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordLimit)
	defer cancel()
	errs, err := persist(ctx, func() ([]error, error) { return w.store.Finish(ctx, w.now, finishes) })
	for i, row := range rows {
		e := err
		if e == nil {
			e = errs[i]
		}
		if e != nil {
			w.log.Error("record outcome", "task", row.ID, "operation", row.Operation, "attempt", row.Attempt, "error", e)
		}
	}
	return done
}

// finish decides what an outcome means; there is nothing to record if the lease
// was lost.
func (w *worker) finish(o *outcome) (f Finish, ok bool) {
	a := o.attempt
	if errors.Is(o.cause, ErrLeaseLost) || errors.Is(o.err, ErrLeaseLost) {
		w.log.Warn("lease lost", "task", a.row.ID, "operation", a.row.Operation, "attempt", a.row.Attempt)
		return Finish{}, false
	}
	if p := a.parkedAt(); p != nil && errors.Is(o.cause, ErrParked) {
		f = p.finish(a.row.Lease())
		a.report(&f.Attempt)
		f.Savings = a.savings()
		return f, true
	}
	if s, unmet := a.stoppedBy(); s != nil && o.isStopped(unmet) {
		w.log.Warn("a budget blocks the task", "task", a.row.ID, "operation", a.row.Operation, "run", a.row.Run, "user", a.row.User, "why", s.Why)
		f = s.finish(a.row.Lease())
		a.report(&f.Attempt)
		f.Savings = a.savings()
		return f, true
	}
	if o.err == nil {
		f, o.err = a.success(o.output)
	}
	if o.err != nil {
		backoff := w.handlers[a.row.Operation].spec.Backoff
		call, outside := a.lastFailure()
		f = judge(a.row, backoff, failure{o.err, o.cause, call, outside}, time.Now(), jitter())
	}
	a.report(&f.Attempt)
	f.Savings = a.savings()
	if f.To == Succeeded {
		w.tellUnasked(a, &f.Attempt)
	}
	if f.To == Dead {
		w.log.Warn("task is dead", "task", a.row.ID, "operation", a.row.Operation, "queue", a.row.Queue,
			"attempt", a.row.Attempt, "class", f.Attempt.Class, "error", f.Attempt.bare())
	}
	return f, true
}

// tellUnasked tells of stored steps that an attempt that succeeded did not ask for. A
// fallback asks for what it likes.
func (w *worker) tellUnasked(a *attempt, end *Attempt) {
	left := a.unasked()
	if len(left) == 0 || a.isFallback() {
		return
	}
	end.Unasked = len(left)
	w.log.Warn("the handler did not ask for steps that earlier attempts stored: its code or its data has changed",
		"task", a.row.ID, "operation", a.row.Operation, "attempt", a.row.Attempt, "steps", len(left), "first", left[0].Name)
}

// success is the outcome of a handler that returned an output: with the task
// that follows, which gets the conversation and the data as they stand.
func (a *attempt) success(output any) (f Finish, err error) {
	defer recovered(&err)
	encoded, err := marshal(output)
	if err != nil {
		return f, Permanent(fmt.Errorf("output of %s: %w", a.row.Operation, err))
	}
	f = Finish{Lease: a.row.Lease(), To: Succeeded, Output: encoded}
	f.Attempt.Used = true
	f.Near = a.near
	head, chars, unsaved, err := a.leading()
	if err != nil {
		return f, Permanent(fmt.Errorf("conversation of %s: %w", a.row.Operation, err))
	}
	next, ok, err := follow(a.row, encoded, head, chars, a.dataNow())
	if ok {
		next.Nodes = unsaved
		f.Follow = []NewTask{next}
	}
	return f, err
}

// leading returns the conversation that led to the attempt's output.
func (a *attempt) leading() (head Hash, chars int, nodes []Node, err error) {
	if a.matched == nil {
		return a.heading()
	}
	head, chars, nodes = a.matched.heading()
	return head, chars, nodes, nil
}

// report adds what the attempt has used to how it ended.
func (a *attempt) report(end *Attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := &a.sum
	end.Spared, end.Saved, end.Waited = s.spared, s.saved, s.waited
	end.Calls, end.Failed, end.Unknown = s.failed+s.unknown, s.failed, s.unknown
	end.setAnswered(slices.Clone(s.answered)) // a handler that has not ended may go on counting
}

// handlerContext is the context of a handler. It knows its deadline and its
// governor, and costs a fraction of contexts put into each other.
type handlerContext struct {
	context.Context // ends with a cause
	attempt         *attempt
	deadline        time.Time
	timer           *time.Timer // nil without a deadline
}

// newHandlerContext returns the context of an attempt, which it makes
// cancellable. It ends at the task's deadline or after the timeout, whichever is
// first; a timeout of 0 or less is none.
func newHandlerContext(a *attempt, timeout time.Duration) *handlerContext {
	c := &handlerContext{attempt: a}
	c.Context, a.cancel = context.WithCancelCause(context.Background())
	c.Context = llm.WithGovernor(c.Context, a)
	cause := ErrExpired
	c.deadline = a.row.Deadline
	if timeout > 0 {
		if t := time.Now().Add(timeout); c.deadline.IsZero() || t.Before(c.deadline) {
			c.deadline, cause = t, ErrTimeout
		}
	}
	if a.deadline = c.deadline; !c.deadline.IsZero() {
		cancel := a.cancel
		c.timer = time.AfterFunc(time.Until(c.deadline), func() { cancel(cause) })
	}
	return c
}

// end releases the context after its handler has returned.
func (c *handlerContext) end() {
	if c.timer != nil {
		c.timer.Stop()
	}
	c.attempt.cancel(nil)
}

// Deadline implements [context.Context].
func (c *handlerContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Err implements [context.Context].
func (c *handlerContext) Err() error {
	err := c.Context.Err()
	if cause := context.Cause(c.Context); err != nil && (cause == ErrTimeout || cause == ErrExpired) {
		return context.DeadlineExceeded
	}
	return err
}
