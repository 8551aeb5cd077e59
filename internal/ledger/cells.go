package ledger

import (
	"maps"
	"slices"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/price"
)

// The fields of a key, in the order in which rows are sorted.
const (
	fieldFrom = iota
	fieldOperation
	fieldQueue
	fieldUser
	fieldLimit
	fieldModel
	fieldRun
	fieldCurrency
	fieldKind
	fields
)

type fieldSet [fields]bool

// key is what the entries of a cell have in common: an hour, the numbers of names, and
// of a kind. So a million of them are compared, found and sorted by numbers.
type key [fields]int32

// row reports whether both are of the same row.
func (k *key) row(other *key) bool {
	return [fieldKind]int32(k[:fieldKind]) == [fieldKind]int32(other[:fieldKind])
}

// cell is what entries with the same key amount to. It holds no pointers.
type cell struct {
	key
	pawl.Sum
	again, waited int64       // how many of them count as Again and as Waited
	cacheSaved    price.Money // of answered calls
}

func (c *cell) add(more *cell) {
	c.Sum = c.Plus(more.Sum)
	c.again += more.again
	c.waited += more.waited
	c.cacheSaved += more.cacheSaved
}

func (c *cell) kind() pawl.EntryKind { return kindNames[c.key[fieldKind]] }

// unpriced returns what the cell has of answered calls without a price.
func (c *cell) unpriced(currency string) pawl.Sum {
	if currency != "" || c.kind() != pawl.EntryAnswered {
		return pawl.Sum{}
	}
	return c.Sum
}

// cells is cells by their keys. Its zero value is empty.
type cells struct {
	all   []cell
	index map[key]int32
	last  int32 // the one that was found last: many in a row are the same
	names
}

// add adds to the cell with the key of more.
func (s *cells) add(more *cell) {
	if int(s.last) < len(s.all) && s.all[s.last].key == more.key {
		s.all[s.last].add(more)
		return
	}
	at, known := s.index[more.key]
	if known {
		s.all[at].add(more)
	} else {
		if s.index == nil {
			s.index = map[key]int32{}
		}
		at = int32(len(s.all))
		s.index[more.key] = at
		s.all = append(s.all, *more)
	}
	s.last = at
}

// addEntry adds an entry by the fields in by.
func (s *cells) addEntry(from Hour, e *pawl.Entry, by *fieldSet) {
	one := cell{Sum: pawl.Sum{Calls: e.Calls, Usage: e.Usage, Cost: e.Cost}}
	one.key[fieldFrom], one.key[fieldKind] = int32(from), int32(kinds[e.Kind])
	for field, name := range [...]string{
		fieldOperation: e.Operation, fieldQueue: e.Queue, fieldUser: e.User, fieldLimit: e.Limit, fieldModel: e.Model, fieldCurrency: e.Currency,
	} {
		if by[field] {
			one.key[field] = s.number(field, []byte(name))
		}
	}
	if by[fieldRun] {
		one.key[fieldRun] = s.number(fieldRun, e.Run[:])
	}
	if e.Again != "" {
		one.again = 1
	}
	if e.Waited > 0 {
		one.waited = 1
	}
	if e.Kind == pawl.EntryAnswered {
		one.cacheSaved = e.CacheSaved
	}
	s.add(&one)
}

// usageKey returns the key of a cell's row, but for the time.
func (s *cells) usageKey(c *cell) pawl.UsageKey {
	k := pawl.UsageKey{
		Operation: s.text(c.key[fieldOperation]), Queue: s.text(c.key[fieldQueue]), User: s.text(c.key[fieldUser]),
		Limit: s.text(c.key[fieldLimit]), Model: s.text(c.key[fieldModel]), Currency: s.text(c.key[fieldCurrency]),
	}
	copy(k.Run[:], s.text(c.key[fieldRun]))
	return k
}

// rows yields the cells of each row, by their kinds, the rows sorted by their keys.
func (s *cells) rows(yield func([]*cell) bool) {
	type place struct {
		key
		at int32
	}
	ranks := s.ranks()
	order := make([]place, len(s.all))
	for i := range s.all {
		k := s.all[i].key
		for field := fieldOperation; field < fieldKind; field++ {
			k[field] = ranks[k[field]]
		}
		order[i] = place{k, int32(i)}
	}
	slices.SortFunc(order, func(a, b place) int { return slices.Compare(a.key[:], b.key[:]) })
	var row []*cell
	for i := range order {
		if i > 0 && !order[i].row(&order[i-1].key) {
			if !yield(row) {
				return
			}
			row = row[:0]
		}
		row = append(row, &s.all[order[i].at])
	}
	if len(row) > 0 {
		yield(row)
	}
}

// names gives each name a number, in the order in which they come; "" has 0.
type names struct {
	texts   []string // by their numbers, from 1 on
	numbers map[string]int32
	recent  [fields]int32 // the number that was found last for each field
}

// number returns the number of a field's name. Mostly it is the one that was found last.
func (n *names) number(field int, name []byte) int32 {
	if n.text(n.recent[field]) == string(name) {
		return n.recent[field]
	}
	number, known := n.numbers[string(name)]
	if !known && len(name) > 0 {
		if n.numbers == nil {
			n.numbers = map[string]int32{}
		}
		n.texts = append(n.texts, string(name))
		number = int32(len(n.texts))
		n.numbers[n.texts[number-1]] = number
	}
	n.recent[field] = number
	return number
}

func (n *names) text(number int32) string {
	if number == 0 {
		return ""
	}
	return n.texts[number-1]
}

// ranks returns the place of each number in the order of the names.
func (n *names) ranks() []int32 {
	ranks := make([]int32, 1+len(n.texts))
	for i, name := range slices.Sorted(maps.Keys(n.numbers)) {
		ranks[n.numbers[name]] = int32(1 + i)
	}
	return ranks
}
