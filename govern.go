package pawl

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"time"

	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// Govern makes the attempt the governor of calls through [llm.Transport].
func (a *attempt) Govern(ctx context.Context, c llm.Call, send func(context.Context) (*llm.Exchange, error)) (*llm.Exchange, error) {
	exchange, _, err := a.govern(ctx, governed{
		key: callKey(c), state: stateOf(c), name: c.Name, api: c.API, limit: limitFrom(ctx),
		ready: func() (llm.Call, error) { return c, nil }, send: send,
	})
	return exchange, err
}

// stateOf returns a hash of what a call asks.
func stateOf(c llm.Call) uint64 {
	sum := fnv.New64a()
	sum.Write(c.Body)
	return sum.Sum64()
}

// withLimit has calls through [llm.Transport] go through a limit that is not the task's.
func withLimit(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, limitKey{}, name)
}

type limitKey struct{}

func limitFrom(ctx context.Context) string {
	name, _ := ctx.Value(limitKey{}).(string)
	return name
}

// callKey identifies a call within its task by its name and body.
func callKey(c llm.Call) string {
	sum := sha256.Sum256(c.Body)
	return keyOf(c.Name, sum[:])
}

// keyOf names a call by the hash of its content. It is in the key of each step, so
// it is short: 120 bits, which must differ within one task.
func keyOf(name string, sum []byte) string {
	return name + ":" + base64.RawURLEncoding.EncodeToString(sum[:15])
}

// governed is one model call that govern runs.
type governed struct {
	key     string   // identifies it within the task, but for how often it was made before
	instead []string // the steps of calls that failed, in whose place it is made
	state   uint64   // of what is asked, the same in all tasks; see [Budget.Repeats]
	name    string
	api     llm.API
	limit   string                   // that it goes through; "" for the task's
	ready   func() (llm.Call, error) // what it is on the wire, if it must be sent
	send    func(context.Context) (*llm.Exchange, error)
	with    func(*Save, *llm.Exchange) error // adds to the write that stores the response; nil for nothing
}

// govern runs one model call:
//
//  1. A stored response answers it; then stored is its step.
//  2. Reserve takes its cost from the limit and tells the store that it is about
//     to be sent. A crash before this leaves nothing; after it, the call counts
//     as unknown.
//  3. It is sent, once its turn has come.
//  4. Its response is stored and settled in one write. A crash before that
//     write is the one in which the call is paid twice.
func (a *attempt) govern(ctx context.Context, c governed) (exchange *llm.Exchange, stored *StepRow, err error) {
	began := a.moment()
	key, stored := a.step(c.key)
	if stored != nil {
		if exchange, err = decodeExchange(ctx, stored, a.shelf()); err != nil {
			return nil, nil, fmt.Errorf("stored call %s: %w", key, err)
		}
		a.answered(began, func(s *tally) { s.spare(stored.saving()) })
		return exchange, stored, nil
	}
	if failed := a.failure(c.key); failed != nil {
		a.unstep(c.key, key)
		return nil, nil, failed
	}
	if err := a.diverged(c.name); err != nil {
		a.unstep(c.key, key)
		return nil, nil, err
	}
	ready, err := c.ready()
	if err != nil {
		a.unstep(c.key, key)
		return nil, nil, Permanent(fmt.Errorf("%s: %w", c.name, err))
	}
	settle := Settlement{Key: callIn(key, a.row.Attempt)}
	p := a.client.pricing(ready.Size.Model)
	ask := Reservation{
		Lease: a.row.Lease(), Key: settle.Key, Limit: cmp.Or(c.limit, a.row.Limit),
		Step: key, Instead: c.instead, Model: p.model, Rates: p.rates, Currency: p.currency, State: c.state,
	}
	if settle.Waited, err = a.reserve(ctx, ask, ready); err != nil {
		defer a.unstep(c.key, key) // whoever takes it then knows of the failure
		return nil, nil, a.fail(c, err)
	}
	sent := time.Now()
	exchange, err = c.send(ctx)
	settle.SentAgo = time.Since(sent)
	if err != nil {
		defer a.unstep(c.key, key)
		return nil, nil, a.unanswered(c, settle, err)
	}
	settle.Paid, settle.CacheSaved = p.cost(exchange.Usage), p.cacheSaved(exchange.Usage)
	if err := a.store(key, c, exchange, settle, &p); err != nil {
		a.count(func(s *tally) { s.unknown++ })
		return nil, nil, a.fail(c, err)
	}
	a.answered(began, func(s *tally) {
		s.answered.add(ModelSum{p.model, Sum{1, exchange.Usage, settle.Paid}, p.currency})
	})
	return exchange, nil, nil
}

// store writes down an answered call.
func (a *attempt) store(key string, c governed, exchange *llm.Exchange, settle Settlement, p *pricing) error {
	settle.Outcome, settle.Usage, settle.Seen = CallAnswered, exchange.Usage, exchange.Limits
	save := Save{Settle: &settle, Step: &StepRow{
		Key: key, Name: c.name, Call: true, Usage: exchange.Usage, Took: settle.SentAgo,
		Model: p.model, Cost: settle.Paid, Currency: p.currency,
	}}
	if c.with == nil {
		save.Step.Result = encodeExchange(exchange, nil)
	} else if err := c.with(&save, exchange); err != nil {
		return Permanent(err)
	}
	switch err := a.save(save); {
	case err == nil:
		return nil
	case errors.Is(err, ErrLeaseLost):
		return fmt.Errorf("store the response of %s: %w", c.name, err)
	default: // it was sent, also if it is the context of the store's call that has ended
		return &llm.Error{
			Class: llm.Transient, API: c.api.Name(), Message: fmt.Sprintf("store the response of %s: %v", c.name, err),
			Err: errors.Join(errUnstored, err),
		}
	}
}

// errUnstored marks the failure of a call that was answered. The next attempt sends it
// again; no other model is asked in its place.
var errUnstored = errors.New("the response is not stored")

// unanswered settles a call that failed and returns the failure.
func (a *attempt) unanswered(c governed, settle Settlement, err error) error {
	failed := a.fail(c, err)
	var call *llm.Error
	if !errors.As(failed, &call) {
		// The context ended before anything was sent.
		settle.Outcome = CallNotSent
		return errors.Join(failed, a.save(Save{Settle: &settle}))
	}
	settle.Outcome, settle.After, settle.Reason, settle.Seen = outcomeOf(call), call.RetryAfter, call.Error(), call.Limits
	settle.Class = call.Class
	settle.Told, settle.TooFast, settle.Busy = call.Told, call.TooFast, call.Status != http.StatusTooManyRequests
	a.client.notices.failed(a.client, a.row, settle.Outcome, call)
	a.count(func(s *tally) {
		switch settle.Kind() {
		case EntryUnknown:
			s.unknown++
		case EntryFailed, EntryRefused:
			s.failed++
		}
	})
	if err := a.save(Save{Settle: &settle}); err != nil {
		return errors.Join(failed, err)
	}
	return failed
}

func outcomeOf(e *llm.Error) CallOutcome {
	if e.Pauses() {
		return CallThrottled
	}
	switch e.Class {
	case llm.Blocked:
		return CallBlocked
	case llm.NotSent:
		return CallUnreached
	case llm.Ambiguous:
		return CallUnknown
	}
	if e.Status == 0 {
		return CallUnknown
	}
	return CallFailed
}

// fail remembers a call's failure, so that it is not sent again in this attempt
// and so that the attempt is judged by it even if the handler's error does not
// wrap it, as those of providers' own SDKs do not.
func (a *attempt) fail(c governed, err error) error {
	var call *llm.Error
	if !errors.As(err, &call) {
		if errors.Is(err, ErrLeaseLost) || errors.Is(err, ErrBudget) || errors.Is(err, ErrParked) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		call = &llm.Error{Class: llm.Transient, API: c.api.Name(), Message: err.Error(), Err: err}
		err = call
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil {
		a.failed = map[string]*llm.Error{}
	}
	a.failed[c.key], a.last = call, call
	a.outside = c.limit != "" && c.limit != a.row.Limit || errors.Is(err, errReserved)
	a.clock++
	a.failedAt = a.clock
	return err
}

// moment returns a number that tells failures before it from those after it.
func (a *attempt) moment() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.clock
}

func (a *attempt) failure(name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if failed := a.failed[name]; failed != nil {
		return failed
	}
	return nil
}

// answered counts a call that was answered. It makes up for failures before the
// call, not for those of other calls at the same time.
func (a *attempt) answered(began int, change func(*tally)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failedAt <= began {
		a.last = nil
	}
	if a.stopAt <= began {
		a.unmet = false
	}
	change(&a.sum)
}

// reserve takes a call's cost from its limit and its budgets, and waits for its turn. It
// returns how long that took if its limit had no room at once, else 0.
func (a *attempt) reserve(ctx context.Context, ask Reservation, call llm.Call) (waited time.Duration, err error) {
	began, held := time.Now(), false
	defer func() {
		took := time.Since(began)
		if took > time.Millisecond {
			a.count(func(s *tally) { s.waited += took })
		}
		if held {
			waited = took
		}
	}()
	ask.Size = limit.Size{Chars: call.Size.Chars, MaxTokens: call.Size.MaxTokens, Output: a.row.Size.Output}
	for {
		ask.Patience = a.client.config.Patience - time.Since(began)
		opened := a.client.gates.next()
		grant := a.client.calls.wait(ask)
		over := grant.Wait > ask.Patience || ask.Patience <= 0
		if grant.Warn != "" {
			a.client.log.Warn("budget", "task", a.row.ID, "operation", a.row.Operation, "run", a.row.Run, "user", a.row.User, "warning", grant.Warn)
		}
		switch {
		case grant.Err != nil:
			return 0, grant.Err
		case grant.OK && grant.Wait == 0:
			a.act()
			return 0, nil
		case grant.OK:
			a.act()
			held = true
			if err := sleep(ctx, grant.Wait); err != nil {
				return 0, errors.Join(err, a.giveBack(ask.Key))
			}
			return 0, nil
		case grant.Stop != nil:
			return 0, a.stopped(grant.Stop)
		case grant.Gate.Name == gateHeld:
			return 0, shut(ask.Limit, llm.Blocked, grant)
		case grant.Gate.Name == gateTooLarge:
			return 0, tooLarge(ask.Limit, grant)
		case grant.Gate.Name == GateBudget && (over || time.Since(began) >= idlePatience) && a.leaveIdle(grant.Gate.Reason):
			return 0, ErrParked
		case grant.Gate.Name == GateBudget && over:
			return 0, &llm.Error{Class: llm.Throttled, RetryAfter: grant.Wait, Message: grant.Gate.Reason, Err: errReserved}
		case over && grant.Gate.Name != GateBudget:
			return 0, shut(ask.Limit, llm.Throttled, grant)
		}
		held = held || grant.Gate.Name != GateBudget
		// The limit keeps a call's turn for two seconds.
		wait(ctx, opened, min(ask.Patience, time.Second))
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
}

// errReserved marks the failure of a call that calls under way leave no room in a budget.
// Its limit is open, so its task must wait by itself.
var errReserved = errors.New("reserved for calls under way")

// The tasks of one user, of whose budget the rest is reserved, could fill all places of a
// worker while other users have room. So an attempt that has nothing to lose gives its
// place back soon; another one waits for as long as Config.Patience.
const (
	idlePatience  = time.Second
	reservedPause = 5 * time.Second // until the task comes again, however many there are: a place is claimed once in idlePatience
)

// act says that the attempt does something that would be lost if its handler were stopped.
func (a *attempt) act() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.acted = true
}

// leaveIdle has the attempt end, and its task come again after reservedPause, if it has
// done nothing but take stored answers. It reports whether that is so.
func (a *attempt) leaveIdle(why string) bool {
	a.mu.Lock()
	acted := a.acted
	if !acted && a.parked == nil {
		a.parked = &parking{delay: reservedPause, what: "waits: " + why}
	}
	a.mu.Unlock()
	if !acted {
		a.cancel(ErrParked)
	}
	return !acted
}

// The names of limit's gates that no waiting opens.
const (
	gateHeld     = "held"
	gateTooLarge = "too large"
)

// tooLarge is the failure of a call that the provider would never let in.
func tooLarge(through string, g Grant) error {
	return &llm.Error{
		Class: llm.Permanent,
		Message: fmt.Sprintf("the call needs %.0f %s and limit %s allows %.0f in all; make it smaller, or lower its maximum of output",
			g.Gate.Need, g.Gate.Reason, cmp.Or(g.Gate.Limit, through), g.Gate.Level),
	}
}

// giveBack releases a reservation whose call will not be sent.
func (a *attempt) giveBack(key string) error {
	return a.save(Save{Settle: &Settlement{Key: key, Outcome: CallNotSent}})
}

func shut(through string, class llm.Class, g Grant) error {
	return &llm.Error{
		Class: class, RetryAfter: g.Wait,
		Message: fmt.Sprintf("limit %s is closed: %s %s", through, g.Gate.Name, g.Gate.Reason),
	}
}

// gates tells those who wait for a limit that one may have opened.
type gates struct {
	mu   sync.Mutex
	wake chan struct{}
}

// next returns a channel that is closed when a limit may have opened.
func (g *gates) next() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.wake == nil {
		g.wake = make(chan struct{})
	}
	return g.wake
}

func (g *gates) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.wake != nil {
		close(g.wake)
		g.wake = nil
	}
}
