package redis

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/internal/ledger"
	"github.com/pawlhq/pawl/internal/services"
)

// meddled is a database in which something happens between two reads of a view.
type meddled struct {
	*database
	options options
	before  func(read int) // is called before each read of the ledger, the first of which is 1
	plain   bool           // its views read one thing after the other
}

func (m *meddled) View(ctx context.Context, f func(durable.View) error) error {
	return m.database.View(ctx, func(v durable.View) error {
		meddled := &meddledView{v, m, 0}
		if m.plain {
			return f(plainView{meddled})
		}
		return f(meddled)
	})
}

type meddledView struct {
	durable.View
	*meddled
	reads int
}

// plainView is a view that reads nothing together, as of a caller's transaction.
type plainView struct{ durable.View }

func (v *meddledView) LedgerAt(h ledger.Hour, kinds ...durable.LedgerKind) ([]durable.LedgerPage, []durable.Post, error) {
	return v.View.(durable.MomentView).LedgerAt(h, kinds...)
}

func (v *meddledView) Ledger(from, to ledger.Hour, kinds ...durable.LedgerKind) ([]durable.LedgerPage, ledger.Hour, error) {
	v.reads++
	v.before(v.reads)
	return v.View.Ledger(from, to, kinds...)
}

// caller makes calls in one task for as long as the test takes.
type caller struct {
	t     *testing.T
	store *durable.Store
	lease pawl.Lease
	calls int
}

// callers returns a store whose views are meddled with, and who calls in the same one.
func callers(t *testing.T, at time.Time) (*meddled, *durable.Store, *caller) {
	o, err := parse(services.Redis(t))
	if err != nil {
		t.Fatal(err)
	}
	m := &meddled{database: newDatabase(o), options: o, before: func(int) {}}
	reader, c := durable.New(m), &caller{t: t, store: durable.New(newDatabase(o))}
	t.Cleanup(func() {
		for _, s := range []*durable.Store{reader, c.store} {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	id := pawl.NewID()
	row := pawl.TaskRow{ID: id, Run: id, Operation: "work", Queue: "default", Limit: pawl.NoLimit, MaxAttempts: 1, Input: []byte("1")}
	if _, err := c.store.Add(t.Context(), at, []pawl.NewTask{{Row: row, Duplicates: pawl.Keep}}); err != nil {
		t.Fatal(err)
	}
	got, err := c.store.Claim(t.Context(), at, pawl.Claim{Worker: "w", Operations: []string{"work"}, Max: 1, Lease: 1000 * 24 * time.Hour})
	if err != nil || len(got.Tasks) != 1 {
		t.Fatalf("Claim = %d tasks, %v; want 1", len(got.Tasks), err)
	}
	c.lease = got.Tasks[0].Lease()
	return m, reader, c
}

// call reserves a call and settles it, which is left in the inbox.
func (c *caller) call(at time.Time) {
	c.t.Helper()
	c.reserve(at)()
}

// reserve reserves a call, and returns what settles it.
func (c *caller) reserve(at time.Time) (settle func()) {
	c.t.Helper()
	c.calls++
	key := fmt.Sprint(c.calls)
	grants, err := c.store.Reserve(c.t.Context(), at, []pawl.Reservation{{Lease: c.lease, Key: key, Limit: pawl.NoLimit, Patience: time.Hour}})
	if err != nil || !grants[0].OK {
		c.t.Fatalf("Reserve = %+v, %v; want a grant", grants, err)
	}
	return func() {
		c.t.Helper()
		saved, err := c.store.Save(c.t.Context(), at, []pawl.Save{{Lease: c.lease, Settle: &pawl.Settlement{Key: key, Outcome: pawl.CallAnswered}}})
		if err != nil || saved[0] != nil {
			c.t.Fatalf("Save = %v, %v", saved, err)
		}
	}
}

// open opens the book: what is in the inbox is entered, and if the hour is a new one what
// is to be merged is merged.
func (c *caller) open(at time.Time) {
	c.t.Helper()
	if _, err := c.store.Claim(c.t.Context(), at, pawl.Claim{Worker: "v", Operations: []string{"nothing"}, Max: 1, Lease: time.Minute}); err != nil {
		c.t.Fatal(err)
	}
}

// questions are how one can ask for the number of calls: of its sums and of its entries.
var questions = map[string]func(*testing.T, *durable.Store, pawl.LedgerFilter) int64{
	"sums": func(t *testing.T, s *durable.Store, f pawl.LedgerFilter) int64 { return sent(t, s, f) },
	"sums of entries": func(t *testing.T, s *durable.Store, f pawl.LedgerFilter) int64 {
		return sent(t, s, f, pawl.ByRun)
	},
	"entries": func(t *testing.T, s *durable.Store, f pawl.LedgerFilter) (n int64) {
		for {
			found, err := s.Entries(t.Context(), time.Time{}, f)
			if err != nil {
				t.Fatal(err)
			}
			n += int64(len(found.Entries))
			if f.Since = found.Next; f.Since.IsZero() {
				return n
			}
		}
	},
}

func sent(t *testing.T, s *durable.Store, f pawl.LedgerFilter, by ...pawl.Dimension) (n int64) {
	t.Helper()
	rows, err := s.Usage(t.Context(), time.Time{}, f, by)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		n += rows[i].Sent()
	}
	return n
}

// What waits in the inbox when a view begins is entered, and perhaps merged, before the
// view comes to its hour: it counts once.
func TestUsageWhileTheInboxIsEntered(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 59, 0, 0, time.UTC)
	for what, meddle := range map[string]func(*caller){
		"nothing":            func(*caller) {},
		"entered":            func(c *caller) { c.open(at) },
		"entered and merged": func(c *caller) { c.open(at); c.open(at.Add(time.Hour)) },
		"more is entered":    func(c *caller) { c.open(at); c.call(at.Add(time.Hour)); c.open(at.Add(2 * time.Hour)) },
	} {
		for question, ask := range questions {
			t.Run(what+"/"+question, func(t *testing.T) {
				m, reader, c := callers(t, at.Add(-time.Hour))
				c.call(at.Add(-time.Hour))
				c.call(at.Add(-time.Minute))
				c.open(at.Add(-time.Minute))
				c.call(at)
				done := false
				m.before = func(int) {
					if !done {
						done = true
						meddle(c)
					}
				}
				if n := ask(t, reader, pawl.LedgerFilter{Until: at.Add(time.Minute)}); n != 3 || !done {
					t.Errorf("%d calls; want 3", n)
				}
				if n := ask(t, c.store, pawl.LedgerFilter{Until: at.Add(time.Minute)}); n != 3 {
					t.Errorf("%d calls afterwards; want 3", n)
				}
			})
		}
	}
}

// slow is a database whose book is open for long.
type slow struct {
	*database
	opened func() // is called when the book is open, and what waits has been read
}

func (s *slow) Update(ctx context.Context, book bool, f func(durable.Tx) (*durable.Writes, error)) error {
	return s.database.Update(ctx, book, func(tx durable.Tx) (*durable.Writes, error) {
		if book {
			s.opened()
		}
		return f(tx)
	})
}

// Of what waits when a view begins, what came after somebody had opened the book is not
// entered with the rest: it waits on, and counts all the same.
func TestUsageWhileSomeOfTheInboxIsEntered(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
	for question, ask := range questions {
		for name, plain := range map[string]bool{"at one moment": false, "one after the other": true} {
			t.Run(question+"/"+name, func(t *testing.T) {
				m, reader, c := callers(t, at)
				m.plain = plain
				first, second := c.reserve(at), c.reserve(at)
				first()
				opened, enter, entered := make(chan struct{}), make(chan struct{}), make(chan error)
				s := durable.New(&slow{newDatabase(m.options), sync.OnceFunc(func() { close(opened); <-enter })})
				defer s.Close()
				go func() {
					_, err := s.Claim(t.Context(), at, pawl.Claim{Worker: "v", Operations: []string{"nothing"}, Max: 1, Lease: time.Minute})
					entered <- err
				}()
				<-opened
				second()
				m.before = func(read int) {
					if read == 1 {
						close(enter)
						if err := <-entered; err != nil {
							t.Error(err)
						}
					}
				}
				if n := ask(t, reader, pawl.LedgerFilter{Until: at.Add(time.Minute)}); n != 2 {
					t.Errorf("%d calls; want 2, the second of which waits", n)
				}
			})
		}
	}
}

// Between two reads the hours of the day that the first one ended in are put together by
// the day.
func TestUsageWhileADayIsPutTogether(t *testing.T) {
	at := time.Date(2026, 3, 1, 5, 0, 0, 0, time.UTC)
	m, reader, c := callers(t, at)
	const hours = hoursAtOnce + 80 // so that the first read ends within a day
	for n := range time.Duration(hours) {
		c.call(at.Add(n * time.Hour))
	}
	late := at.Add(hours*time.Hour + 200*24*time.Hour)
	c.open(late)
	folded := false
	m.before = func(read int) {
		if read != 2 || folded {
			return
		}
		folded = true
		for n := range time.Duration(hours/24 + 1) { // a day in each hour
			c.call(late.Add((n + 1) * time.Hour))
			c.open(late.Add((n + 1) * time.Hour))
		}
	}
	if n := sent(t, reader, pawl.LedgerFilter{Until: late}); n != hours || !folded {
		t.Errorf("%d calls; want %d. Days were put together: %v; want true", n, hours, folded)
	}
	if pages, _ := kept(t, m.database, 0, ledger.HourOf(late)-1, durable.LedgerHour); len(pages) != 0 {
		t.Errorf("%d hours are left; want none", len(pages))
	}
}
