package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/campaign/worker"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llm/openai"
	"github.com/pawlhq/pawl/llmsim"
)

// auditKind is the kind of work of an audit's workers: documents, about which each task
// asks in words that no other task uses.
const auditKind = "audit"

// auditPlaces is how many handlers each of an audit's workers runs at once: with four
// of them 64.
const auditPlaces = 16

var defaultAudit = plan{
	Workers: 4, Kills: 25, Every: 4 * time.Second, Rate: 12,
	Lease: 10 * time.Second, Slack: 2 * time.Second, Sync: "always", Patience: 5 * time.Minute, Audit: true,
}

// audit is the command that compares the ledger with the provider's own.
func audit(ctx context.Context, args []string, out io.Writer) error {
	p := defaultAudit
	flags := p.flags("campaign ledger")
	flags.IntVar(&p.Kills, "kills", p.Kills, "workers to kill")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return p.command(ctx, out)
}

// An auditor is a campaign whose provider fails in every way that there is, and whose
// ledger is compared with the provider's, call for call.
type auditor struct {
	*campaign

	mu    sync.Mutex
	asked map[uint64]inquiry // what a body asks, by its hash
}

// An inquiry is one question of one task. Its prompt has both.
type inquiry struct {
	task     pawl.ID
	question int // counted from 1
}

// worstDay is a provider on which each kind of fault befalls one call in twenty.
func worstDay(seed uint64) llmsim.Config {
	faults := llmsim.Faults{}
	for _, kind := range llmsim.Kinds() {
		faults[kind] = 0.05
	}
	sim := badDay(seed)
	sim.Faults, sim.Reasoning, sim.Scale = faults, 30, 10
	sim.Limits = llmsim.Limits{Requests: 1e6, Tokens: 1e9} // so that its headers tell that a throttle was not for want of them
	sim.Latency = llmsim.Latency{FirstToken: time.Second, TokensPerSecond: 40, Spread: 0.8, Slow: 15 * time.Second}
	return sim
}

func newAuditor(p plan) *auditor {
	a := &auditor{asked: map[uint64]inquiry{}}
	a.campaign = &campaign{plan: p, sim: worstDay(p.Seed), about: a.note, job: worker.Job{Kind: auditKind, Places: auditPlaces}}
	for i := range accounts {
		a.job.Limits = append(a.job.Limits, accountOf(i))
	}
	return a
}

// accounts is how many limits documents are spread over: while one is closed the
// others go on.
const accounts = 16

// accountOf returns the limit of all calls about a document.
func accountOf(number int) string { return fmt.Sprint("account-", number%accounts) }

// note writes down what a body asks.
func (a *auditor) note(c *llmsim.Call) (number int, ok bool) {
	var id string
	var what inquiry
	last := c.Messages[len(c.Messages)-1].Text
	if _, err := fmt.Sscanf(last, auditPrompt, &number, &id, &what.question); err != nil {
		return 0, false
	}
	task, err := pawl.ParseID(id)
	if err != nil {
		return 0, false
	}
	what.task = task
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked[c.Hash] = what
	return number, true
}

const auditPrompt = beginning + "Task %s has question %d about it."

// manual is a system prompt that is long enough for the provider's prompt cache.
var manual = func() string {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "Rule %d: a wheel that has turned by %d teeth does not turn back. ", i+1, i+1)
	}
	return b.String()
}()

// audited asks four models: of two providers, each with and without a stream, three of
// which have a price.
func audited(url string) asker {
	models := [...]llm.Model{
		anthropic.New(anthropic.Config{Model: "claude-haiku-4-5", BaseURL: url, MaxTokens: 100}),
		anthropic.New(anthropic.Config{Model: "claude-sonnet-4-6", BaseURL: url, MaxTokens: 100, StreamOver: 1}),
		openai.New(openai.Config{Model: "gpt-5.4-mini", BaseURL: url + "/v1", MaxTokens: 150}),
		openai.New(openai.Config{Model: "sim-1", BaseURL: url + "/v1", MaxTokens: 150, StreamOver: 1}),
	}
	return func(task pawl.ID, number, n int) question {
		return question{pawl.Through(accountOf(number), models[number%len(models)]), fmt.Sprintf(auditPrompt, number, task, n), []pawl.AskOption{pawl.System(manual)}}
	}
}

// auditBudgets are so large that they stop nothing. What is spent of them is compared
// with the ledger.
var auditBudgets = []pawl.Budget{
	{Scope: pawl.OfAll, Tokens: 1e12, Calls: 1e9},
	{Scope: pawl.OfUser, Tokens: 1e12, Calls: 1e9},
	{Scope: pawl.OfOperation, Per: pawl.PerMonth, Tokens: 1e12, Calls: 1e9},
}

// audit carries the plan out. It returns an error if the promise was broken, or if the
// ledgers differ.
func (p plan) audit(ctx context.Context) (r *auditReport, err error) {
	a := newAuditor(p)
	err = a.within(ctx, func() error {
		r, err = a.carryOut(ctx)
		return err
	})
	return r, err
}

func (a *auditor) carryOut(ctx context.Context) (*auditReport, error) {
	for _, b := range auditBudgets {
		if err := a.client.SetBudget(ctx, b); err != nil {
			return nil, err
		}
	}
	stop := a.operate(ctx)
	r, err := a.campaign.carryOut(ctx)
	stop()
	if r == nil {
		return nil, err
	}
	books, failed := a.books(ctx)
	if failed != nil {
		return nil, errors.Join(err, failed)
	}
	report := &auditReport{report: r}
	report.auditSums = books.check(&report.differences)
	return report, errors.Join(err, report.verdict())
}

// operate is an operator, who resumes limits that a blocked account holds until the
// returned function is called.
func (a *auditor) operate(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			pause(ctx, 100*time.Millisecond)
			if err := a.resume(ctx); err != nil && ctx.Err() == nil {
				a.say("the operator: " + err.Error()) // and tries again
			}
		}
	}()
	return func() { cancel(); <-done }
}

func (a *auditor) resume(ctx context.Context) error {
	status, err := a.client.Status(ctx)
	for _, l := range status.Limits {
		if l.State.Held {
			err = errors.Join(err, a.client.ResumeLimit(ctx, l.Name))
		}
	}
	return err
}

// books asks the store for its ledger, and the provider for its own.
func (a *auditor) books(ctx context.Context) (*books, error) {
	k := &books{rows: a.evidence.rows, calls: map[inquiry][]llmsim.Record{}, prices: prices}
	for e, err := range a.client.Entries(ctx, pawl.LedgerFilter{}) {
		if err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		k.entries = append(k.entries, e)
	}
	for _, by := range auditSplits {
		s := split{by: by}
		for row, err := range a.client.Usage(ctx, pawl.LedgerFilter{}, by...) {
			if err != nil {
				return nil, fmt.Errorf("sum the ledger by %v: %w", by, err)
			}
			s.rows = append(s.rows, row)
		}
		k.splits = append(k.splits, s)
	}
	status, err := again(ctx, func() (pawl.Status, error) { return a.client.Status(ctx) })
	if err != nil {
		return nil, err
	}
	k.budgets = status.Budgets
	a.mu.Lock()
	defer a.mu.Unlock()
	for r := range a.provider.sim.Calls() {
		switch what, ok := a.asked[r.Hash]; {
		case ok:
			k.calls[what] = append(k.calls[what], r)
		case r.Hash == 0 && !r.Billed:
			k.cutOff++
		default:
			k.strangers = append(k.strangers, r)
		}
	}
	return k, nil
}
