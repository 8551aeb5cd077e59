package redis

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/internal/ledger"
)

// How many hours of the ledger one script reads, and after how many bytes it stops.
const (
	hoursAtOnce  = 240
	ledgerAtOnce = 4 << 20
)

// Ledger implements [durable.View].
func (v *view) Ledger(from, to ledger.Hour, kinds ...durable.LedgerKind) ([]durable.LedgerPage, ledger.Hour, error) {
	hours, err := v.hours(from, to, kinds...)
	if err != nil {
		return nil, 0, fmt.Errorf("read the ledger: %w", err)
	}
	next := to + 1
	if len(hours) > hoursAtOnce {
		hours, next = hours[:hoursAtOnce], hours[hoursAtOnce]
	}
	kinds = slices.Sorted(slices.Values(kinds))
	pages, whole, err := v.ledgerOf(hours, kinds)
	if err != nil {
		return nil, 0, fmt.Errorf("read the ledger: %w", err)
	}
	if whole < len(hours) {
		next = hours[whole]
	}
	return pages, next, nil
}

// LedgerAt implements [durable.MomentView].
func (v *view) LedgerAt(h ledger.Hour, kinds ...durable.LedgerKind) ([]durable.LedgerPage, []durable.Post, error) {
	kinds = slices.Sorted(slices.Values(kinds))
	c := &commands{}
	for _, kind := range kinds {
		c.once("HGETALL", v.keys.ledger(kind, h))
	}
	c.once("LRANGE", v.keys.posts, "0", "-1")
	_, answers, err := v.read(v.ctx, c)
	if err != nil {
		return nil, nil, fmt.Errorf("read an hour of the ledger: %w", err)
	}
	var pages []durable.LedgerPage
	for i, kind := range kinds {
		if pages, err = appendLedger(pages, kind, h, answers[i]); err != nil {
			return nil, nil, fmt.Errorf("read an hour of the ledger: %w", err)
		}
	}
	letters, err := texts(answers[len(kinds)])
	if err != nil {
		return nil, nil, fmt.Errorf("read what waits for the ledger: %w", err)
	}
	var o opened
	err = o.letter(letters)
	return pages, o.read.Posts, err
}

// hours returns the hours that may have pages of some kinds; a single one always, without
// a look. Where the sums of days are asked for these are also the first ones of days: there
// is what becomes of the others, should that be before they are read.
func (v *view) hours(from, to ledger.Hour, kinds ...durable.LedgerKind) ([]ledger.Hour, error) {
	if from == to {
		return []ledger.Hour{from}, nil
	}
	c := &commands{}
	for _, kind := range kinds {
		c.once("ZRANGE", v.keys.hours(kind), hourText(from), hourText(to), "BYSCORE")
	}
	_, answers, err := v.read(v.ctx, c)
	if err != nil {
		return nil, err
	}
	var hours []ledger.Hour
	for _, answer := range answers {
		members, err := texts(answer)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			n, err := number(m)
			if err != nil {
				return nil, err
			}
			h := ledger.Hour(n)
			hours = append(hours, h)
			if h.Day() >= from && slices.Contains(kinds, durable.LedgerDay) {
				hours = append(hours, h.Day())
			}
		}
	}
	slices.Sort(hours)
	return slices.Compact(hours), nil
}

// ledgerOf reads the pages of hours at one moment, and says of how many it did.
func (v *view) ledgerOf(hours []ledger.Hour, kinds []durable.LedgerKind) (pages []durable.LedgerPage, whole int, err error) {
	if len(hours) == 0 {
		return nil, 0, nil
	}
	keys := make([]string, 0, len(hours)*len(kinds))
	for _, h := range hours {
		for _, kind := range kinds {
			keys = append(keys, v.keys.ledger(kind, h))
		}
	}
	answer, err := v.run(v.ctx, scriptLedger, keys, len(kinds), ledgerAtOnce)
	if err != nil {
		return nil, 0, err
	}
	answers, err := answersOf(answer, len(kinds))
	if err != nil {
		return nil, 0, err
	}
	for i, a := range answers {
		if pages, err = appendLedger(pages, kinds[i%len(kinds)], hours[i/len(kinds)], a); err != nil {
			return nil, 0, err
		}
	}
	return pages, len(answers) / len(kinds), nil
}

// appendLedger appends the pages of one kind and hour, by number.
func appendLedger(pages []durable.LedgerPage, kind durable.LedgerKind, h ledger.Hour, answer any) ([]durable.LedgerPage, error) {
	fields, err := texts(answer)
	if err != nil {
		return nil, err
	}
	from := len(pages)
	for i := 0; i+1 < len(fields); i += 2 {
		n, err := number(fields[i])
		if err != nil {
			return nil, err
		}
		pages = append(pages, durable.LedgerPage{Kind: kind, Hour: h, Number: n, Value: []byte(fields[i+1])})
	}
	slices.SortFunc(pages[from:], func(a, b durable.LedgerPage) int { return cmp.Compare(a.Number, b.Number) })
	return pages, nil
}

func hourText(h ledger.Hour) string { return strconv.FormatInt(int64(h), 10) }

// ledger writes pages of the ledger, after it has removed others. Which hours a range has
// is as the transaction reads it: they change only with the book, as its version does.
func (w *writer) ledger() error {
	k := &w.t.keys
	for _, drop := range w.w.Drops {
		hours, err := w.t.hours(drop.From, drop.To, drop.Kind)
		if err != nil {
			return fmt.Errorf("read which hours the ledger has: %w", err)
		}
		for _, h := range hours {
			w.do.once("UNLINK", k.ledger(drop.Kind, h))
			w.do.to("ZREM", k.hours(drop.Kind)).text(hourText(h))
		}
	}
	for i := range w.w.Ledger {
		p := &w.w.Ledger[i]
		key, number := k.ledger(p.Kind, p.Hour), strconv.FormatInt(p.Number, 10)
		if p.Value == nil {
			w.do.once("HDEL", key, number)
			continue
		}
		w.do.once("HSET", key, number).bytes(p.Value)
		if p.Kind.IsNear() {
			continue // nobody asks for more than one group of these
		}
		add(w.do.to("ZADD", k.hours(p.Kind)), hourText(p.Hour), []byte(hourText(p.Hour)))
	}
	return nil
}
