package ledger

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/wire"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// Sums is entries summed by all that stays known of them: not by task and run. As a key
// From is zero.
type Sums map[pawl.UsageKey]*row

// row is a row of the answer, in less room: there are mostly one or two kinds.
type row struct {
	key        pawl.UsageKey
	unpriced   pawl.Sum
	cacheSaved price.Money
	kinds      []kindSum
}

// kindSum is what entries of one kind amount to, with how many calls of them are
// counted as Again and as Waited.
type kindSum struct {
	kind byte
	pawl.Sum
	again, waited int64
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
		r = &row{key: k}
		s[k] = r
	}
	return r
}

func (r *row) add(e *pawl.Entry) {
	one := kindSum{kind: kinds[e.Kind], Sum: pawl.Sum{Calls: e.Calls, Usage: e.Usage, Cost: e.Cost}}
	if e.Again != "" {
		one.again = 1
	}
	if e.Waited > 0 {
		one.waited = 1
	}
	r.count(&one)
	if e.Kind != pawl.EntryAnswered {
		return
	}
	r.cacheSaved += e.CacheSaved
	if e.Currency == "" {
		r.unpriced = r.unpriced.Plus(one.Sum)
	}
}

func (r *row) count(more *kindSum) {
	for i := range r.kinds {
		if k := &r.kinds[i]; k.kind == more.kind {
			k.Sum = k.Plus(more.Sum)
			k.again += more.again
			k.waited += more.waited
			return
		}
	}
	r.kinds = append(r.kinds, *more)
}

// merge adds those kinds of another row that f is about.
func (r *row) merge(other *row, f *pawl.LedgerFilter) {
	for i := range other.kinds {
		if k := &other.kinds[i]; wanted(f, kindNames[k.kind]) {
			r.count(k)
		}
	}
	if wanted(f, pawl.EntryAnswered) {
		r.unpriced = r.unpriced.Plus(other.unpriced)
		r.cacheSaved += other.cacheSaved
	}
}

// answer returns the row without the kinds that amount to nothing.
func (r *row) answer() pawl.UsageRow {
	out := pawl.UsageRow{UsageKey: r.key, Unpriced: r.unpriced, CacheSaved: r.cacheSaved, Sums: make(map[pawl.EntryKind]pawl.Sum, len(r.kinds))}
	for i := range r.kinds {
		k := &r.kinds[i]
		out.Again += k.again
		out.Waited += k.waited
		if k.Sum != (pawl.Sum{}) {
			out.Sums[kindNames[k.kind]] = k.Sum
		}
	}
	return out
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
	for _, r := range s.sorted() {
		k := &r.key
		for _, name := range [...]string{k.Operation, k.Queue, k.User, k.Limit, k.Model, k.Currency} {
			b = wire.AppendText(b, name)
		}
		b = wire.AppendInts(b, int64(r.cacheSaved))
		b = appendSum(b, r.unpriced)
		b = binary.AppendUvarint(b, uint64(len(r.kinds)))
		slices.SortFunc(r.kinds, func(x, y kindSum) int { return cmp.Compare(x.kind, y.kind) })
		for i := range r.kinds {
			k := &r.kinds[i]
			b = appendSum(append(b, k.kind), k.Sum)
			b = wire.AppendInts(b, k.again, k.waited)
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
	return s.mergeInto(packed, &pawl.LedgerFilter{}, func(k *pawl.UsageKey) pawl.UsageKey { return *k })
}

// mergeInto adds packed sums that f selects, each at the key that at says. They are
// sorted, so that many in a row have the same names, and often the same key.
func (s Sums) mergeInto(packed []byte, f *pawl.LedgerFilter, at func(*pawl.UsageKey) pawl.UsageKey) error {
	if len(packed) == 0 {
		return nil
	}
	r := reader{Reader: wire.Reader{B: packed[1:], Bad: packed[0] != sumsVersion}, texts: map[string]string{}}
	var read row
	var into *row
	for r.More() {
		if r.row(&read); r.Bad {
			break
		}
		if !selects(f, &read.key) {
			continue
		}
		if k := at(&read.key); into == nil || k != into.key {
			into = s.at(k)
		}
		into.merge(&read, f)
	}
	if r.Bad {
		return errSums
	}
	return nil
}

// row reads over the row that was read before.
func (r *reader) row(row *row) {
	k := &row.key
	for _, name := range [...]*string{&k.Operation, &k.Queue, &k.User, &k.Limit, &k.Model, &k.Currency} {
		if b := r.Bytes(); string(b) != *name {
			*name = r.text(b)
		}
	}
	row.cacheSaved, row.unpriced = price.Money(r.Int()), r.sum()
	row.kinds = row.kinds[:0]
	for n := r.Uint(); n > 0 && !r.Bad; n-- {
		row.count(&kindSum{kind: kinds[r.kind()], Sum: r.sum(), again: r.Int(), waited: r.Int()})
	}
}

func (r *reader) sum() pawl.Sum {
	s := pawl.Sum{Calls: r.Int(), Cost: price.Money(r.Int())}
	s.Usage = r.usage()
	return s
}

// sorted returns the rows by their keys.
func (s Sums) sorted() []*row {
	return slices.SortedFunc(maps.Values(s), func(x, y *row) int { return compareKeys(&x.key, &y.key) })
}

// compareKeys compares no more than it must: many keys are sorted at a time.
func compareKeys(a, b *pawl.UsageKey) int {
	if c := a.From.Compare(b.From); c != 0 {
		return c
	}
	for _, names := range [...][2]*string{
		{&a.Operation, &b.Operation}, {&a.Queue, &b.Queue}, {&a.User, &b.User}, {&a.Limit, &b.Limit}, {&a.Model, &b.Model},
	} {
		if c := strings.Compare(*names[0], *names[1]); c != 0 {
			return c
		}
	}
	return cmp.Or(bytes.Compare(a.Run[:], b.Run[:]), strings.Compare(a.Currency, b.Currency))
}

func compare(a, b *pawl.Entry) int {
	return cmp.Or(a.At.Compare(b.At), bytes.Compare(a.Task[:], b.Task[:]), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.Of[:], b.Of[:]))
}
