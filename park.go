package pawl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// ErrParked is returned by [Await], by [Run.Wait] inside a handler, and by an attempt's
// first call where calls under way leave no room in a [Budget], when what is
// waited for takes its time: the task is to wait for it without a worker. Return the
// error: the handler's context has ended, and the handler is run again when there is
// something to go on with. Whatever the handler returns then is not recorded.
var ErrParked = errors.New("pawl: parked; return this error from the handler")

// ErrNoSignal is returned by [Await] when no signal came in time.
var ErrNoSignal = errors.New("pawl: no signal came in time")

// parking is what an attempt ends with that waits for something.
type parking struct {
	park   *Park // nil to wait for nothing but the delay
	follow []NewTask
	delay  time.Duration
	what   string
}

// park has the attempt end as one that waits; it returns ErrParked.
func (a *attempt) park(p Park, follow []NewTask, delay time.Duration, what string) error {
	return a.leave(parking{&p, follow, delay, what})
}

func (a *attempt) leave(p parking) error {
	a.mu.Lock()
	if a.parked == nil {
		a.parked = &p
	}
	a.mu.Unlock()
	a.cancel(ErrParked)
	return ErrParked
}

// parkedAt returns how the attempt waits; nil if it does not.
func (a *attempt) parkedAt() *parking {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.parked
}

// finish is the outcome of an attempt that waits.
func (p *parking) finish(l Lease) Finish {
	f := Finish{Lease: l, To: Blocked, Park: p.park, Follow: p.follow, Delay: p.delay}
	if p.park == nil {
		f.To = Scheduled
	}
	f.Attempt.Class, f.Attempt.Message = Parked, p.what
	return f
}

// AwaitOption changes one call of [Await]: [Within].
type AwaitOption interface{ applyTo(*awaiting) }

type awaiting struct{ within time.Duration }

// Within is how long to wait for a signal, counted from when it was first asked for, by
// the store's clock.
type Within time.Duration

func (w Within) applyTo(a *awaiting) { a.within = time.Duration(w) }

// Await returns the payload of a signal that [Client.Signal] gives the task: an
// approval, an answer, whatever comes from outside. Until it comes the task is
// blocked: it holds no worker and no goroutine, and survives restarts. So Await
// returns [ErrParked] at first; return it. When the signal has come the handler runs
// again, its stored steps are found, and Await returns the payload.
//
// A signal that comes early is kept. The n-th call for a name in a handler gets the
// n-th signal of that name, those that timed out not counted; after Within without
// one it returns [ErrNoSignal], then and on every retry.
func Await[T any](ctx context.Context, name string, opts ...AwaitOption) (T, error) {
	var out T
	a, err := attemptFrom(ctx)
	if err != nil {
		return out, err
	}
	var o awaiting
	for _, opt := range opts {
		opt.applyTo(&o)
	}
	switch {
	case name == "" || !isText(name):
		return out, Permanent(fmt.Errorf("pawl: Await: the name is %q; want UTF-8 without zero bytes", name))
	case o.within < 0:
		return out, Permanent(fmt.Errorf("pawl: Await %q: Within is %v; want 0 or more", name, o.within))
	}
	payload, err := a.await(name, o.within)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(payload, &out); err != nil {
		return out, Permanent(fmt.Errorf("payload of signal %q: %w", name, err))
	}
	return out, nil
}

func (a *attempt) await(name string, within time.Duration) (json.RawMessage, error) {
	key, asked := a.step("await:" + name)
	end, over := a.step("await-over:" + name)
	if over != nil {
		return nil, fmt.Errorf("%q: %w", name, ErrNoSignal)
	}
	payload, got := a.nextSignal(name)
	if payload != nil {
		return payload, nil
	}
	left, err := a.patience(name, within, key, asked, end)
	if err != nil {
		return nil, err
	}
	return nil, a.park(Park{Signal: name, After: got}, nil, left, fmt.Sprintf("waits for signal %q", name))
}

// nextSignal returns the first signal of a name that was not taken yet, or nil and
// how many there were.
func (a *attempt) nextSignal(name string) (payload json.RawMessage, got int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.row.Steps {
		if s := &a.row.Steps[i]; s.Name == signalPrefix+name {
			if got == a.taken[name] {
				if a.taken == nil {
					a.taken = map[string]int{}
				}
				a.taken[name]++
				return s.Result, got
			}
			got++
		}
	}
	return nil, got
}

// patience returns how long to wait for a signal from now on; 0 for ever. When it is
// over, that is stored under end: a signal that comes after it is none for this call.
// asked is the step under key that says since when and for how long, nil if there is none.
// The store's clock counts, as for all that a store makes due: the next attempt may be
// another machine's.
func (a *attempt) patience(name string, within time.Duration, key string, asked *StepRow, end string) (time.Duration, error) {
	if within == 0 {
		return 0, nil
	}
	if asked == nil {
		return within, a.save(Save{Step: &StepRow{Key: key, Name: "await", Result: []byte(strconv.Quote(within.String()))}})
	}
	until, err := patientUntil(asked)
	if err != nil {
		return 0, Permanent(fmt.Errorf("stored step %s: %w", key, err))
	}
	if left := until.Sub(a.storeTime()); left > 0 {
		return left, nil
	}
	if err := a.save(Save{Step: &StepRow{Key: end, Name: "await-over", Result: []byte("null")}}); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("%q: %w", name, ErrNoSignal)
}

// patientUntil returns until when a signal is waited for that a step has asked for. The
// step says for how long; in those of earlier versions it says until when.
func patientUntil(asked *StepRow) (until time.Time, err error) {
	var text string
	if err := json.Unmarshal(asked.Result, &text); err != nil {
		return until, err
	}
	if until, err = time.Parse(time.RFC3339Nano, text); err == nil {
		return until, nil
	}
	within, err := time.ParseDuration(text)
	return asked.At.Add(within), err
}

// storeTime returns what time it is by the store's clock: that of the claim, and what has
// passed here since.
func (a *attempt) storeTime() time.Time { return a.row.Started.Add(time.Since(a.begun)) }
