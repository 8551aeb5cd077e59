package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

// tally is a number of a row of the table, and what it is called in a line below the
// row where there is no room for a column.
type tally struct {
	title string
	words string    // with a %s for the number; "" for one that always has a column
	room  roominess // up to which it has a column
	of    func(*pawl.UsageRow) int64
}

// roominess is how much of the table stands in columns.
type roominess int

const (
	roomy   roominess = iota // all
	tight                    // not the kinds of tokens that are rare, or a part of others
	tighter                  // nor how calls failed
)

var tallies = []tally{
	{"ANSWERED", "", roomy, callsOf(pawl.EntryAnswered)},
	{"FAILED", "%s failed", tight, callsOf(pawl.EntryFailed)},
	{"REFUSED", "%s refused", tight, callsOf(pawl.EntryRefused)},
	{"UNKNOWN", "%s unknown", tight, callsOf(pawl.EntryUnknown)},
	{"INPUT", "", roomy, func(r *pawl.UsageRow) int64 { return r.Sums[pawl.EntryAnswered].Usage.Input }},
	{"CACHE READ", "cache read %s", roomy, func(r *pawl.UsageRow) int64 { return r.Sums[pawl.EntryAnswered].Usage.CacheRead }},
	{"CACHE WRITE", "cache write %s", roomy, func(r *pawl.UsageRow) int64 { return r.Sums[pawl.EntryAnswered].Usage.CacheWrite }},
	{"OUTPUT", "", roomy, func(r *pawl.UsageRow) int64 { return r.Sums[pawl.EntryAnswered].Usage.Output }},
	{"REASONING", "reasoning %s", roomy, func(r *pawl.UsageRow) int64 { return r.Sums[pawl.EntryAnswered].Usage.Reasoning }},
}

func callsOf(kind pawl.EntryKind) func(*pawl.UsageRow) int64 {
	return func(r *pawl.UsageRow) int64 { return r.Sums[kind].Calls }
}

// inColumn reports whether a tally has a column with so much room.
func (f tally) inColumn(room roominess) bool { return f.words == "" || room <= f.room }

// print writes what was used and saved for people.
func (s *spending) print(t *terminal) {
	if s.isEmpty() {
		s.printNothing(t)
		return
	}
	if when := s.when(); when != "" {
		fmt.Fprintf(t.out, "%s\n\n", when)
	}
	rows, currencies := s.sent()
	if len(rows) > 0 {
		s.fitting(rows, currencies, t.width()).print(t.out, t.width(), t.palette)
	}
	s.below(t, "known", s.short)
	s.printUnknown(t)
	s.printUnpriced(t)
	s.printSavings(t)
	fmt.Fprintln(t.out)
	for _, line := range wrap("What calls cost is by the prices that their workers had; pawl usage --prices lists those in force here.", t.width()) {
		fmt.Fprintln(t.out, t.palette.dim(line))
	}
}

// isEmpty reports whether there is nothing to show; what was only compared saved nothing.
func (s *spending) isEmpty() bool {
	for _, r := range s.Total {
		for kind := range r.Sums {
			if kind != pawl.EntryShadow {
				return false
			}
		}
	}
	return true
}

func (s *spending) printNothing(t *terminal) {
	text := "The ledger is empty: no call was settled yet. Workers enter each call that a handler makes with t.Ask or through llm.Transport, in the moment that it is settled."
	if s.narrow {
		text = "There is nothing in the ledger of what was asked for. Without --since and the others pawl usage sums all that there is; by run it goes back 30 days."
	}
	for _, line := range wrap(text, t.width()) {
		fmt.Fprintln(t.out, line)
	}
}

// when says which hours were asked for; "" for all.
func (s *spending) when() string {
	switch {
	case s.Since.IsZero() && s.Until.IsZero():
		return ""
	case s.Until.IsZero():
		return "since " + s.Since.Format(utcHour)
	case s.Since.IsZero():
		return "until " + s.Until.Format(utcHour)
	}
	return "from " + s.Since.Format(utcHour) + " until " + s.Until.Format(utcHour)
}

// sent returns the rows of calls, and their currencies.
func (s *spending) sent() (rows []pawl.UsageRow, currencies []string) {
	for _, r := range s.Total {
		if r.Currency != "" {
			currencies = append(currencies, r.Currency)
		}
	}
	return s.together(s.Rows, currencies), currencies
}

// together returns those of some rows that are of calls. If there is one currency, what has
// no price stands in one row with what has.
func (s *spending) together(all []pawl.UsageRow, currencies []string) []pawl.UsageRow {
	if len(currencies) == 1 && len(s.Total) > 1 {
		all = summed(all, func(k pawl.UsageKey) pawl.UsageKey { k.Currency = currencies[0]; return k })
	}
	rows := make([]pawl.UsageRow, 0, len(all))
	for i := range all {
		if all[i].Sent() > 0 {
			rows = append(rows, all[i])
		}
	}
	return rows
}

// mostKey is how wide a name may be before columns are given up for it.
const mostKey = 24

// fitting returns the table with as many columns as there is room for.
func (s *spending) fitting(rows []pawl.UsageRow, currencies []string, width int) *table {
	tab := s.table(rows, currencies)
	for room := roomy; room < tighter && tab.needs(mostKey) > width; room++ {
		for i, f := range tallies {
			tab.columns[len(s.By)+i].folded = !f.inColumn(room + 1)
		}
	}
	return tab
}

// table returns the table with a column for each tally.
func (s *spending) table(rows []pawl.UsageRow, currencies []string) *table {
	tab := &table{rows: make([]row, 0, len(rows)+len(currencies))}
	for _, d := range s.By {
		c := column{title: strings.ToUpper(string(d)), least: 8}
		if isTime(d) || d == pawl.ByRun {
			c.least = 0
		}
		tab.columns = append(tab.columns, c)
	}
	for _, f := range tallies {
		c := column{title: f.title, right: true, spare: f.words != "", words: f.words}
		if f.room == roomy {
			c.note = 1 // those of tokens are below those of calls
		}
		tab.columns = append(tab.columns, c)
	}
	cost := column{title: "COST", right: true, spare: len(currencies) == 0}
	if len(currencies) == 1 {
		cost.title += " " + printable(currencies[0])
	}
	tab.columns = append(tab.columns, cost, column{title: "", spare: true})
	several := len(currencies) > 1
	for i := range rows {
		keys := make([]string, 0, len(tab.columns))
		for _, d := range s.By {
			keys = append(keys, keyText(d, rows[i].UsageKey))
		}
		tab.add("", numbers(keys, &rows[i], several)...)
	}
	if len(rows) > 1 {
		for _, r := range s.together(s.Total, currencies) {
			keys := make([]string, len(s.By), len(tab.columns))
			keys[0] = "total"
			tab.add("", numbers(keys, &r, several)...)
		}
	}
	return tab
}

// numbers adds to the cells with the keys of a row those with its numbers; its currency is
// named if there are several.
func numbers(cells []string, r *pawl.UsageRow, several bool) []string {
	for _, f := range tallies {
		cell := ""
		if n := f.of(r); n != 0 {
			cell = thousands(n)
		}
		cells = append(cells, cell)
	}
	cost, currency := "", ""
	if r.Sums[pawl.EntryAnswered].Calls > r.Unpriced.Calls {
		cost = money(r.Sums[pawl.EntryAnswered].Cost)
	}
	if several {
		currency = r.Currency
	}
	return append(cells, cost, currency)
}

// keyText is a dimension of a row for people.
func keyText(d pawl.Dimension, k pawl.UsageKey) string {
	switch d {
	case pawl.ByHour:
		return k.From.UTC().Format("2006-01-02 15:04")
	case pawl.ByDay:
		return k.From.UTC().Format(time.DateOnly)
	case pawl.ByMonth:
		return k.From.UTC().Format("2006-01")
	}
	return cmp.Or(keyName(d, k), "-")
}

// keyName is a dimension of a row that is no time; "" if it is not known.
func keyName(d pawl.Dimension, k pawl.UsageKey) string {
	switch d {
	case pawl.ByOperation:
		return k.Operation
	case pawl.ByQueue:
		return k.Queue
	case pawl.ByUser:
		return k.User
	case pawl.ByLimit:
		return k.Limit
	case pawl.ByModel:
		return k.Model
	case pawl.ByRun:
		return k.Run.String()
	}
	return ""
}

// printUnknown says what may have to be paid besides.
func (s *spending) printUnknown(t *terminal) {
	var sum pawl.Sum
	cost := amounts{}
	again, unpriced := int64(0), int64(0)
	for _, r := range s.Total {
		one := r.Sums[pawl.EntryUnknown]
		sum = sum.Plus(one)
		cost.add(one.Cost, r.Currency)
		again += r.Again
		if r.Currency == "" {
			unpriced += one.Calls
		}
	}
	var parts []string
	if sum.Calls > 0 {
		more := plural(sum.Usage.Total(), "token")
		if len(cost) > 0 {
			more += " and " + cost.words()
		}
		parts = append(parts, fmt.Sprintf("no answer of %s was stored: possibly billed, which would be %s more by what was expected", plural(sum.Calls, "call"), more))
	}
	if unpriced > 0 {
		parts = append(parts, thousands(unpriced)+" of them without a price are in tokens only")
	}
	if again > 0 {
		parts = append(parts, plural(again, "call")+" made again after such a loss may have been paid twice")
	}
	s.below(t, "unknown", strings.Join(parts, "; "))
}

// printUnpriced names the models that are counted in tokens only.
func (s *spending) printUnpriced(t *terminal) {
	if len(s.Unpriced) == 0 {
		return
	}
	var sum pawl.Sum
	for _, r := range s.Total {
		sum = sum.Plus(r.Unpriced)
	}
	models := make([]string, len(s.Unpriced))
	for i, m := range s.Unpriced {
		models[i] = m
		if m == "" {
			models[i] = "calls that name no model"
		}
	}
	s.below(t, "no price", fmt.Sprintf("%s: %s with %s are in no cost", strings.Join(models, ", "), plural(sum.Calls, "call"), plural(sum.Usage.Total(), "token")))
}

// below prints a line below the table, unless it is "".
func (s *spending) below(t *terminal, label, text string) {
	if text != "" {
		fmt.Fprintln(t.out)
		t.facts([][2]string{{label, text}})
	}
}

// savings are the ways to save calls, in words; last what would have been saved.
var savings = []struct {
	kind pawl.EntryKind
	what string
}{
	{pawl.EntryRetried, "retries and crashes, by stored answers"},
	{pawl.EntryJoined, "joins of identical tasks under way"},
	{pawl.EntryReused, "results of identical tasks"},
	{pawl.EntrySimilar, "results of near-duplicates"},
	{pawl.EntryShadow, "near-duplicates in shadow: not saved"},
}

// printSavings prints what was saved, if anything was.
func (s *spending) printSavings(t *terminal) {
	tab := &table{columns: []column{{title: "SAVED BY"}, {title: "CALLS", right: true}, {title: "TOKENS", right: true}, {title: "COST", right: true}}}
	for _, one := range savings {
		var sum pawl.Sum
		cost := amounts{}
		for _, r := range s.Total {
			sum = sum.Plus(r.Sums[one.kind])
			cost.add(r.Sums[one.kind].Cost, r.Currency)
		}
		if sum.Calls > 0 {
			tab.add("", one.what, thousands(sum.Calls), thousands(sum.Usage.Total()), cost.words())
		}
	}
	cached, waited := amounts{}, int64(0)
	for _, r := range s.Total {
		cached.add(r.CacheSaved, r.Currency)
		waited += r.Waited
	}
	for _, currency := range sortedKeys(cached) {
		what := "the provider's cache"
		if cached[currency] < 0 {
			what += ", which cost more than it saved"
		}
		tab.add("", what, "", "", money(cached[currency])+" "+currency)
	}
	if waited > 0 {
		tab.add("", "waits for room at the limit, not a refusal", thousands(waited), "", "")
	}
	if len(tab.rows) > 0 {
		fmt.Fprintln(t.out)
		tab.print(t.out, t.width(), t.palette)
	}
}
