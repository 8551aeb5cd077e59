package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/ledger"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// usageRules are about the sums of the ledger, and how long what of it is kept.
var usageRules = []rule{
	{"by each dimension", "who used what, where and when is asked in many ways, and each answer is the sum of the same entries", func(t *trial) {
		t.mixed()
		t.addsUp()
		t.pass(time.Hour)
		t.tick() // what was written on its own is put together
		t.addsUp()
	}},
	{"filters", "a question about one user, one model or one week is not to be answered with what others used", func(t *trial) {
		t.mixed()
		all := t.inLedger(pawl.LedgerFilter{})
		first, later := all[0], all[len(all)-1]
		filters := []pawl.LedgerFilter{
			{Operation: "other"}, {Queue: "x"}, {User: "ann"}, {Limit: "b"}, {Model: "m2"}, {Run: first.Run},
			{Since: start.Add(90 * time.Minute)}, {Until: start.Add(time.Hour)}, {Since: later.At, Until: later.At.Add(time.Second)},
			{User: "ann", Model: "m2", Since: start.Add(time.Hour)}, {User: "nobody"}, {Since: later.At.Add(48 * time.Hour)},
		}
		for _, k := range pawl.EntryKinds() {
			filters = append(filters, pawl.LedgerFilter{Kinds: []pawl.EntryKind{k}})
		}
		filters = append(filters, pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryAnswered, pawl.EntryRetried}, User: "bob"})
		check := func() {
			for _, f := range filters {
				want := selected(all, f)
				if got := t.inLedger(f); len(got) != len(want) {
					t.Errorf("Entries of %+v gave %d; want %d", f, len(got), len(want))
				}
				for _, by := range [][]pawl.Dimension{nil, {pawl.ByUser, pawl.ByHour}, {pawl.ByRun}} {
					t.isSum(f, by, want)
				}
			}
		}
		check()
		t.pass(time.Hour)
		t.tick()
		check()
	}},
	{"what makes no sense", "a question that the ledger cannot answer is an error and not an answer to another question", func(t *trial) {
		if rows, err := t.store.Usage(t.ctx, t.now, pawl.LedgerFilter{}, []pawl.Dimension{pawl.ByHour, pawl.ByUser, pawl.ByDay}); err == nil {
			t.Errorf("Usage by the hour and by the day = %v; want an error", rows)
		}
		if rows, err := t.store.Usage(t.ctx, t.now, pawl.LedgerFilter{Since: t.now, Until: t.now.Add(-time.Hour)}, nil); err == nil {
			t.Errorf("Usage until an hour before it began = %v; want an error", rows)
		}
		if rows, err := t.store.Usage(t.ctx, t.now, pawl.LedgerFilter{}, []pawl.Dimension{"colour"}); err == nil {
			t.Errorf("Usage by colour = %v; want an error", rows)
		}
		if rows, err := t.store.Usage(t.ctx, t.now, pawl.LedgerFilter{Kinds: []pawl.EntryKind{"free"}}, nil); err == nil {
			t.Errorf("Usage of a kind that is not there = %v; want an error", rows)
		}
		if found, err := t.store.Entries(t.ctx, t.now, pawl.LedgerFilter{Kinds: []pawl.EntryKind{"free"}}); err == nil {
			t.Errorf("Entries of a kind that is not there = %v; want an error", found)
		}
	}},
	{"an empty ledger", "before the first call there is nothing, which is no error", func(t *trial) {
		t.entries()
		is(t, "rows", len(t.sums(pawl.LedgerFilter{}, every()...)), 0)
	}},
	{"entries by the hour", "who reads a month of entries does so in parts, and meets each of them once", func(t *trial) {
		t.put()
		r := t.keep()
		var want []string
		for i := range 12 {
			key := fmt.Sprint("ask/", i)
			t.paidCall(r, key, 1)
			want = append(want, key)
			t.pass(25 * time.Minute)
			if i%4 == 3 {
				t.tick()
			}
		}
		var got []string
		pages := 0
		for f := (pawl.LedgerFilter{}); ; pages++ {
			page, err := t.store.Entries(t.ctx, t.now, f)
			t.must("Entries", err)
			for _, e := range page.Entries {
				got = append(got, e.Key)
			}
			if f.Since = page.Next; page.Next.IsZero() {
				break
			}
		}
		if !slices.Equal(got, want) || pages > 5 {
			t.Errorf("%d pages gave %v; want %v in no more than one for each hour", pages+1, got, want)
		}
		is(t, "entries of the second hour", len(t.inLedger(pawl.LedgerFilter{Since: start.Add(70 * time.Minute), Until: start.Add(110 * time.Minute)})), 2)
	}},
	{"a clock that is behind", "whoever settles a call just before the hour may be written after one who does so behind it: readers by the hour miss neither", func(t *trial) {
		t.put()
		r := t.keep()
		t.paidCall(r, "ask/0", 1)
		t.pass(time.Hour)
		t.paidCall(r, "ask/1", 1)
		t.call(r, "ask/2", 1, priced)
		t.tick()
		t.now = t.now.Add(-time.Second)
		t.answer(r, "ask/2", 1)
		t.now = t.now.Add(time.Second)
		for range 2 {
			var keys []string
			for _, e := range t.inLedger(pawl.LedgerFilter{}) {
				keys = append(keys, e.Key)
			}
			same(t, keys, []string{"ask/0", "ask/2", "ask/1"})
			t.isSum(pawl.LedgerFilter{}, []pawl.Dimension{pawl.ByHour}, t.inLedger(pawl.LedgerFilter{}))
			t.pass(time.Hour)
			t.tick()
		}
	}},
	{"so many calls", "an hour may have many thousands of calls, each of which is in the sums once, however they are kept", func(t *trial) {
		const most = ledger.EntriesMost + 700
		t.put()
		r := t.keep()
		for done := 0; done < most; done += 500 {
			t.manyCalls(r, done, 500)
			if done%2000 == 0 {
				t.isSumOf(done + 500)
			}
		}
		t.isSumOf(most/500*500 + 500)
		is(t, "entries", len(t.inLedger(pawl.LedgerFilter{})), most/500*500+500)
		t.pass(time.Hour)
		t.tick()
		t.isSumOf(most/500*500 + 500)
	}},
	{"what is kept for how long", "single entries go after 30 days and hours after 90, and no sum changes by it: a bill of last year can be asked for", func(t *trial) {
		t.mixed()
		by := []pawl.Dimension{pawl.ByDay, pawl.ByOperation, pawl.ByQueue, pawl.ByUser, pawl.ByLimit, pawl.ByModel}
		until := pawl.LedgerFilter{Until: t.now.Add(24 * time.Hour)}
		want := t.sums(until, by...)
		old := t.inLedger(until)

		t.now = start.Add(ledger.LogTime - 2*time.Hour)
		t.oneCall()
		same(t, t.inLedger(until), old)
		t.now = start.Add(ledger.LogTime + 20*24*time.Hour)
		for range 3 { // what goes goes within the hours in which something is done
			t.oneCall()
			t.pass(time.Hour)
		}
		is(t, "entries after 50 days", len(t.inLedger(until)), 0)
		is(t, "new entries after 50 days", len(t.inLedger(pawl.LedgerFilter{Since: t.now.Add(-24 * time.Hour)})), 3)
		same(t, t.sums(until, by...), want)
		hours := t.sums(until, pawl.ByHour)

		t.now = start.Add(ledger.HoursTime + 5*24*time.Hour)
		for range 8 {
			t.oneCall()
			t.pass(time.Hour)
			same(t, t.sums(until, by...), want)
		}
		if days := t.sums(until, pawl.ByHour); len(days) >= len(hours) {
			t.Errorf("%d rows by the hour after 95 days; want fewer than %d, for only days are known", len(days), len(hours))
		}
		is(t, "rows of single runs", len(t.sums(until, pawl.ByRun)), 0)
	}},
	{"kept no longer", "single entries name tasks and users: they go after 30 days though nobody has made a call since, and be it that nobody did anything", func(t *trial) {
		for _, merged := range []bool{false, true} {
			t.oneCall()
			if merged {
				t.pass(time.Hour)
				t.tick()
			}
			t.pass(ledger.LogTime + 2*time.Hour)
			t.tick()
			t.entries()
		}
		is(t, "calls", t.sums(pawl.LedgerFilter{})[0].Sent(), 2)
	}},
	{"a pause of months", "what waited to be put together when everybody went home is counted once when they come back", func(t *trial) {
		t.put()
		r := t.keep()
		for done := 0; done <= ledger.EntriesMost; done += 500 {
			t.manyCalls(r, done, 500)
		}
		t.tick() // the many are put together within their hour
		t.manyCalls(r, 1e6, 20)
		t.tick() // and these few wait
		is(t, "entries", len(t.inLedger(pawl.LedgerFilter{})), ledger.EntriesMost/500*500+520)
		until := pawl.LedgerFilter{Until: t.now.Add(time.Hour)}
		by := []pawl.Dimension{pawl.ByDay, pawl.ByUser, pawl.ByModel}
		want := t.sums(until, by...)
		t.now = start.Add(ledger.HoursTime + 10*24*time.Hour)
		for range 5 {
			t.oneCall()
			same(t, t.sums(until, by...), want)
			t.pass(time.Hour)
		}
	}},
}

// keep claims a task for long enough to make calls for months.
func (t *trial) keep() *pawl.TaskRow {
	t.Helper()
	a := ask(1)
	a.Lease = 1000 * 24 * time.Hour
	c := t.claimAs(a)
	if len(c.Tasks) != 1 {
		t.Fatal("Claim gave no task; want one")
	}
	return c.Tasks[0]
}

// oneCall does a task with one call.
func (t *trial) oneCall() {
	t.Helper()
	t.put(priority(pawl.High))
	r := t.take()
	t.paidCall(r, "ask/1", 1)
	t.finish(r, pawl.Succeeded, paid(1))
	t.tick()
}

// manyCalls makes n calls, the i-th of one token more than i%7, and every third fails.
func (t *trial) manyCalls(r *pawl.TaskRow, from, n int) {
	t.Helper()
	calls, saves := make([]pawl.Reservation, n), make([]pawl.Save, n)
	for i := range n {
		key := fmt.Sprint("many/", from+i)
		calls[i] = pawl.Reservation{Lease: r.Lease(), Key: key, Limit: pawl.NoLimit}
		priced(&calls[i])
		saves[i] = pawl.Save{Lease: r.Lease(), Settle: manyOutcome(key, from+i)}
	}
	grants, err := t.store.Reserve(t.ctx, t.now, calls)
	t.must("Reserve", err)
	for _, g := range grants {
		is(t, "OK", g.OK, true)
	}
	errs, err := t.store.Save(t.ctx, t.now, saves)
	t.must("Save", err)
	for _, err := range errs {
		t.must("Save", err)
	}
}

func manyOutcome(key string, i int) *pawl.Settlement {
	if i%3 == 2 {
		return &pawl.Settlement{Key: key, Outcome: pawl.CallFailed, Class: llm.Transient}
	}
	output := int64(1 + i%7)
	return &pawl.Settlement{Key: key, Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: output}, Paid: price.Money(15 * output)}
}

// isSumOf checks the sums of the first n of many calls.
func (t *trial) isSumOf(n int) {
	t.Helper()
	want := map[pawl.EntryKind]pawl.Sum{}
	for i := range n {
		kind, s := pawl.EntryFailed, manyOutcome("", i)
		if s.Outcome == pawl.CallAnswered {
			kind = pawl.EntryAnswered
		}
		want[kind] = want[kind].Plus(pawl.Sum{Calls: 1, Usage: s.Usage, Cost: s.Paid})
	}
	got := map[pawl.EntryKind]pawl.Sum{}
	for _, row := range t.sums(pawl.LedgerFilter{}, pawl.ByModel) {
		for kind, s := range row.Sums {
			got[kind] = got[kind].Plus(s)
		}
	}
	same(t, got, want)
}

// mixed makes calls and savings of all kinds, of different users, operations, queues,
// limits and models, over half a day that ends in another month.
func (t *trial) mixed() {
	t.Helper()
	outcomes := []pawl.CallOutcome{
		pawl.CallAnswered, pawl.CallAnswered, pawl.CallFailed, pawl.CallAnswered, pawl.CallUnknown, pawl.CallThrottled, pawl.CallAnswered,
	}
	for i := range 24 {
		t.put(user([]string{"", "ann", "bob"}[i%3]), operation([]string{"work", "other"}[i/2%2]), queue([]string{"default", "x"}[i/4%2]))
		a := ask(1)
		a.Operations = []string{"work", "other"}
		r := t.claimAs(a).Tasks[0]
		key := fmt.Sprintf("ask/%d", i)
		t.call(r, key, 10+i, func(v *pawl.Reservation) {
			if v.Limit = []string{"a", "b", pawl.NoLimit}[i/3%3]; i%5 > 0 {
				priced(v)
			}
			v.Model = []string{"m0", "m1", "m2"}[i%5%3]
		})
		t.mixedOutcome(r, key, i, outcomes[i%len(outcomes)])
		f := outcome(r, pawl.Succeeded)
		if i%4 == 0 {
			f.Savings = []pawl.Saving{{
				Kind: []pawl.EntryKind{pawl.EntryRetried, pawl.EntrySimilar, pawl.EntryShadow}[i/4%3],
				Sum:  pawl.Sum{Calls: int64(1 + i%3), Usage: llm.Usage{Input: int64(i)}, Cost: price.Money(3 * i)}, Model: "m1", Currency: "USD", Of: r.ID,
			}}
		}
		t.must("Finish", t.finishAs(f))
		t.pass(35 * time.Minute)
	}
}

func (t *trial) mixedOutcome(r *pawl.TaskRow, key string, i int, o pawl.CallOutcome) {
	t.Helper()
	st := pawl.Settlement{Key: key, Outcome: o, Reason: "so", Busy: o == pawl.CallThrottled}
	if i%6 == 0 {
		st.Waited = time.Second
	}
	if o == pawl.CallAnswered {
		st.Usage = llm.Usage{Input: int64(i), Output: int64(2 * i), CacheRead: int64(i % 4), CacheWrite: int64(i % 2), Reasoning: int64(i)}
	}
	if o == pawl.CallAnswered && i%5 > 0 {
		st.Paid, st.CacheSaved = price.Money(33*i), price.Money(i-9)
	}
	t.settle(r, st)
}

// addsUp checks that the sums by each dimension, and by some together, are those of the
// entries.
func (t *trial) addsUp() {
	t.Helper()
	all := t.inLedger(pawl.LedgerFilter{})
	if len(all) < 20 {
		t.Fatalf("%d entries; want at least 20", len(all))
	}
	if !slices.IsSortedFunc(all, func(a, b pawl.Entry) int { return a.At.Compare(b.At) }) {
		t.Error("the entries are not sorted by their time")
	}
	for _, by := range [][]pawl.Dimension{nil, {pawl.ByDay, pawl.ByUser}, {pawl.ByMonth, pawl.ByModel}, every()} {
		t.isSum(pawl.LedgerFilter{}, by, all)
	}
	for _, d := range pawl.Dimensions() {
		t.isSum(pawl.LedgerFilter{}, []pawl.Dimension{d}, all)
	}
}

// every returns all dimensions that go together: of the times the hour alone.
func every() []pawl.Dimension {
	return slices.DeleteFunc(pawl.Dimensions(), func(d pawl.Dimension) bool { return d == pawl.ByDay || d == pawl.ByMonth })
}

// isSum checks that Usage gives what entries amount to, by adding them up.
func (t *trial) isSum(f pawl.LedgerFilter, by []pawl.Dimension, entries []pawl.Entry) {
	t.Helper()
	want := plainSum(entries, by)
	got := t.sums(f, by...)
	if reflect.DeepEqual(got, want) {
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("Usage of %+v by %v (-want +got):\n%s", f, by, diff)
	}
}
