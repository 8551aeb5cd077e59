package ledger

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/wire"
	"github.com/pawlhq/pawl/price"
)

// Sums is entries summed by all that stays known of them: not by task and run. Its zero
// value is empty.
type Sums struct{ cells cells }

// lasting are the fields that stay known.
var lasting = fieldSet{fieldOperation: true, fieldQueue: true, fieldUser: true, fieldLimit: true, fieldModel: true, fieldCurrency: true}

// Add adds an entry.
func (s *Sums) Add(e *pawl.Entry) { s.cells.addEntry(0, e, &lasting) }

// Merge adds packed sums.
func (s *Sums) Merge(packed []byte) error {
	return s.cells.merge(0, packed, &pawl.LedgerFilter{}, &lasting)
}

// Close returns what a joined or reused entry has saved, an entry for each model: what the
// tasks have used by now whose results are taken, rows being all of their run. It reports
// whether they have ended.
func Close(e *pawl.Entry, rows []*pawl.TaskRow) (saved []*pawl.Entry, ended bool) {
	below, ended := pawl.Below(rows, e.Of), true
	var of []*pawl.TaskRow
	for _, r := range rows {
		if below[r.ID] {
			of, ended = append(of, r), ended && r.State.Ended()
		}
	}
	for _, s := range pawl.Answered(of...) {
		if s.Calls > 0 {
			one := *e
			one.Model, one.Calls, one.Usage, one.Cost, one.Currency = s.Model, s.Calls, s.Usage, s.Cost, s.Currency
			saved = append(saved, &one)
		}
	}
	return saved, ended
}

// sumsVersion is the first byte of packed sums.
const sumsVersion = 1

// Pack returns the sums as bytes, sorted by their keys. What caches have saved, and what
// has no price, is written before the kinds: both are of the answered calls.
func (s *Sums) Pack() []byte {
	b := append(make([]byte, 0, 128*len(s.cells.all)), sumsVersion)
	for row := range s.cells.rows {
		k := s.cells.usageKey(row[0])
		for _, name := range [...]string{k.Operation, k.Queue, k.User, k.Limit, k.Model, k.Currency} {
			b = wire.AppendText(b, name)
		}
		var answered cell
		for _, c := range row {
			if c.kind() == pawl.EntryAnswered {
				answered = *c
			}
		}
		b = wire.AppendInts(b, int64(answered.cacheSaved))
		b = appendSum(b, answered.unpriced(k.Currency))
		b = binary.AppendUvarint(b, uint64(len(row)))
		for _, c := range row {
			b = appendSum(append(b, byte(c.key[fieldKind])), c.Sum)
			b = wire.AppendInts(b, c.again, c.waited)
		}
	}
	return b
}

func appendSum(b []byte, s pawl.Sum) []byte {
	return appendUsage(wire.AppendInts(b, s.Calls, int64(s.Cost)), &s.Usage)
}

var errSums = errors.New("not packed sums")

// merge adds what f selects of packed sums, which begin at from, by the fields in by.
func (s *cells) merge(from Hour, packed []byte, f *pawl.LedgerFilter, by *fieldSet) error {
	if len(packed) == 0 {
		return nil
	}
	r := reader{Reader: wire.Reader{B: packed[1:], Bad: packed[0] != sumsVersion}}
	one := cell{key: key{fieldFrom: int32(from)}}
	names := [...]struct {
		field int
		only  string
	}{
		{fieldOperation, f.Operation}, {fieldQueue, f.Queue}, {fieldUser, f.User}, {fieldLimit, f.Limit}, {fieldModel, f.Model}, {fieldCurrency, ""},
	}
	for r.More() {
		selected := true
		for i := range names {
			n, name := &names[i], r.Bytes()
			if n.only != "" && n.only != string(name) {
				selected = false
			}
			if by[n.field] {
				one.key[n.field] = s.number(n.field, name)
			}
		}
		cacheSaved, _ := price.Money(r.Int()), r.sum() // what has no price is known by its currency
		for n := r.Uint(); n > 0 && !r.Bad; n-- {
			kind := r.kind()
			one.key[fieldKind], one.cacheSaved = int32(kinds[kind]), 0
			if kind == pawl.EntryAnswered {
				one.cacheSaved = cacheSaved
			}
			one.Sum, one.again, one.waited = r.sum(), r.Int(), r.Int()
			if selected && !r.Bad && wanted(f, kind) {
				s.add(&one)
			}
		}
	}
	if r.Bad {
		return errSums
	}
	return nil
}

func (r *reader) sum() pawl.Sum {
	s := pawl.Sum{Calls: r.Int(), Cost: price.Money(r.Int())}
	s.Usage = r.usage()
	return s
}

func compare(a, b *pawl.Entry) int {
	return cmp.Or(a.At.Compare(b.At), bytes.Compare(a.Task[:], b.Task[:]), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.Of[:], b.Of[:]),
		cmp.Compare(a.Model, b.Model), cmp.Compare(a.Currency, b.Currency))
}
