package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/wire"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// kinds gives each kind its number, and never another one.
var kinds = map[pawl.EntryKind]byte{
	pawl.EntryAnswered: 1, pawl.EntryFailed: 2, pawl.EntryRefused: 3, pawl.EntryUnknown: 4,
	pawl.EntryRetried: 5, pawl.EntryJoined: 6, pawl.EntryReused: 7, pawl.EntrySimilar: 8, pawl.EntryShadow: 9,
}

var kindNames = func() (names [10]pawl.EntryKind) {
	for kind, n := range kinds {
		names[n] = kind
	}
	return names
}()

// What a byte of flags says of an entry.
const (
	withRun     = 1 << iota // that is not the task's own
	withOf                  // Of and Score
	withDetails             // Class, Again, CacheSaved or a Waited
	withCost                // Cost and Currency
)

// Pack appends an entry. Entries that are packed one after the other are unpacked in
// their order.
func Pack(b []byte, e *pawl.Entry) []byte {
	flags := byte(0)
	if e.Run != e.Task {
		flags |= withRun
	}
	if !e.Of.IsZero() || e.Score != 0 {
		flags |= withOf
	}
	if e.Class != "" || e.Again != "" || e.CacheSaved != 0 || e.Waited != 0 {
		flags |= withDetails
	}
	if e.Cost != 0 || e.Currency != "" {
		flags |= withCost
	}
	b = append(b, kinds[e.Kind], flags)
	b = wire.AppendTime(b, e.At)
	b = append(b, e.Task[:]...)
	if flags&withRun != 0 {
		b = append(b, e.Run[:]...)
	}
	for _, s := range [...]string{e.Key, e.Operation, e.Queue, e.User, e.Limit, e.Model} {
		b = wire.AppendText(b, s)
	}
	b = wire.AppendInts(b, int64(e.Attempt), e.Calls)
	b = appendUsage(b, &e.Usage)
	if flags&withCost != 0 {
		b = wire.AppendText(wire.AppendInts(b, int64(e.Cost)), e.Currency)
	}
	if flags&withDetails != 0 {
		b = wire.AppendText(wire.AppendText(b, string(e.Class)), e.Again)
		b = wire.AppendInts(b, int64(e.CacheSaved), int64(e.Waited))
	}
	if flags&withOf != 0 {
		b = wire.AppendFloat(append(b, e.Of[:]...), e.Score)
	}
	return b
}

var errEntries = errors.New("not packed entries")

// Unpack yields the entries that were packed. One entry is used for all: it is the
// caller's until the next.
func Unpack(b []byte) iter.Seq2[*pawl.Entry, error] {
	return func(yield func(*pawl.Entry, error) bool) {
		r := reader{Reader: wire.Reader{B: b}, texts: map[string]string{}}
		var e pawl.Entry
		for r.More() {
			if r.entry(&e); r.Bad {
				break
			}
			if !yield(&e, nil) {
				return
			}
		}
		if r.Bad {
			yield(nil, errEntries)
		}
	}
}

// reader reads entries and sums. The same few names come again and again.
type reader struct {
	wire.Reader
	texts map[string]string
}

func (r *reader) name() string { return r.text(r.Bytes()) }

func (r *reader) text(b []byte) string {
	if s, ok := r.texts[string(b)]; ok {
		return s
	}
	s := string(b)
	r.texts[s] = s
	return s
}

func (r *reader) id() (id pawl.ID) {
	copy(id[:], r.Take(len(id)))
	return id
}

func (r *reader) kind() pawl.EntryKind {
	n := r.Byte()
	if n == 0 || int(n) >= len(kindNames) {
		r.Bad = true
		return ""
	}
	return kindNames[n]
}

func (r *reader) entry(e *pawl.Entry) {
	*e = pawl.Entry{Kind: r.kind()}
	flags := r.Byte()
	e.At, e.Task = r.Time(), r.id()
	if e.Run = e.Task; flags&withRun != 0 {
		e.Run = r.id()
	}
	e.Key = r.Text()
	e.Operation, e.Queue, e.User, e.Limit, e.Model = r.name(), r.name(), r.name(), r.name(), r.name()
	e.Attempt, e.Calls = int(r.Int()), r.Int()
	e.Usage = r.usage()
	if flags&withCost != 0 {
		e.Cost, e.Currency = price.Money(r.Int()), r.name()
	}
	if flags&withDetails != 0 {
		e.Class, e.Again = llm.Class(r.name()), r.Text()
		e.CacheSaved, e.Waited = price.Money(r.Int()), time.Duration(r.Int())
	}
	if flags&withOf != 0 {
		e.Of, e.Score = r.id(), r.Float()
	}
}

// The kinds of tokens are written as a byte that says which there are, and those.
func tokens(u *llm.Usage) [5]*int64 {
	return [...]*int64{&u.Input, &u.Output, &u.CacheRead, &u.CacheWrite, &u.Reasoning}
}

func appendUsage(b []byte, u *llm.Usage) []byte {
	at, which := len(b), byte(0)
	b = append(b, 0)
	for i, n := range tokens(u) {
		if *n != 0 {
			which |= 1 << i
			b = binary.AppendVarint(b, *n)
		}
	}
	b[at] = which
	return b
}

func (r *reader) usage() (u llm.Usage) {
	which := r.Byte()
	for i, n := range tokens(&u) {
		if which&(1<<i) != 0 {
			*n = r.Int()
		}
	}
	return u
}

// Find appends to entries those of packed ones that f selects.
func Find(entries []pawl.Entry, packed []byte, f *pawl.LedgerFilter) ([]pawl.Entry, error) {
	for e, err := range Unpack(packed) {
		if err != nil {
			return nil, err
		}
		if Selects(f, e) {
			entries = append(entries, *e)
		}
	}
	return entries, nil
}

// Selects reports whether a filter selects an entry, of the hours that it is about.
func Selects(f *pawl.LedgerFilter, e *pawl.Entry) bool {
	return (f.Operation == "" || f.Operation == e.Operation) && (f.Queue == "" || f.Queue == e.Queue) &&
		(f.User == "" || f.User == e.User) && (f.Limit == "" || f.Limit == e.Limit) && (f.Model == "" || f.Model == e.Model) &&
		(f.Run.IsZero() || f.Run == e.Run) && wanted(f, e.Kind)
}

func wanted(f *pawl.LedgerFilter, kind pawl.EntryKind) bool {
	return len(f.Kinds) == 0 || slices.Contains(f.Kinds, kind)
}

// Sort sorts entries as [pawl.Ledger] says.
func Sort(entries []pawl.Entry) {
	slices.SortFunc(entries, func(a, b pawl.Entry) int {
		return compare(&a, &b)
	})
}

// Range returns the first and the last hour that a filter is about.
func Range(f *pawl.LedgerFilter) (from, to Hour) {
	from, to = 0, Ever
	if !f.Since.IsZero() {
		from = max(HourOf(f.Since), 0)
	}
	if !f.Until.IsZero() {
		to = HourOf(f.Until.Add(-time.Nanosecond))
	}
	return from, to
}

// Check returns what is wrong with what is asked for.
func Check(f *pawl.LedgerFilter, by []pawl.Dimension) error {
	var time pawl.Dimension
	for _, d := range by {
		switch {
		case !slices.Contains(pawl.Dimensions(), d):
			return fmt.Errorf("pawl: the ledger is not summed by %q; want one of %v", d, pawl.Dimensions())
		case isTime(d) && time != "" && time != d:
			return fmt.Errorf("pawl: the ledger is not summed by %s and by %s at once; want one of them", time, d)
		case isTime(d):
			time = d
		}
	}
	if !f.Until.IsZero() && f.Until.Before(f.Since) {
		return fmt.Errorf("pawl: of the ledger is asked what was until %s and since %s; want Until no earlier than Since", f.Until, f.Since)
	}
	for _, k := range f.Kinds {
		if kinds[k] == 0 {
			return fmt.Errorf("pawl: the ledger has no entries of kind %q; want one of %v", k, pawl.EntryKinds())
		}
	}
	return nil
}

func isTime(d pawl.Dimension) bool { return d == pawl.ByHour || d == pawl.ByDay || d == pawl.ByMonth }
