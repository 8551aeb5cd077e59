package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pawlhq/pawl/llmsim"
)

// bill is what the provider was asked, and what it charges.
type bill struct {
	calls, failed int
	tokens        int64 // that are billed
	undelivered   int64 // of these, those of answers that reached nobody, or nobody who could keep them
	again         int64 // those of answers that had been delivered before
	forNothing    int64 // those of answers to requests that were not done
	incomplete    int
	unrecorded    int // answers that were paid twice without being on record as unknown
}

// bill sums up the provider's list of calls, all of which are over.
func (p *provider) bill(r *result) bill {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := bill{incomplete: p.Requests - len(r.done)}
	delivered := map[point][]llmsim.Record{}
	for c := range p.sim.Calls() {
		b.calls++
		if c.Fault != llmsim.None {
			b.failed++
		}
		if !c.Billed {
			continue
		}
		b.tokens += c.Usage.Total()
		if !c.Delivered {
			b.undelivered += c.Usage.Total()
			continue
		}
		at := p.about[c.Hash]
		delivered[at] = append(delivered[at], c)
	}
	for at, calls := range delivered {
		b.add(at, calls, r)
	}
	return b
}

// add looks at the answers that were delivered to one call. Where there is a record of
// the calls whose answers came too late for a process that was killed, the earlier
// ones are these.
func (b *bill) add(at point, calls []llmsim.Record, r *result) {
	slices.SortFunc(calls, func(x, y llmsim.Record) int { return cmp.Compare(x.Seq, y.Seq) })
	for more := len(calls) - 1; more > 0 && r.record != nil; more-- {
		if r.record.possibly[at]--; r.record.possibly[at] < 0 {
			b.unrecorded++
			break
		}
		b.undelivered += calls[0].Usage.Total()
		calls = calls[1:]
	}
	for _, c := range calls[1:] {
		b.again += c.Usage.Total()
	}
	if !r.done[at.request] {
		b.forNothing += calls[0].Usage.Total()
	}
}

// check compares the bill with the record, if there is one: what is billed is on record
// as answered, or was lost on the way, and then the call is on record as unknown.
func (b *bill) check(r *result) error {
	switch {
	case r.record == nil:
		return nil
	case b.unrecorded > 0:
		return fmt.Errorf("%d answers were paid twice, and no call is on record as unknown for them", b.unrecorded)
	case r.record.answered.Usage.Total() != b.tokens-b.undelivered:
		return fmt.Errorf("the ledger has answers of %d tokens; %d are billed, of which %d were lost on the way", r.record.answered.Usage.Total(), b.tokens, b.undelivered)
	}
	return nil
}

const tableHead = `| way | requests not done | calls sent | tokens billed | of answers paid again | of answers to requests not done | wasted in all | lost on the way |
|---|---|---|---|---|---|---|---|`

func (b *bill) row(name string, s setting) string {
	wasted := b.again + b.forNothing
	share := func(n int64) string { return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(max(b.tokens, 1))) }
	return fmt.Sprintf("| %s | %s (%.1f %%) | %s | %s | %s | %s | %s | %s |", name,
		digits(int64(b.incomplete)), 100*float64(b.incomplete)/float64(s.Requests), digits(int64(b.calls)), digits(b.tokens),
		digits(b.again), digits(b.forNothing), share(wasted), share(b.undelivered))
}

// line is what the ledger has, as a sentence.
func (r *record) line() string {
	return fmt.Sprintf("Pawl's ledger: %s calls answered, %s tokens; %s failed; %s unknown, possibly billed, of which %s tokens were expected.",
		digits(r.answered.Calls), digits(r.answered.Usage.Total()), digits(r.failed.Calls), digits(r.unknown.Calls), digits(r.unknown.Usage.Total()))
}

// digits shows a number with a comma at each thousand.
func digits(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
