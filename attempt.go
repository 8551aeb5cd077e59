package pawl

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// attempt is a running handler's side of a task: its stored steps, the
// conversation so far, and what it has used.
type attempt struct {
	client *Client
	row    *TaskRow
	cancel context.CancelCauseFunc
	strict bool // see Operation.Strict

	deadline time.Time // when the handler's context ends; zero for never
	begun    time.Time // when it was claimed, by this machine's clock
	beaten   time.Time // when the lease was last prolonged, by this machine's clock; guarded by worker.mu

	mu       sync.Mutex
	sum      tally
	seen     map[string]int        // how often each step was asked for, by its key without the count
	free     map[string][]string   // keys that were given back, by the same
	failed   map[string]*llm.Error // calls that failed in this attempt, by key
	last     *llm.Error            // the latest failure that no later call made up for; nil if there is none
	clock    int                   // counts failures, and calls that were stopped
	failedAt int                   // the clock at the latest one
	talk     *Conversation         // the task's own; nil until it is needed
	stored   map[string]*StepRow   // the row's steps by key; nil until one is looked for
	shelved  *shelf                // nil until a stored message is needed
	data     Data                  // what the handler set; nil if nothing
	taken    map[string]int        // how many signals of each name the handler has got
	parked   *parking              // what the task waits for; nil if it does not
	stop     *Stop                 // a budget that did not let a call go; nil if none
	unmet    bool                  // no later call was answered
	stopAt   int                   // the clock at the latest one that was stopped
	matched  *match                // whose result the task takes; nil if it has its own
	shadow   *match                // whose result it would have taken
	near     *NearAs               // as what its own result answers others; nil if it does not
	prompted bool                  // a call was made with the prompt of the task's Variant
	asked    map[string]bool       // stored steps that the handler asked for
	outside  bool                  // the latest failure was not for the task's limit
	acted    bool                  // a call was let go, or the work of a step begun
}

// attemptFrom returns the attempt whose handler has ctx. An attempt is the
// governor of its handler's calls; there it is found.
func attemptFrom(ctx context.Context) (*attempt, error) {
	if a, ok := llm.GovernorFrom(ctx).(*attempt); ok {
		return a, nil
	}
	return nil, ErrNoHandler
}

// startShare is how many tasks are worth a goroutine of their own to decode them.
const startShare = 64

// start decodes the inputs of claimed tasks and runs their handlers, each in a
// goroutine of its own. What needs a deep stack is done outside of these: a
// handler that waits costs little.
func (w *worker) start(rows []*TaskRow, asked time.Time) {
	share := max(startShare, (len(rows)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	var shares sync.WaitGroup
	for rows := range slices.Chunk(rows, share) {
		contexts := w.enlist(rows, asked)
		shares.Go(func() {
			for _, ctx := range contexts {
				w.prepare(ctx)
			}
		})
	}
	shares.Wait()
}

// enlist makes attempts of claimed tasks and returns their contexts; their
// leases are kept from now on.
func (w *worker) enlist(rows []*TaskRow, asked time.Time) []*handlerContext {
	contexts := make([]*handlerContext, len(rows))
	begun := time.Now()
	for i, row := range rows {
		spec := &w.handlers[row.Operation].spec
		a := &attempt{client: w.Client, row: row, strict: spec.Strict, begun: begun, beaten: asked}
		contexts[i] = newHandlerContext(a, spec.Timeout)
	}
	w.ended.Add(len(rows))
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.running) == 0 {
		raise(w.began)
	}
	for _, ctx := range contexts {
		w.running[ctx.attempt.row.Lease()] = ctx.attempt
	}
	return contexts
}

// prepare decodes a task's input and starts its handler.
func (w *worker) prepare(ctx *handlerContext) {
	a := ctx.attempt
	work, err := decode(w.handlers[a.row.Operation], a)
	if err != nil {
		w.conclude(ctx, nil, err)
		return
	}
	go func() {
		var output any
		err := errExited
		defer func() { w.conclude(ctx, output, err) }()
		output, err = call(ctx, work)
	}()
}

func decode(h *handler, a *attempt) (f work, err error) {
	defer recovered(&err)
	return h.prepare(a)
}

// errExited is the failure of a handler that ended its goroutine.
var errExited = errors.New("the handler called runtime.Goexit")

func call(ctx context.Context, f work) (output any, err error) {
	defer recovered(&err)
	if output, err = f(ctx); err != nil {
		// An error whose own methods panic, such as a nil *llm.Error, is a panic
		// of the handler.
		_ = err.Error()
		errors.Is(err, errExited)
	}
	return output, err
}

// recovered turns a panic into an error with the panic's stack.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = &panicError{p, debug.Stack()}
	}
}

func (a *attempt) lastFailure() (call *llm.Error, outside bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last, a.outside
}

// tally is what an attempt has used so far; see [Attempt].
type tally struct {
	answered        ModelSums
	spared          llm.Usage
	sparedBy        []Saving // by model
	saved           int
	failed, unknown int // calls that were not answered
	waited          time.Duration
}

// count changes the attempt's tally.
func (a *attempt) count(change func(*tally)) {
	a.mu.Lock()
	change(&a.sum)
	a.mu.Unlock()
}
