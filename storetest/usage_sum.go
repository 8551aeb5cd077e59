package storetest

import (
	"cmp"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// plainSum adds entries up by dimensions, sorted as Usage answers.
func plainSum(entries []pawl.Entry, by []pawl.Dimension) []pawl.UsageRow {
	rows := map[pawl.UsageKey]*pawl.UsageRow{}
	for i := range entries {
		k := plainKey(&entries[i], by)
		if rows[k] == nil {
			rows[k] = &pawl.UsageRow{UsageKey: k, Sums: map[pawl.EntryKind]pawl.Sum{}}
		}
		plainAdd(rows[k], &entries[i])
	}
	var all []pawl.UsageRow
	for _, r := range rows {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b pawl.UsageRow) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Queue, b.Queue), cmp.Compare(a.User, b.User),
			cmp.Compare(a.Limit, b.Limit), cmp.Compare(a.Model, b.Model), slices.Compare(a.Run[:], b.Run[:]), cmp.Compare(a.Currency, b.Currency))
	})
	return all
}

func plainAdd(r *pawl.UsageRow, e *pawl.Entry) {
	s := pawl.Sum{Calls: e.Calls, Usage: e.Usage, Cost: e.Cost}
	r.Sums[e.Kind] = r.Sums[e.Kind].Plus(s)
	r.CacheSaved += e.CacheSaved
	if e.Kind == pawl.EntryAnswered && e.Currency == "" {
		r.Unpriced = r.Unpriced.Plus(s)
	}
	if e.Again != "" && (e.Kind == pawl.EntryAnswered || e.Kind == pawl.EntryUnknown) {
		r.Again++
	}
	if e.Waited > 0 {
		r.Waited++
	}
}

func plainKey(e *pawl.Entry, by []pawl.Dimension) pawl.UsageKey {
	k := pawl.UsageKey{Currency: e.Currency}
	y, m, d := e.At.UTC().Date()
	for _, dimension := range slices.Backward(by) { // of several times the first, and the dimensions are from the shortest on
		switch dimension {
		case pawl.ByHour:
			k.From = time.Date(y, m, d, e.At.UTC().Hour(), 0, 0, 0, time.UTC)
		case pawl.ByDay:
			k.From = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		case pawl.ByMonth:
			k.From = time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
		case pawl.ByOperation:
			k.Operation = e.Operation
		case pawl.ByQueue:
			k.Queue = e.Queue
		case pawl.ByUser:
			k.User = e.User
		case pawl.ByLimit:
			k.Limit = e.Limit
		case pawl.ByModel:
			k.Model = e.Model
		case pawl.ByRun:
			k.Run = e.Run
		}
	}
	return k
}

// selected returns the entries that a filter selects.
func selected(entries []pawl.Entry, f pawl.LedgerFilter) (all []pawl.Entry) {
	is := func(want, have string) bool { return want == "" || want == have }
	for _, e := range entries {
		hour := e.At.Truncate(time.Hour)
		if is(f.Operation, e.Operation) && is(f.Queue, e.Queue) && is(f.User, e.User) && is(f.Limit, e.Limit) && is(f.Model, e.Model) &&
			(f.Run.IsZero() || f.Run == e.Run) && (len(f.Kinds) == 0 || slices.Contains(f.Kinds, e.Kind)) &&
			(f.Since.IsZero() || f.Since.Before(hour.Add(time.Hour))) && (f.Until.IsZero() || f.Until.After(hour)) {
			all = append(all, e)
		}
	}
	return all
}
