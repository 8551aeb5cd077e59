package redis

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/internal/ledger"
	"github.com/pawlhq/pawl/internal/services"
)

// onEachServer runs a test on an empty database of one server and of a Cluster.
func onEachServer(t *testing.T, test func(t *testing.T, d *database)) {
	for name, url := range map[string]func() string{
		"one":     func() string { return services.Redis(t) },
		"cluster": func() string { u, prefix := services.RedisCluster(t); return u + "?prefix=" + prefix },
	} {
		t.Run(name, func(t *testing.T) {
			o, err := parse(url())
			if err != nil {
				t.Fatal(err)
			}
			d := newDatabase(o)
			defer d.Close()
			test(t, d)
		})
	}
}

// keep changes the ledger as one transaction.
func keep(ctx context.Context, d *database, drops []durable.LedgerRange, pages ...durable.LedgerPage) error {
	return d.Update(ctx, true, func(tx durable.Tx) (*durable.Writes, error) {
		now, err := tx.Now()
		if err != nil {
			return nil, err
		}
		read, err := tx.Pages(d.book.Load())
		return &durable.Writes{
			Now: now, Version: read.Version + 1, Drops: drops, Ledger: pages,
			Pages: []durable.Page{{Key: "ledger", Value: []byte("{}")}},
		}, err
	})
}

func mustKeep(t *testing.T, d *database, drops []durable.LedgerRange, pages ...durable.LedgerPage) {
	t.Helper()
	if err := keep(t.Context(), d, drops, pages...); err != nil {
		t.Fatal(err)
	}
}

// kept returns a part of the ledger.
func kept(t *testing.T, d *database, from, to ledger.Hour, kinds ...durable.LedgerKind) (pages []durable.LedgerPage, next ledger.Hour) {
	t.Helper()
	err := d.View(t.Context(), func(v durable.View) (err error) {
		pages, next, err = v.Ledger(from, to, kinds...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages, next
}

func page(kind durable.LedgerKind, h ledger.Hour, number int64, value string) durable.LedgerPage {
	return durable.LedgerPage{Kind: kind, Hour: h, Number: number, Value: []byte(value)}
}

// Pages come in their order and whole, whatever the bytes; those of other hours and
// kinds do not.
func TestLedgerPages(t *testing.T) {
	onEachServer(t, func(t *testing.T, d *database) {
		const day = ledger.Hour(20_000 * 24)
		bytes := string([]byte{0, 255, 128, '\r', '\n'})
		mustKeep(t, d, nil,
			page(durable.LedgerTail, day+2, 10, "ten"), page(durable.LedgerTail, day+2, 9, bytes), page(durable.LedgerLog, day+2, 3, "log"),
			page(durable.LedgerHour, day+1, 1, "sums"), page(durable.LedgerTail, day+30, 11, "later"), page(durable.LedgerDay, day, 2, "day"))
		mustKeep(t, d, nil, page(durable.LedgerLog, day+2, 3, "another log"))
		for _, c := range []struct {
			from, to ledger.Hour
			kinds    []durable.LedgerKind
			want     []durable.LedgerPage
		}{
			{day, day + 23, []durable.LedgerKind{durable.LedgerLog, durable.LedgerTail}, []durable.LedgerPage{
				page(durable.LedgerTail, day+2, 9, bytes), page(durable.LedgerTail, day+2, 10, "ten"), page(durable.LedgerLog, day+2, 3, "another log")}},
			{0, 1 << 40, []durable.LedgerKind{durable.LedgerTail, durable.LedgerHour, durable.LedgerDay}, []durable.LedgerPage{
				page(durable.LedgerDay, day, 2, "day"), page(durable.LedgerHour, day+1, 1, "sums"), page(durable.LedgerTail, day+2, 9, bytes),
				page(durable.LedgerTail, day+2, 10, "ten"), page(durable.LedgerTail, day+30, 11, "later")}},
			{day + 1, day + 1, []durable.LedgerKind{durable.LedgerHour, durable.LedgerDay}, []durable.LedgerPage{page(durable.LedgerHour, day+1, 1, "sums")}},
			{day + 3, day + 29, []durable.LedgerKind{durable.LedgerTail}, nil},
		} {
			got, next := kept(t, d, c.from, c.to, c.kinds...)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Ledger(%d, %d, %v) (-want +got):\n%s", c.from-day, c.to-day, c.kinds, diff)
			}
			if next <= c.to {
				t.Errorf("Ledger(%d, %d, %v) goes on at %d; want the end", c.from-day, c.to-day, c.kinds, next-day)
			}
		}
	})
}

// Pages of near-duplicates come and go one by one, in the order of what is written, and
// leave no key: their groups are many.
func TestNearPages(t *testing.T) {
	onEachServer(t, func(t *testing.T, d *database) {
		const group = ledger.Hour(1<<52 - 1)
		task := func(number int64, value string) durable.LedgerPage {
			return page(durable.NearTask, group, number, value)
		}
		gone := func(number int64) durable.LedgerPage {
			return durable.LedgerPage{Kind: durable.NearTask, Hour: group, Number: number}
		}
		apart := page(durable.NearApart, group, -1<<63, "apart")
		for _, step := range []struct {
			writes, want []durable.LedgerPage
		}{
			{[]durable.LedgerPage{task(1, "one"), task(2, "two"), apart, page(durable.NearTask, group-1, 3, "another group")},
				[]durable.LedgerPage{task(1, "one"), task(2, "two"), apart}},
			{[]durable.LedgerPage{gone(1), task(2, "second"), gone(9)}, []durable.LedgerPage{task(2, "second"), apart}},
			{[]durable.LedgerPage{task(5, "five"), gone(5), gone(2), task(2, "again")}, []durable.LedgerPage{task(2, "again"), apart}},
			{[]durable.LedgerPage{gone(2), {Kind: durable.NearApart, Hour: group, Number: apart.Number}}, nil},
		} {
			mustKeep(t, d, nil, step.writes...)
			got, next := kept(t, d, group, group, durable.NearTask, durable.NearApart)
			if diff := cmp.Diff(step.want, got); diff != "" || next != group+1 {
				t.Errorf("next %d; want %d. (-want +got):\n%s", next, group+1, diff)
			}
		}
		left := []string{d.keys.ledger(durable.NearTask, group), d.keys.ledger(durable.NearApart, group), d.keys.hours(durable.NearTask), d.keys.hours(durable.NearApart)}
		if n, err := d.client.Exists(t.Context(), left...).Result(); err != nil || n != 0 {
			t.Errorf("%d of the keys %v are left, %v; want none", n, left, err)
		}
	})
}

// What is dropped is gone before what the same transaction writes, and leaves no key.
func TestLedgerDrops(t *testing.T) {
	onEachServer(t, func(t *testing.T, d *database) {
		const h = ledger.Hour(480_000)
		for n := range ledger.Hour(5) {
			mustKeep(t, d, nil, page(durable.LedgerTail, h, int64(n), "tail"), page(durable.LedgerLog, h+n, 1, "log"), page(durable.LedgerHour, h+n, 1, "sums"))
		}
		mustKeep(t, d, []durable.LedgerRange{{Kind: durable.LedgerTail, From: h, To: h}, {Kind: durable.LedgerLog, From: 0, To: h + 2}},
			page(durable.LedgerTail, h, 9, "what is open still"))
		got, _ := kept(t, d, 0, 1<<40, durable.LedgerTail, durable.LedgerLog)
		want := []durable.LedgerPage{page(durable.LedgerTail, h, 9, "what is open still"), page(durable.LedgerLog, h+3, 1, "log"), page(durable.LedgerLog, h+4, 1, "log")}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got, _ := kept(t, d, 0, 1<<40, durable.LedgerHour); len(got) != 5 {
			t.Errorf("%d pages of sums are left; want all 5", len(got))
		}
		for _, kind := range []durable.LedgerKind{durable.LedgerTail, durable.LedgerLog, durable.LedgerHour} {
			mustKeep(t, d, []durable.LedgerRange{{Kind: kind, From: 0, To: 1 << 40}})
			left := []string{d.keys.hours(kind)}
			for n := range ledger.Hour(5) {
				left = append(left, d.keys.ledger(kind, h+n))
			}
			if n, err := d.client.Exists(t.Context(), left...).Result(); err != nil || n != 0 {
				t.Errorf("%d of the keys %v are left, %v; want none", n, left, err)
			}
		}
	})
}

// readAll reads the whole ledger, part after part, and returns the hours of each.
func readAll(t *testing.T, d *database, kinds ...durable.LedgerKind) (parts [][]ledger.Hour, pages int) {
	t.Helper()
	for from := ledger.Hour(0); from <= 1<<40; {
		found, next := kept(t, d, from, 1<<40, kinds...)
		var hours []ledger.Hour
		for i := range found {
			if h := found[i].Hour; len(hours) == 0 || hours[len(hours)-1] != h {
				hours = append(hours, h)
			}
		}
		parts, pages, from = append(parts, hours), pages+len(found), next
	}
	return parts, pages
}

// However much there is, one answer has some MiB, and whole hours.
func TestLedgerInParts(t *testing.T) {
	onEachServer(t, func(t *testing.T, d *database) {
		const h = ledger.Hour(480_000)
		large := string(bytes.Repeat([]byte{1}, ledgerAtOnce/4))
		for n := range ledger.Hour(3) {
			mustKeep(t, d, nil, page(durable.LedgerTail, h+n, 1, large), page(durable.LedgerTail, h+n, 2, large), page(durable.LedgerLog, h+n, 1, large))
		}
		parts, pages := readAll(t, d, durable.LedgerTail, durable.LedgerLog)
		if diff := cmp.Diff([][]ledger.Hour{{h, h + 1}, {h + 2}}, parts); diff != "" || pages != 9 {
			t.Errorf("%d pages; want 9. Hours (-want +got):\n%s", pages, diff)
		}
		for from := ledger.Hour(0); from < 600; from += 100 {
			var small []durable.LedgerPage
			for n := range ledger.Hour(100) {
				small = append(small, page(durable.LedgerHour, h+2*(from+n), 1, "sums"))
			}
			mustKeep(t, d, nil, small...)
		}
		if parts, pages = readAll(t, d, durable.LedgerHour); len(parts) != 3 || pages != 600 {
			t.Errorf("%d pages in %d parts; want 600 in 3", pages, len(parts))
		}
	})
}

// While tails are merged, whoever reads the hour finds each entry once.
func TestAnHourIsReadAtOneMoment(t *testing.T) {
	onEachServer(t, func(t *testing.T, d *database) {
		const h = ledger.Hour(480_000)
		ctx, stop := context.WithCancel(t.Context())
		var begun, done atomic.Int64
		var all sync.WaitGroup
		all.Go(func() {
			for n := int64(1); ctx.Err() == nil; n++ {
				begun.Store(n)
				if err := keep(t.Context(), d, nil, page(durable.LedgerTail, h, n, ".")); err != nil {
					t.Errorf("write a tail: %v", err)
					return
				}
				done.Store(n)
				if n%5 != 0 {
					continue
				}
				merged := []durable.LedgerRange{{Kind: durable.LedgerTail, From: h, To: h}}
				if err := keep(t.Context(), d, merged, page(durable.LedgerLog, h, n, ".....")); err != nil {
					t.Errorf("merge the tails: %v", err)
					return
				}
			}
		})
		defer all.Wait()
		defer stop()
		for range 300 {
			least := done.Load()
			pages, _ := kept(t, d, h, h, durable.LedgerTail, durable.LedgerLog)
			found, most := int64(0), begun.Load()
			for i := range pages {
				found += int64(len(pages[i].Value))
			}
			if found < least || found > most {
				t.Fatalf("%d entries; want %d to %d", found, least, most)
			}
		}
		if done.Load() < 10 {
			t.Errorf("%d tails were written meanwhile; want some merges", done.Load())
		}
	})
}
