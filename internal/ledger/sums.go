package ledger

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/wire"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// Sums is entries summed by all that stays known of them: not by task and run. As a key
// From is zero.
type Sums map[pawl.UsageKey]*row

// row is a row of the answer, with what of its counts is which kind's.
type row struct {
	pawl.UsageRow
	counts map[pawl.EntryKind]counts
}

// counts is how many calls of a kind are counted as Again and as Waited.
type counts struct{ again, waited int64 }

func newRow(k pawl.UsageKey) *row {
	return &row{pawl.UsageRow{UsageKey: k, Sums: map[pawl.EntryKind]pawl.Sum{}}, map[pawl.EntryKind]counts{}}
}

func keyOf(e *pawl.Entry) pawl.UsageKey {
	return pawl.UsageKey{
		Operation: e.Operation, Queue: e.Queue, User: e.User, Limit: e.Limit, Model: e.Model, Currency: e.Currency,
	}
}

// Add adds an entry. A saving whose size is not known yet counts for nothing: see
// [IsOpen].
func (s Sums) Add(e *pawl.Entry) {
	if !IsOpen(e) {
		s.at(keyOf(e)).add(e)
	}
}

// AddAll adds packed entries.
func (s Sums) AddAll(packed []byte) error {
	for e, err := range Unpack(packed) {
		if err != nil {
			return err
		}
		s.Add(e)
	}
	return nil
}

func (s Sums) at(k pawl.UsageKey) *row {
	r := s[k]
	if r == nil {
		r = newRow(k)
		s[k] = r
	}
	return r
}

func (r *row) add(e *pawl.Entry) {
	sum := pawl.Sum{Calls: e.Calls, Usage: e.Usage, Cost: e.Cost}
	var c counts
	if e.Again != "" {
		c.again = 1
	}
	if e.Waited > 0 {
		c.waited = 1
	}
	r.count(e.Kind, sum, c)
	if e.Kind != pawl.EntryAnswered {
		return
	}
	r.CacheSaved += e.CacheSaved
	if e.Currency == "" {
		r.Unpriced = r.Unpriced.Plus(sum)
	}
}

func (r *row) count(kind pawl.EntryKind, s pawl.Sum, c counts) {
	r.Sums[kind] = r.Sums[kind].Plus(s)
	r.Again += c.again
	r.Waited += c.waited
	if was := r.counts[kind]; c != (counts{}) {
		r.counts[kind] = counts{was.again + c.again, was.waited + c.waited}
	}
}

// merge adds those kinds of another row that f is about.
func (r *row) merge(other *row, f *pawl.LedgerFilter) {
	for kind, sum := range other.Sums {
		if wanted(f, kind) {
			r.count(kind, sum, other.counts[kind])
		}
	}
	if wanted(f, pawl.EntryAnswered) {
		r.Unpriced = r.Unpriced.Plus(other.Unpriced)
		r.CacheSaved += other.CacheSaved
	}
}

// IsOpen reports whether an entry is of a saving that is known only when the task
// whose answer is taken has ended.
func IsOpen(e *pawl.Entry) bool {
	return (e.Kind == pawl.EntryJoined || e.Kind == pawl.EntryReused) && e.Calls == 0
}

// Close sets what an open entry has saved: what the tasks have used whose results are
// taken, rows being all of their run. It reports false if they have not ended.
func Close(e *pawl.Entry, rows []*pawl.TaskRow) bool {
	e.Calls, e.Usage, e.Cost, e.Currency = 0, llm.Usage{}, 0, ""
	below := pawl.Below(rows, e.Of)
	for _, r := range rows {
		if !below[r.ID] {
			continue
		}
		if !r.State.Ended() {
			e.Calls, e.Usage, e.Cost, e.Currency = 0, llm.Usage{}, 0, ""
			return false
		}
		for _, a := range r.Attempts {
			e.Calls += int64(a.Calls)
			e.Usage = e.Usage.Add(a.Usage)
			e.Cost += a.Cost
			e.Currency = cmp.Or(a.Currency, e.Currency)
		}
	}
	return true
}

// sumsVersion is the first byte of packed sums.
const sumsVersion = 1

// Pack returns the sums as bytes.
func (s Sums) Pack() []byte {
	b := append(make([]byte, 0, 128*len(s)), sumsVersion)
	for _, k := range slices.SortedFunc(maps.Keys(s), compareKeys) {
		r := s[k]
		for _, name := range [...]string{k.Operation, k.Queue, k.User, k.Limit, k.Model, k.Currency} {
			b = wire.AppendText(b, name)
		}
		b = wire.AppendInts(b, int64(r.CacheSaved))
		b = appendSum(b, r.Unpriced)
		b = binary.AppendUvarint(b, uint64(len(r.Sums)))
		for _, kind := range pawl.EntryKinds() {
			if sum, ok := r.Sums[kind]; ok {
				b = appendSum(append(b, kinds[kind]), sum)
				b = wire.AppendInts(b, r.counts[kind].again, r.counts[kind].waited)
			}
		}
	}
	return b
}

func appendSum(b []byte, s pawl.Sum) []byte {
	return appendUsage(wire.AppendInts(b, s.Calls, int64(s.Cost)), &s.Usage)
}

var errSums = errors.New("not packed sums")

// Merge adds packed sums.
func (s Sums) Merge(packed []byte) error {
	return s.mergeInto(packed, &pawl.LedgerFilter{}, func(k pawl.UsageKey) pawl.UsageKey { return k })
}

// mergeInto adds packed sums that f selects, each at the key that at says.
func (s Sums) mergeInto(packed []byte, f *pawl.LedgerFilter, at func(pawl.UsageKey) pawl.UsageKey) error {
	if len(packed) == 0 {
		return nil
	}
	r := reader{Reader: wire.Reader{B: packed[1:], Bad: packed[0] != sumsVersion}, texts: map[string]string{}}
	for r.More() {
		read := r.row()
		if r.Bad {
			break
		}
		if selects(f, &read.UsageKey) {
			s.at(at(read.UsageKey)).merge(read, f)
		}
	}
	if r.Bad {
		return errSums
	}
	return nil
}

func (r *reader) row() *row {
	var k pawl.UsageKey
	k.Operation, k.Queue, k.User, k.Limit, k.Model, k.Currency = r.name(), r.name(), r.name(), r.name(), r.name(), r.name()
	row := newRow(k)
	row.CacheSaved, row.Unpriced = price.Money(r.Int()), r.sum()
	for n := r.Uint(); n > 0 && !r.Bad; n-- {
		kind := r.kind()
		row.count(kind, r.sum(), counts{r.Int(), r.Int()})
	}
	return row
}

func (r *reader) sum() pawl.Sum {
	s := pawl.Sum{Calls: r.Int(), Cost: price.Money(r.Int())}
	s.Usage = r.usage()
	return s
}

func compareKeys(a, b pawl.UsageKey) int {
	return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Queue, b.Queue),
		cmp.Compare(a.User, b.User), cmp.Compare(a.Limit, b.Limit), cmp.Compare(a.Model, b.Model),
		bytes.Compare(a.Run[:], b.Run[:]), cmp.Compare(a.Currency, b.Currency))
}

func compare(a, b *pawl.Entry) int {
	return cmp.Or(a.At.Compare(b.At), bytes.Compare(a.Task[:], b.Task[:]), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.Of[:], b.Of[:]))
}
