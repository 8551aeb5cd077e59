package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llmsim"
)

// An agent as the documentation has it: a document becomes points, and those a
// summary that continues the conversation.
type (
	paper  struct{ Text string }
	points struct{ Items []string }
	digest struct{ Text string }
)

var (
	analyze   = pawl.Operation[paper, points]{Name: "analyze", Priority: pawl.High}
	summarize = pawl.Operation[points, digest]{Name: "summarize"}
	digesting = pawl.Then(analyze, summarize)
)

// handleAgent makes c work on digests with two settings of one model.
func handleAgent(c *pawl.Client, reading, writing llm.Model) {
	ask := func(ctx context.Context, reply *llm.Response, err error) (string, error) {
		if err != nil {
			return "", err
		}
		if reply.StopReason == "refusal" {
			return "", pawl.Permanent(errors.New("the model refused"))
		}
		return reply.Text(), nil
	}
	analyze.Handle(c, func(ctx context.Context, t *pawl.Task[paper]) (points, error) {
		reply, err := t.Ask(ctx, reading, "Extract the five most important points:\n\n"+t.Input.Text)
		text, err := ask(ctx, reply, err)
		return points{strings.Split(text, "\n")}, err
	})
	summarize.Handle(c, func(ctx context.Context, t *pawl.Task[points]) (digest, error) {
		reply, err := t.Ask(ctx, writing, "Now write a concise two-paragraph summary of those points.")
		text, err := ask(ctx, reply, err)
		return digest{text}, err
	})
}

// sends is when bodies were sent, over all workers.
type sends struct {
	mu       sync.Mutex
	at       map[string][]time.Time // by the body
	answered map[string]string      // the body that an answer was for, by the answer's id
}

// tracked is a model that writes down what it sends.
type tracked struct {
	llm.Model
	sends *sends
}

func (m tracked) Send(ctx context.Context, body json.RawMessage) (*llm.Response, error) {
	m.sends.mu.Lock()
	m.sends.at[string(body)] = append(m.sends.at[string(body)], time.Now())
	m.sends.mu.Unlock()
	r, err := m.Model.Send(ctx, body)
	if err == nil {
		m.sends.mu.Lock()
		m.sends.answered[r.ID] = string(body)
		m.sends.mu.Unlock()
	}
	return r, err
}

// process is one worker that can be killed: nothing that it does reaches the
// store or the provider any more, and its calls in flight may break.
type process struct {
	store    *mortal
	line     http.RoundTripper
	life     context.Context // of its connections
	cut      context.CancelFunc
	stop     context.CancelFunc // ends Run
	finished chan struct{}
}

func (p *process) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := p.store.alive(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	context.AfterFunc(p.life, func() { cancel(errDead) })
	return p.line.RoundTrip(r.WithContext(ctx))
}

func (p *process) kill(cut bool) {
	p.store.die()
	if cut {
		p.cut()
	}
	p.stop()
}

// agency is one random run: two workers that are killed and replaced, an
// operator, users who cancel, and a provider that fails in every way.
type agency struct {
	*testing.T
	random *rand.Rand
	sim    *llmsim.Server
	base   pawl.Store
	user   *pawl.Client
	sends  *sends

	mu        sync.Mutex
	processes []*process // all that ever lived; the last two are alive
}

func newAgency(t *testing.T, seed uint64) *agency {
	faults := llmsim.Faults{}
	for _, kind := range llmsim.Kinds() {
		faults[kind] = 0.05
	}
	base := newStore(t)
	return &agency{
		T: t, random: rand.New(rand.NewPCG(seed, 2)), base: base, user: newClient(base, pawl.Config{}), sends: &sends{at: map[string][]time.Time{}, answered: map[string]string{}},
		sim: llmsim.New(llmsim.Config{
			Limits:  llmsim.Limits{Requests: 50, Tokens: 40_000},
			Latency: llmsim.Latency{FirstToken: time.Second, TokensPerSecond: 60, Spread: 0.5},
			Faults:  faults, Seed: seed, Log: 1 << 20,
		}),
	}
}

// launch starts a worker as a new process would.
func (a *agency) launch() *process {
	p := &process{store: &mortal{Store: a.base}, line: a.sim.Transport(), finished: make(chan struct{})}
	p.life, p.cut = context.WithCancel(context.Background())
	client := &http.Client{Transport: p}
	model := func(streamOver int) llm.Model {
		return tracked{anthropic.New(anthropic.Config{Model: "sim-1", BaseURL: "http://sim", HTTPClient: client, MaxTokens: 300, StreamOver: streamOver}), a.sends}
	}
	c := newClient(p.store, pawl.Config{Workers: 32, Limits: map[string]limit.Config{"default": {Requests: 50, Tokens: 40_000}}})
	handleAgent(c, model(-1), model(1))
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	go func() {
		defer close(p.finished)
		if err := c.Run(ctx); err != nil && p.store.alive() == nil {
			a.Errorf("Run = %v; want nil", err)
		}
	}()
	a.mu.Lock()
	a.processes = append(a.processes, p)
	a.mu.Unlock()
	return p
}

// every does something again and again until ctx ends, after random times.
func (a *agency) every(ctx context.Context, mean time.Duration, seed uint64, do func(*rand.Rand)) (wait func()) {
	r := rand.New(rand.NewPCG(a.random.Uint64(), seed))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-time.After(time.Duration(r.ExpFloat64() * float64(mean))):
				do(r)
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { <-done }
}

// run adds the documents, lets chance reign until all runs have ended, and
// returns every task.
func (a *agency) run(documents int) []*pawl.TaskRow {
	ctx, cancel := context.WithCancel(a.Context())
	alive := []*process{a.launch(), a.launch()}
	var runs []*pawl.Run[digest]
	for i := range documents {
		in := paper{document(i, 5+a.random.IntN(60))}
		for range 1 + a.random.IntN(3)/2 { // every third is added twice
			run, err := digesting.Add(ctx, a.user, in, pawl.User(fmt.Sprint("user ", i%7)), pawl.Delay(a.delay(i)))
			must(a.T, err)
			runs = append(runs, run)
		}
	}
	waits := []func(){
		a.every(ctx, 45*time.Second, 3, func(r *rand.Rand) {
			i := r.IntN(2)
			alive[i].kill(r.IntN(2) == 0)
			alive[i] = a.launch()
		}),
		a.every(ctx, 30*time.Second, 4, func(r *rand.Rand) {
			if _, err := a.user.Cancel(ctx, pawl.Filter{Run: runs[r.IntN(len(runs))].ID}); err != nil && ctx.Err() == nil {
				a.Errorf("Cancel: %v", err)
			}
		}),
		a.every(ctx, 10*time.Second, 5, func(*rand.Rand) {
			if err := a.operate(ctx); err != nil && ctx.Err() == nil {
				a.Errorf("the operator: %v", err)
			}
		}),
	}
	for _, run := range runs {
		a.outcome(run)
	}
	cancel()
	for _, wait := range waits {
		wait()
	}
	for _, p := range a.processes {
		p.stop()
		<-p.finished
		p.cut()
	}
	time.Sleep(10 * time.Minute) // the killed ones give up on the store
	rows, err := a.user.List(a.Context(), pawl.Filter{Steps: true})
	must(a.T, err)
	return rows
}

// operate resumes limits that a blocked account holds, and no others.
func (a *agency) operate(ctx context.Context) error {
	status, err := a.user.Status(ctx)
	if err != nil {
		return err
	}
	for _, l := range status.Limits {
		if l.State.Held {
			err = errors.Join(err, a.user.ResumeLimit(ctx, l.Name))
		}
	}
	return err
}

func (a *agency) delay(i int) time.Duration {
	if i%2 == 0 {
		return 0
	}
	return time.Duration(a.random.IntN(120)) * time.Second
}

// outcome waits for a run and fails the test if it ended in no known way.
func (a *agency) outcome(run *pawl.Run[digest]) {
	ctx, cancel := context.WithTimeout(a.Context(), 24*time.Hour)
	defer cancel()
	out, err := run.Wait(ctx)
	var d *pawl.DeadError
	switch {
	case err == nil && out.Text == "":
		a.Errorf("%s has an empty summary", run.ID)
	case err != nil && !errors.As(err, &d) && !errors.Is(err, pawl.ErrCancelled):
		a.Errorf("Wait for %s = %v; want a result, a dead letter or ErrCancelled", run.ID, err)
	}
}

// The whole promise, in whole random runs: every task ends once, nothing is
// refused but by a fault, no stored answer is paid for again, and the books
// agree with the provider's.
func TestAWholeAgentKeepsThePromise(t *testing.T) {
	seeds(t, 5, func(t *testing.T, seed uint64) {
		a := newAgency(t, seed)
		ended := watchEnds(t, a.base)
		rows := a.run(80)
		ended.check(t, rows)
		a.checkLimits()
		a.checkPayments(rows)
		a.checkBooks(rows)
		states := map[pawl.State]int{}
		for _, r := range rows {
			states[r.State]++
		}
		s := a.sim.Stats()
		t.Logf("%d tasks %v, %d workers, %d calls, %d answered, %d paid twice, faults %v", len(rows), states, len(a.processes), s.Requests, s.Answered, s.PaidTwice, s.Faults)
		if states[pawl.Succeeded] < 40 {
			t.Errorf("tasks are %v; want most to succeed", states)
		}
	})
}

func (a *agency) checkLimits() {
	s := a.sim.Stats()
	if s.Limited != 0 || s.Invalid != 0 || s.Open != 0 {
		a.Errorf("the provider refused %d calls, found %d invalid and has %d open; want none", s.Limited, s.Invalid, s.Open)
	}
	status, err := a.user.Status(a.Context())
	must(a.T, err)
	for _, l := range status.Limits {
		if l.State.InFlight != 0 {
			a.Errorf("limit %s has %d calls in flight at the end; want 0", l.Name, l.State.InFlight)
		}
	}
}

// checkPayments finds answers that were asked for although one was stored, and
// those paid twice without a crash that explains it.
func (a *agency) checkPayments(rows []*pawl.TaskRow) {
	unknown := 0
	for _, r := range rows {
		for _, attempt := range r.Attempts {
			unknown += attempt.Unknown
		}
		for _, step := range r.Steps {
			_, body, _ := strings.Cut(string(step.Result), "\n")
			stored, err := anthropic.API{}.Decode([]byte(body))
			if err != nil {
				a.Errorf("%s has a stored answer that is none: %v", r.ID, err)
				continue
			}
			times := a.sends.at[a.sends.answered[stored.ID]]
			if len(times) == 0 {
				a.Errorf("%s has a stored answer to a call that was never sent", r.ID)
			}
			for _, at := range times {
				if at.After(step.At) {
					a.Errorf("%s: a call was sent %v after its answer had been stored", r.ID, at.Sub(step.At))
				}
			}
		}
	}
	delivered, extra := map[uint64]int{}, 0
	for c := range a.sim.Calls() {
		if c.Delivered {
			if delivered[c.Hash]++; delivered[c.Hash] > 1 {
				extra++
			}
		}
	}
	if extra > unknown {
		a.Errorf("%d answers were paid twice, and %d calls are recorded as unknown; want no more", extra, unknown)
	}
}

// checkBooks compares what attempts and steps say was used with what the
// provider delivered. An answer is in the books once it is stored; the rest was
// lost with a worker, or came after its lease.
func (a *agency) checkBooks(rows []*pawl.TaskRow) {
	var steps, attempts, lost, delivered llm.Usage
	for _, r := range rows {
		attempts = attempts.Add(r.Usage())
		for _, s := range r.Steps {
			steps = steps.Add(s.Usage)
		}
		if len(r.Attempts) >= 50 {
			a.Logf("%s had more attempts than are kept", r.ID)
		}
	}
	for _, p := range a.processes {
		for _, s := range p.store.unsent {
			lost = lost.Add(s.Settle.Usage)
		}
	}
	for c := range a.sim.Calls() {
		if c.Delivered {
			delivered = delivered.Add(c.Usage)
		}
	}
	if steps.Add(lost) != delivered {
		a.Errorf("stored answers used %+v and lost ones %+v; the provider delivered %+v", steps, lost, delivered)
	}
	if attempts != steps {
		a.Errorf("attempts say %+v was used, their stored answers %+v; want the same", attempts, steps)
	}
	synctest.Wait()
}
