// Package durabletest holds databases to what package durable expects of them where
// no call of a store's contract would tell, or would have to be made for long.
package durabletest

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/internal/ledger"
)

// Ledger tests the pages of the ledger, in a database that has none.
func Ledger(t *testing.T, db durable.Database) {
	b := &book{t, db}
	const hour, tail, log, sums = 480_000, durable.LedgerTail, durable.LedgerLog, durable.LedgerHour
	if reads := b.has("an empty ledger", 0, ages, kinds(tail, log, sums)); reads != 1 {
		t.Errorf("%d reads; want one that says that there is nothing", reads)
	}

	first, second, other := page(tail, hour, 7, "a"), page(tail, hour, 1<<40, "b"), page(tail, hour+1, 9, "c")
	old := page(sums, hour, 0, "s")
	b.write(nil, old, second, other, first)
	b.has("by hour, kind and number", hour, hour+1, kinds(sums, tail), first, second, old, other)
	b.has("one kind", hour, hour+1, kinds(sums), old)
	b.has("one hour", hour+1, hour+1, kinds(sums, tail), other)
	b.has("hours without pages", 0, hour-1, kinds(sums, tail))

	renewed, entries, late := page(sums, hour, 0, "t"), page(log, hour, 11, "ab"), page(tail, hour, 11, "d")
	b.write([]durable.LedgerRange{{Kind: tail, From: hour, To: hour}, {Kind: log, From: 0, To: hour}, {Kind: sums, From: hour + 1, To: ages}},
		late, entries, renewed)
	b.has("what is dropped goes before what is written comes", 0, ages, kinds(tail, log, sums), late, entries, renewed, other)

	kept := page(tail, hour, 13, "e")
	b.write(nil, deleted(late), kept, deleted(page(tail, hour, 14, "")), deleted(kept), kept, deleted(other), other, deleted(other))
	b.has("what is deleted is gone, and the last word on a page counts", 0, ages, kinds(tail, log, sums), kept, entries, renewed)
}

// Near tests the pages of near-duplicates, in a database that has none. Those are
// written without the book, by many at the same time.
func Near(t *testing.T, db durable.Database) {
	const group, writers = 1<<52 - 1, 8
	b := &book{t, db}
	var all []durable.LedgerPage
	for n := range int64(writers) {
		all = append(all, page(durable.NearTask, group, n, "n"))
	}
	b.write(nil, page(durable.LedgerTail, 480_000, 1, "a"), page(durable.NearTask, group-1, 1, "b"))
	var done sync.WaitGroup
	for n := range writers {
		done.Go(func() {
			for range 20 {
				b.writeFree(slices.Concat(all[n:], all[:n])...)
				b.writeFree(deleted(all[n]), deleted(all[(n+1)%writers]))
			}
		})
	}
	done.Wait()
	b.writeFree(all...)
	b.has("a group", group, group, kinds(durable.NearTask, durable.NearApart), all...)
}

func deleted(p durable.LedgerPage) durable.LedgerPage {
	p.Value = nil
	return p
}

// LedgerInParts tests that much of the ledger is read in parts of whole hours, in a
// database that has none.
func LedgerInParts(t *testing.T, db durable.Database) {
	b := &book{t, db}
	var all []durable.LedgerPage
	for h := range 12 {
		for n := range int64(4) {
			all = append(all, page(durable.LedgerLog, ledger.Hour(480_000+100*h), n, string(bytes.Repeat([]byte{byte(h), byte(n)}, 1<<18))))
		}
	}
	b.write(nil, all...)
	if reads := b.has("24 MiB", 0, ages, kinds(durable.LedgerTail, durable.LedgerLog), all...); reads < 4 || reads > 8 {
		t.Errorf("%d reads of 24 MiB; want one for some 4 MiB each", reads)
	}
	large := page(durable.LedgerHour, 480_000, 0, string(make([]byte, 9<<20)))
	b.write([]durable.LedgerRange{{Kind: durable.LedgerLog, To: ages}}, large)
	b.has("an hour of 9 MiB", 480_000, 480_000, kinds(durable.LedgerHour), large)
}

const ages = 1 << 40 // hours

func kinds(k ...durable.LedgerKind) []durable.LedgerKind { return k }

func page(kind durable.LedgerKind, h ledger.Hour, number int64, value string) durable.LedgerPage {
	return durable.LedgerPage{Kind: kind, Hour: h, Number: number, Value: []byte(value)}
}

// book is a ledger under test.
type book struct {
	*testing.T
	db durable.Database
}

// write writes pages, in a transaction with the book.
func (b *book) write(drops []durable.LedgerRange, pages ...durable.LedgerPage) {
	b.Helper()
	b.update(true, &durable.Writes{Drops: drops, Ledger: pages})
}

// writeFree writes pages without the book.
func (b *book) writeFree(pages ...durable.LedgerPage) {
	b.Helper()
	b.update(false, &durable.Writes{Ledger: pages})
}

func (b *book) update(open bool, w *durable.Writes) {
	b.Helper()
	err := b.db.Update(b.Context(), open, func(tx durable.Tx) (*durable.Writes, error) {
		now, err := tx.Now()
		w.Now = now
		return w, err
	})
	if err != nil {
		b.Errorf("Update = %v", err)
	}
}

// has checks which pages there are, in a view and in a transaction, and returns how
// many reads that took.
func (b *book) has(what string, from, to ledger.Hour, of []durable.LedgerKind, want ...durable.LedgerPage) (reads int) {
	b.Helper()
	look := func(v durable.View) (err error) {
		var got []durable.LedgerPage
		got, reads, err = read(v, from, to, of)
		if err == nil && !slices.EqualFunc(got, want, samePage) {
			err = fmt.Errorf("%s: %v; want %v", what, names(got), names(want))
		}
		return err
	}
	if err := b.db.View(b.Context(), look); err != nil {
		b.Fatalf("View: %v", err)
	}
	if err := b.db.Update(b.Context(), true, func(tx durable.Tx) (*durable.Writes, error) { return nil, look(tx) }); err != nil {
		b.Fatalf("Update: %v", err)
	}
	return reads
}

// read reads all pages, and checks that each read has whole hours.
func read(v durable.View, from, to ledger.Hour, of []durable.LedgerKind) (all []durable.LedgerPage, reads int, err error) {
	for from <= to {
		pages, next, err := v.Ledger(from, to, of...)
		if err != nil {
			return nil, 0, err
		}
		if n := len(pages); next <= from || n > 0 && (pages[0].Hour < from || pages[n-1].Hour >= next) {
			return nil, 0, fmt.Errorf("Ledger(%d, %d) = %v, then from %d; want whole hours, and a later one to go on from", from, to, names(pages), next)
		}
		all, from = append(all, pages...), next
		reads++
	}
	return all, reads, nil
}

func samePage(a, b durable.LedgerPage) bool {
	return a.Kind == b.Kind && a.Hour == b.Hour && a.Number == b.Number && bytes.Equal(a.Value, b.Value)
}

// names says which pages they are, and how their values begin.
func names(pages []durable.LedgerPage) []string {
	all := make([]string, len(pages))
	for i, p := range pages {
		all[i] = fmt.Sprintf("%d/%d/%d=%.8q (%d bytes)", p.Hour, p.Kind, p.Number, p.Value, len(p.Value))
	}
	return all
}
