package redis

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/internal/services"
)

// write changes the book as one transaction.
func write(t *testing.T, d *database, version int64, pages ...durable.Page) {
	t.Helper()
	err := d.Update(t.Context(), true, func(tx durable.Tx) (*durable.Writes, error) {
		now, err := tx.Now()
		if err == nil {
			_, err = tx.Pages(d.book.Load())
		}
		return &durable.Writes{Now: now, Version: version, Pages: pages}, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// read returns which pages of the book were written after a version, and whether they
// have a value.
func read(t *testing.T, d *database, since int64) (pages map[string]bool, whole bool) {
	t.Helper()
	pages = map[string]bool{}
	err := d.View(t.Context(), func(v durable.View) error {
		read, err := v.Pages(since)
		for _, p := range read.Pages {
			pages[p.Key] = p.Value != nil
		}
		whole = read.Whole
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages, whole
}

// Deleted pages are forgotten when most processes have seen that they are gone; one
// that has not is given the whole book.
func TestDeletedPagesAreForgotten(t *testing.T) {
	o, err := parse(services.Redis(t))
	if err != nil {
		t.Fatal(err)
	}
	d := newDatabase(o)
	defer d.Close()
	value := []byte("1")
	write(t, d, 1, durable.Page{Key: "a", Value: value}, durable.Page{Key: "b", Value: value}, durable.Page{Key: "c", Value: value})
	write(t, d, 2, durable.Page{Key: "a", Version: 1})
	if pages, whole := read(t, d, 1); len(pages) != 1 || pages["a"] || whole {
		t.Errorf("after version 1: %v, %v; want that a was deleted", pages, whole)
	}
	write(t, d, 3, durable.Page{Key: "a", Value: value})
	if pages, whole := read(t, d, 2); len(pages) != 1 || !pages["a"] || whole {
		t.Errorf("after version 2: %v, %v; want a", pages, whole)
	}
	write(t, d, 4, durable.Page{Key: "a", Version: 3})
	write(t, d, 2*deletedKept, durable.Page{Key: "b", Version: 1})
	if pages, whole := read(t, d, 3); len(pages) != 1 || !pages["c"] || !whole {
		t.Errorf("after version 3: %v, %v; want the whole book, which is c", pages, whole)
	}
	if pages, whole := read(t, d, deletedKept); len(pages) != 1 || pages["b"] || whole {
		t.Errorf("after version %d: %v, %v; want that b was deleted", deletedKept, pages, whole)
	}
	if n := d.client.ZCard(t.Context(), d.keys.gone).Val(); n != 1 {
		t.Errorf("%d deleted pages are kept; want 1", n)
	}
}

// A failover, or a crash of a server that does not sync each write, takes back the
// last moment, and the versions of the book count on from there. A process that
// was told of what is no more must not take it for what others write since.
func TestTheBookIsReadAnewFromAServerThatMayHaveLostSomeOfIt(t *testing.T) {
	o, err := parse(services.Redis(t))
	if err != nil {
		t.Fatal(err)
	}
	d, other := newDatabase(o), newDatabase(o)
	defer d.Close()
	defer other.Close()
	old, lost := []byte("old"), []byte("lost")
	write(t, d, 1, durable.Page{Key: "a", Value: old})
	write(t, d, 2, durable.Page{Key: "a", Version: 1, Value: lost})
	write(t, d, 3, durable.Page{Key: "a", Version: 2, Value: lost})
	ctx, k := t.Context(), &other.keys
	for _, err := range []error{
		other.client.HSet(ctx, k.main, "version", 1).Err(),
		other.client.HSet(ctx, k.pages, "a", append(versionOf(1), old...)).Err(),
		other.client.ZAdd(ctx, k.written, redis.Z{Score: 1, Member: "a"}).Err(),
		other.client.Do(ctx, "CLIENT", "KILL", "TYPE", "normal").Err(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for version := int64(2); version <= 4; version++ {
		write(t, other, version, durable.Page{Key: "b", Value: old})
	}
	err = d.Update(ctx, true, func(tx durable.Tx) (*durable.Writes, error) {
		read, err := tx.Pages(3)
		if err == nil && (!read.Whole || len(read.Pages) != 2) {
			t.Errorf("Pages = %+v; want the whole book: a as it was, and b", read)
		}
		return nil, err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = d.Update(ctx, true, func(tx durable.Tx) (*durable.Writes, error) {
		read, err := tx.Pages(4)
		if err == nil && (read.Whole || len(read.Pages) != 0) {
			t.Errorf("Pages = %+v the second time; want nothing new", read)
		}
		return nil, err
	})
	if err != nil {
		t.Fatal(err)
	}
}
