package ledger_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/ledger"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

var began = time.Date(2024, 2, 29, 20, 0, 0, 0, time.UTC)

// someEntries returns entries of a few users, models and so on, over some hours of two
// months, sorted by the hour.
func someEntries(t *rapid.T) []pawl.Entry {
	name := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, "name") }
	number := func(most int64) int64 { return rapid.Int64Range(0, most).Draw(t, "number") }
	all := make([]pawl.Entry, rapid.IntRange(0, 30).Draw(t, "entries"))
	for i := range all {
		e := pawl.Entry{
			At: began.Add(time.Duration(number(8*3600)) * time.Second), Kind: rapid.SampledFrom(pawl.EntryKinds()).Draw(t, "kind"),
			Task: pawl.ID{byte(i)}, Run: pawl.ID{byte(number(2))}, Operation: name("a", "b"), Queue: name("", "q"), User: name("", "ann", "bob"),
			Limit: name("none", "l"), Model: name("m1", "m2"), Currency: name("", "USD"), Calls: number(3),
			Usage: llm.Usage{Input: number(9), Output: number(9), CacheRead: number(9), CacheWrite: number(9), Reasoning: number(9)}, Cost: price.Money(number(99)),
		}
		if !e.Kind.IsSaving() {
			e.Calls, e.Again, e.Waited = 1, name("", "k"), time.Duration(number(1))
		}
		if e.Kind == pawl.EntryAnswered {
			e.CacheSaved = price.Money(number(9)) - 5
		}
		all[i] = e
	}
	slices.SortStableFunc(all, func(a, b pawl.Entry) int { return int(ledger.HourOf(a.At) - ledger.HourOf(b.At)) })
	return all
}

func someFilter(t *rapid.T) (f pawl.LedgerFilter) {
	for _, field := range []*string{&f.Operation, &f.Queue, &f.User, &f.Limit, &f.Model} {
		*field = rapid.SampledFrom([]string{"", "", "", "a", "q", "ann", "l", "m1"}).Draw(t, "filter")
	}
	for range rapid.IntRange(0, 2).Draw(t, "kinds") {
		f.Kinds = append(f.Kinds, rapid.SampledFrom(pawl.EntryKinds()).Draw(t, "kind"))
	}
	return f
}

// plain adds up entries one by one, as Usage says.
func plain(entries []pawl.Entry, f *pawl.LedgerFilter, by []pawl.Dimension) []pawl.UsageRow {
	rows := map[pawl.UsageKey]*pawl.UsageRow{}
	for _, e := range entries {
		is := func(want, have string) bool { return want == "" || want == have }
		if !is(f.Operation, e.Operation) || !is(f.Queue, e.Queue) || !is(f.User, e.User) || !is(f.Limit, e.Limit) || !is(f.Model, e.Model) ||
			len(f.Kinds) > 0 && !slices.Contains(f.Kinds, e.Kind) || !f.Run.IsZero() && f.Run != e.Run {
			continue
		}
		k := plainKey(&e, by)
		if rows[k] == nil {
			rows[k] = &pawl.UsageRow{UsageKey: k, Sums: map[pawl.EntryKind]pawl.Sum{}}
		}
		r, s := rows[k], pawl.Sum{Calls: e.Calls, Usage: e.Usage, Cost: e.Cost}
		r.Sums[e.Kind] = r.Sums[e.Kind].Plus(s)
		if e.Kind == pawl.EntryAnswered && e.Currency == "" {
			r.Unpriced = r.Unpriced.Plus(s)
		}
		if e.Again != "" && (e.Kind == pawl.EntryAnswered || e.Kind == pawl.EntryUnknown) {
			r.Again++
		}
		if e.Waited > 0 {
			r.Waited++
		}
		r.CacheSaved += e.CacheSaved
	}
	return sorted(rows)
}

func sorted(rows map[pawl.UsageKey]*pawl.UsageRow) (all []pawl.UsageRow) {
	for _, r := range rows {
		maps.DeleteFunc(r.Sums, func(_ pawl.EntryKind, s pawl.Sum) bool { return s == pawl.Sum{} })
		if len(r.Sums) > 0 {
			all = append(all, *r)
		}
	}
	return all
}

func plainKey(e *pawl.Entry, by []pawl.Dimension) pawl.UsageKey {
	k := pawl.UsageKey{Currency: e.Currency}
	has := func(d pawl.Dimension) bool { return slices.Contains(by, d) }
	y, m, d := e.At.Date()
	switch {
	case has(pawl.ByHour):
		k.From = e.At.Truncate(time.Hour)
	case has(pawl.ByDay):
		k.From = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	case has(pawl.ByMonth):
		k.From = time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	}
	for d, field := range map[pawl.Dimension][2]*string{
		pawl.ByOperation: {&k.Operation, &e.Operation}, pawl.ByQueue: {&k.Queue, &e.Queue}, pawl.ByUser: {&k.User, &e.User},
		pawl.ByLimit: {&k.Limit, &e.Limit}, pawl.ByModel: {&k.Model, &e.Model},
	} {
		if has(d) {
			*field[0] = *field[1]
		}
	}
	if has(pawl.ByRun) {
		k.Run = e.Run
	}
	return k
}

// rowsAre compares rows in any order, as the plain sum has none.
func rowsAre(t *rapid.T, what string, got, want []pawl.UsageRow) {
	byKey := cmpopts.SortSlices(func(a, b pawl.UsageRow) bool { return less(a.UsageKey, b.UsageKey) })
	if diff := cmp.Diff(want, got, byKey, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	if !slices.IsSortedFunc(got, func(a, b pawl.UsageRow) int {
		if less(b.UsageKey, a.UsageKey) {
			return 1
		}
		return -1
	}) {
		t.Errorf("%s is not sorted: %+v", what, got)
	}
}

func less(a, b pawl.UsageKey) bool {
	if c := a.From.Compare(b.From); c != 0 {
		return c < 0
	}
	for _, pair := range [][2]string{{a.Operation, b.Operation}, {a.Queue, b.Queue}, {a.User, b.User}, {a.Limit, b.Limit}, {a.Model, b.Model}} {
		if pair[0] != pair[1] {
			return pair[0] < pair[1]
		}
	}
	if c := slices.Compare(a.Run[:], b.Run[:]); c != 0 {
		return c < 0
	}
	return a.Currency < b.Currency
}

// However the entries of an hour are put together, some as sums and sums of sums, some as
// entries still, a query gives what adding them up gives.
func TestQueriesInAnySplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries, f := someEntries(t), someFilter(t)
		by := rapid.SliceOfDistinct(rapid.SampledFrom(pawl.Dimensions()), func(d pawl.Dimension) pawl.Dimension { return d }).
			Filter(func(by []pawl.Dimension) bool { return ledger.Check(&pawl.LedgerFilter{}, by) == nil }).Draw(t, "by")
		if rapid.IntRange(0, 4).Draw(t, "run") == 0 {
			f.Run = pawl.ID{1}
		}
		q := ledger.NewQuery(f, by)
		hours := map[ledger.Hour]*ledger.Sums{}
		for i := range entries {
			e := &entries[i]
			h := ledger.HourOf(e.At)
			if q.NeedsEntries() || rapid.Bool().Draw(t, "as an entry") {
				if err := q.AddEntries(h, ledger.Pack(nil, e)); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if hours[h] == nil {
				hours[h] = &ledger.Sums{}
			}
			hours[h].Add(e)
			if rapid.Bool().Draw(t, "packed between") {
				hours[h] = repacked(t, hours[h])
			}
		}
		for h, s := range hours {
			if err := q.AddSums(h, s.Pack()); err != nil {
				t.Fatal(err)
			}
		}
		rowsAre(t, "Rows", q.Rows(), plain(entries, &f, by))
	})
}

func repacked(t *rapid.T, s *ledger.Sums) *ledger.Sums {
	again := &ledger.Sums{}
	if err := again.Merge(s.Pack()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.Pack(), s.Pack()) {
		t.Errorf("sums that were packed and merged are packed to other bytes")
	}
	return again
}

// Sums of parts that are merged in any order are the sums of all.
func TestSumsMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := someEntries(t)
		parts := make([]*ledger.Sums, 3)
		for i := range parts {
			parts[i] = &ledger.Sums{}
		}
		whole := &ledger.Sums{}
		for i := range entries {
			parts[rapid.IntRange(0, 2).Draw(t, "part")].Add(&entries[i])
			whole.Add(&entries[i])
		}
		merged := &ledger.Sums{}
		for _, i := range rapid.Permutation([]int{0, 1, 2}).Draw(t, "order") {
			if err := merged.Merge(parts[i].Pack()); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(merged.Pack(), whole.Pack()) {
			t.Errorf("merged sums are %d bytes; want the %d of the whole", len(merged.Pack()), len(whole.Pack()))
		}
	})
}

func TestDaysOfSums(t *testing.T) {
	day := ledger.HourOf(began).Day()
	q := ledger.NewQuery(pawl.LedgerFilter{}, []pawl.Dimension{pawl.ByDay})
	for _, h := range []ledger.Hour{day, day + 3, day + 23, day + 24} {
		s := &ledger.Sums{}
		s.Add(&pawl.Entry{Kind: pawl.EntryAnswered, Calls: 1})
		if err := q.AddSums(h, s.Pack()); err != nil {
			t.Fatal(err)
		}
	}
	rows := q.Rows()
	if len(rows) != 2 || rows[0].Sent() != 3 || !rows[0].From.Equal(began.Truncate(24*time.Hour)) || rows[1].Sent() != 1 {
		t.Errorf("rows = %+v; want 3 calls of one day, and 1 of the next", rows)
	}
}

func FuzzMerge(f *testing.F) {
	s := &ledger.Sums{}
	s.Add(&pawl.Entry{Kind: pawl.EntryAnswered, Calls: 1, User: "ann", Again: "k", Cost: 7, Currency: "USD"})
	s.Add(&pawl.Entry{Kind: pawl.EntryRetried, Calls: 4, User: "ann", Cost: 7, Currency: "USD"})
	f.Add(s.Pack())
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &ledger.Sums{}
		if s.Merge(b) != nil {
			return
		}
		again := &ledger.Sums{}
		if err := again.Merge(s.Pack()); err != nil || !slices.Equal(again.Pack(), s.Pack()) {
			t.Errorf("sums come back as others: %v", err)
		}
	})
}
