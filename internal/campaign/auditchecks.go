package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llmsim"
	"github.com/pawlhq/pawl/price"
)

// The ways in which the ledgers can differ.
const (
	unaccounted = "call that the ledger does not account for"
	notAnswered = "answered entry without a stored answer, or the other way round"
	otherTokens = "tokens that are not the provider's"
	otherMoney  = "money that is not the price of the tokens"
	otherLabels = "entry that is not labelled as its task"
	notNamed    = "call sent again that does not name the one before"
	otherSum    = "sum that is not that of the entries"
	otherSaving = "saving that is not what was taken"
	otherBudget = "budget that is not spent as the ledger says"
)

var differences = []string{unaccounted, notAnswered, paidAgain, otherTokens, otherMoney, otherLabels, notNamed, otherSum, otherSaving, otherBudget}

// prices is the table of the workers, which is the default one.
var prices = price.Builtin()

// books is the store's ledger and the provider's.
type books struct {
	rows      []*pawl.TaskRow // every task, with its steps
	entries   []pawl.Entry
	splits    []split // the sums of the ledger
	budgets   []pawl.BudgetStatus
	calls     map[inquiry][]llmsim.Record // what the provider was asked
	strangers []llmsim.Record             // calls of which nobody knows what they ask
	cutOff    int                         // calls whose sender was killed while it sent them: the provider cannot know what they ask
	prices    *price.Table
}

// auditSums are the figures of an audit.
type auditSums struct {
	prompts    int
	received   int                    // calls
	kinds      map[pawl.EntryKind]int // entries
	paidFor    int                    // calls that are billed
	paid       llm.Usage              // that is billed
	answered   llm.Usage              // of answered entries
	unkept     llm.Usage              // that is billed, and of no answered entry
	expected   llm.Usage              // of unknown entries
	cost       price.Money            // of answered entries
	twice      int                    // answers that were paid more than once
	unreceived int                    // unknown entries of calls that did not reach the provider whole
	cutOff     int                    // of these, at most: calls that reached it in part
	spared     pawl.Sum               // stored answers that were taken
	sums       int                    // that were compared
}

// auditedCall is all that is known of one inquiry.
type auditedCall struct {
	inquiry
	row     *pawl.TaskRow
	stored  *pawl.StepRow // nil if no answer was stored
	records []llmsim.Record
	entries []pawl.Entry
}

// check compares the ledgers call for call, and the store's with its sums.
func (k *books) check(b *breaches) (s auditSums) {
	s.kinds = map[pawl.EntryKind]int{}
	for _, r := range k.strangers {
		b.add(unaccounted, "the provider was asked what no task asks: %+v", r)
	}
	for _, c := range k.sorted(b) {
		k.checkCall(b, c, &s)
	}
	if s.cutOff = k.cutOff; s.cutOff > s.unreceived {
		b.add(unaccounted, "the provider was sent parts of %d calls, and the ledger has %d unknown ones that it did not receive whole", s.cutOff, s.unreceived)
	}
	k.checkSavings(b, &s)
	for _, split := range k.splits {
		s.sums += split.check(b, k.entries)
	}
	k.checkBudgets(b)
	return s
}

// sorted returns the calls with their entries and records. The questions of a task are
// asked one after the other: the first without a stored answer is the last one asked.
func (k *books) sorted(b *breaches) []*auditedCall {
	all := map[inquiry]*auditedCall{}
	tasks := map[pawl.ID]*pawl.TaskRow{}
	keys := map[pawl.ID]map[string]int{} // the questions of a task by their step
	at := func(c inquiry) *auditedCall {
		if all[c] == nil {
			all[c] = &auditedCall{inquiry: c, row: tasks[c.task]}
		}
		return all[c]
	}
	for _, r := range k.rows {
		tasks[r.ID], keys[r.ID] = r, map[string]int{}
		for i, step := range callsOf(r) {
			keys[r.ID][step.Key] = i + 1
			at(inquiry{r.ID, i + 1}).stored = step
		}
	}
	for _, e := range k.entries {
		if e.Kind.IsSaving() {
			continue
		}
		if keys[e.Task] == nil {
			b.add(unaccounted, "an entry is of task %s, which is not there", e.Task)
			continue
		}
		step := e.Key[:max(strings.LastIndexByte(e.Key, '/'), 0)]
		if keys[e.Task][step] == 0 {
			keys[e.Task][step] = len(keys[e.Task]) + 1
		}
		c := at(inquiry{e.Task, keys[e.Task][step]})
		c.entries = append(c.entries, e)
	}
	for what, records := range k.calls {
		if tasks[what.task] == nil {
			b.add(unaccounted, "the provider was asked %d times by task %s, which is not there", len(records), what.task)
			continue
		}
		at(what).records = records
	}
	return slices.SortedFunc(maps.Values(all), func(x, y *auditedCall) int {
		return cmp.Or(cmp.Compare(x.task.String(), y.task.String()), cmp.Compare(x.question, y.question))
	})
}

func (k *books) checkCall(b *breaches, c *auditedCall, s *auditSums) {
	slices.SortFunc(c.records, func(x, y llmsim.Record) int { return cmp.Compare(x.Seq, y.Seq) })
	slices.SortFunc(c.entries, func(x, y pawl.Entry) int { return cmp.Compare(x.Attempt, y.Attempt) })
	if !c.accounted(c.records, c.entries) {
		b.add(unaccounted, "%v: the provider has %s, and the ledger %s", c, kindsOf(c.records), entriesOf(c.entries))
	}
	c.checkAnswer(b)
	c.checkAgain(b)
	for _, e := range c.entries {
		k.checkMoney(b, c, &e)
		c.checkLabels(b, &e)
	}
	s.add(c)
}

// add adds a call up.
func (s *auditSums) add(c *auditedCall) {
	s.prompts++
	s.received += len(c.records)
	paid := 0
	for _, r := range c.records {
		if r.Billed {
			paid++
			s.paid, s.unkept = s.paid.Add(r.Usage), s.unkept.Add(r.Usage)
		}
	}
	s.paidFor += paid
	if paid > 1 {
		s.twice++
	}
	for _, e := range c.entries {
		s.kinds[e.Kind]++
		switch e.Kind {
		case pawl.EntryAnswered:
			s.answered = s.answered.Add(e.Usage)
			s.cost += e.Cost
			s.unkept = s.unkept.Add(minus(e.Usage))
		case pawl.EntryUnknown:
			s.expected = s.expected.Add(e.Usage)
		}
	}
	s.unreceived += len(c.entries) - len(c.records)
}

func minus(u llm.Usage) llm.Usage {
	return llm.Usage{Input: -u.Input, Output: -u.Output, CacheRead: -u.CacheRead, CacheWrite: -u.CacheWrite, Reasoning: -u.Reasoning}
}

// accounted reports whether each call that the provider has is an entry, in their order.
// An entry that is left is of a call that did not reach the provider, and then unknown.
func (c *auditedCall) accounted(records []llmsim.Record, entries []pawl.Entry) bool {
	switch {
	case len(entries) == 0:
		return len(records) == 0
	case len(records) > 0 && c.fits(&records[0], &entries[0]) && c.accounted(records[1:], entries[1:]):
		return true
	}
	return entries[0].Kind == pawl.EntryUnknown && c.accounted(records, entries[1:])
}

// fits reports whether an entry may be what the ledger has of a call, which was sent by
// the entry's attempt. What came of an unknown one is not known; nobody may be told that
// what is billed is not.
func (c *auditedCall) fits(r *llmsim.Record, e *pawl.Entry) bool {
	for _, a := range c.row.Attempts {
		if a.Number == e.Attempt && r.Start.Before(a.Started) {
			return false
		}
	}
	switch e.Kind {
	case pawl.EntryAnswered:
		return r.Delivered && r.Billed && r.Model == e.Model
	case pawl.EntryFailed:
		return r.Status >= 400 && !r.Billed && !refuses(r.Fault)
	case pawl.EntryRefused:
		return r.Status >= 400 && !r.Billed && refuses(r.Fault)
	}
	return true
}

// refuses reports whether a fault is that the account, or the provider, has no room.
func refuses(f llmsim.Fault) bool {
	switch f {
	case llmsim.RateLimited, llmsim.RateLimitedBlind, llmsim.Overloaded, llmsim.CreditExhausted, llmsim.SpendLimit, llmsim.KeyRefused:
		return true
	}
	return false
}

// checkAnswer compares the answered entry with the stored answer, and with what the
// provider has of it.
func (c *auditedCall) checkAnswer(b *breaches) {
	var answered []pawl.Entry
	for _, e := range c.entries {
		if e.Kind == pawl.EntryAnswered {
			answered = append(answered, e)
		}
	}
	if c.stored == nil {
		if len(answered) > 0 {
			b.add(notAnswered, "%v: %d answered entries, and no stored answer", c, len(answered))
		}
		return
	}
	if len(answered) != 1 || answered[0].Attempt != c.stored.Attempt {
		b.add(notAnswered, "%v: %d answered entries of an answer that attempt %d has stored", c, len(answered), c.stored.Attempt)
		return
	}
	for _, r := range c.records {
		if after := r.Start.Sub(c.stored.At); after > 0 {
			b.add(paidAgain, "%v: it was sent %v after its answer had been stored", c, after)
		}
	}
	hash, nth, err := answerOf(c.stored.Result)
	if err != nil || nth >= len(c.records) || c.records[nth].Hash != hash {
		b.add(otherTokens, "%v: the stored answer is not one that the provider has: %v", c, err)
		return
	}
	if paid := c.records[nth].Usage; paid != answered[0].Usage || paid != c.stored.Usage {
		b.add(otherTokens, "%v: the provider billed %+v, the ledger has %+v, and the stored answer %+v", c, paid, answered[0].Usage, c.stored.Usage)
	}
}

// checkAgain looks at what calls say that were sent again for ones that are unknown.
func (c *auditedCall) checkAgain(b *breaches) {
	lost := ""
	for _, e := range c.entries {
		if e.Again != lost {
			b.add(notNamed, "%v: attempt %d says that it was sent again for %q; the latest unknown one is %q", c, e.Attempt, e.Again, lost)
		}
		if e.Kind == pawl.EntryUnknown {
			lost = e.Key
		}
	}
}

// checkMoney compares what an entry costs with the price of its tokens.
func (k *books) checkMoney(b *breaches, c *auditedCall, e *pawl.Entry) {
	var want pawl.Entry
	if rates, ok := k.prices.Find(e.Model); ok && e.Usage != (llm.Usage{}) {
		want.Currency, want.Cost = k.prices.Currency, rates.Cost(e.Usage)
		if e.Kind == pawl.EntryAnswered {
			want.CacheSaved = rates.CacheSaved(e.Usage)
		}
	}
	if e.Cost != want.Cost || e.Currency != want.Currency || e.CacheSaved != want.CacheSaved {
		b.add(otherMoney, "%v: %+v of %s cost %v %s, of which the cache saved %v; want %v %s and %v",
			c, e.Usage, e.Model, e.Cost, e.Currency, e.CacheSaved, want.Cost, want.Currency, want.CacheSaved)
	}
	if (e.Kind == pawl.EntryUnknown) != (e.Usage.Total() > 0 && e.Kind != pawl.EntryAnswered) {
		b.add(otherTokens, "%v: an entry that is %s has %+v; want what is expected of one that is unknown, and nothing of others", c, e.Kind, e.Usage)
	}
}

// checkLabels compares what an entry is sorted by with its task.
func (c *auditedCall) checkLabels(b *breaches, e *pawl.Entry) {
	r := c.row
	number, err := numberIn(r)
	through := accountOf(number)
	if err != nil || e.Run != r.Run || e.Operation != r.Operation || e.Queue != r.Queue || e.User != r.User || e.Limit != through || e.Calls != 1 {
		b.add(otherLabels, "%v: %+v is of a task of operation %s, queue %s and user %s, and went through %s: %v", c, e, r.Operation, r.Queue, r.User, through, err)
	}
}

// String says which call it is.
func (c *auditedCall) String() string { return fmt.Sprintf("%s, question %d", c.task, c.question) }

func kindsOf(records []llmsim.Record) string {
	var all []string
	for _, r := range records {
		all = append(all, fmt.Sprintf("%d %s billed %t delivered %t", r.Status, r.Fault, r.Billed, r.Delivered))
	}
	return fmt.Sprintf("%d calls %q", len(all), all)
}

func entriesOf(entries []pawl.Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, fmt.Sprintf("attempt %d %s", e.Attempt, e.Kind))
	}
	return fmt.Sprintf("%d entries %q", len(all), all)
}
