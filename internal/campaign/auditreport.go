package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pawlhq/pawl"
)

// auditReport is the outcome of an audit: that of its campaign, and how the ledgers
// compare.
type auditReport struct {
	*report
	auditSums
	differences breaches
}

// verdict returns an error unless the ledgers agree, with some differences of each kind.
func (r *auditReport) verdict() error {
	var errs []error
	shown := map[string]int{}
	for _, b := range r.differences {
		if shown[b.What]++; shown[b.What] <= 4 {
			errs = append(errs, fmt.Errorf("%s: %s", b.What, b.How))
		}
	}
	if len(errs) < len(r.differences) {
		errs = append(errs, fmt.Errorf("and more: %d in all", len(r.differences)))
	}
	return errors.Join(errs...)
}

// markdown writes the figures as a table.
func (r *auditReport) markdown(out io.Writer) error {
	if err := r.report.markdown(out); err != nil {
		return err
	}
	var b strings.Builder
	row := func(what string, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", what, fmt.Sprintf(format, args...))
	}
	row("the provider's ledger", "%d prompts, asked %s times; %s answers billed", r.prompts, digits(int64(r.received)), digits(int64(r.paidFor)))
	row("Pawl's ledger", "%d answered, %d failed, %d refused, %d unknown, %d of these did not reach the provider, or not whole (%d)",
		r.kinds[pawl.EntryAnswered], r.kinds[pawl.EntryFailed], r.kinds[pawl.EntryRefused], r.kinds[pawl.EntryUnknown], r.unreceived, r.cutOff)
	row("tokens of answered calls, in both", "%s", tokens(r.answered))
	row("their price", "%v %s", r.cost, prices.Currency)
	row("tokens billed of calls that are unknown", "%s; expected were %s", digits(r.unkept.Total()), digits(r.expected.Total()))
	row("answers paid twice, each with an unknown entry that the later names", "%d", r.twice)
	row("stored answers that retries took", "%d, %s tokens", r.spared.Calls, digits(r.spared.Usage.Total()))
	row("sums of the ledger that were compared", "%d", r.sums)
	for _, what := range differences {
		row("**"+what+"**", "%d", r.differences.count(what))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// digits shows a number with a comma at each thousand.
func digits(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
