package durable

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/admission"
	"github.com/pawlhq/pawl/internal/budget"
)

// Book is what all workers of a database share to decide what starts next: the
// turns of users, limits, and which queues are paused. It holds an entry for each
// user with waiting tasks, but not the tasks: it does not grow with the backlog.
//
// It is stored as pages, one for each entry, each under the version of the
// transaction that wrote it. A process keeps what it has read, and reads only
// what others wrote since.
type Book struct {
	version int64
	turned  turned
	lines   map[lineKey]*line
	byRank  [3][]*line // all of a priority, highest priority first, by queue and limit
	table   admission.Table
	budgets budget.Table

	forgotten []pawl.ID // runs with budgets of which a task was removed

	ledger  ledgerState
	queues  map[string]*queue
	workers map[string]*worker

	stored map[string]int64    // the version under which each page is stored
	dirty  map[string]entry    // pages to write
	marked admission.Key       // of the table's entry that was touched last; none after a write
	gone   map[string]struct{} // pages to delete

	sheets map[int64]struct{} // of accounts of budgets, that have changed
}

// entry is what a page holds.
type entry interface{ key() string }

// turned counts claims that gave something: it turns the lines.
type turned struct {
	Claims int64 `json:"claims"`
}

// queue is a queue that was paused or resumed.
type queue struct {
	name   string
	Paused bool `json:"paused"`
}

// limitPage and ceilingPage are entries of the table.
type limitPage struct{ *admission.Limit }

type ceilingPage struct {
	of admission.Key
	*admission.Ceiling
}

func newBook() *Book {
	b := &Book{
		lines: map[lineKey]*line{}, queues: map[string]*queue{}, workers: map[string]*worker{},
		stored: map[string]int64{}, dirty: map[string]entry{}, gone: map[string]struct{}{}, sheets: map[int64]struct{}{},
	}
	b.table.Touched = b.touchTable
	b.budgets.Touched = b.touchBudget
	return b
}

func (turned) key() string        { return pageKey("turned") }
func (q *queue) key() string      { return pageKey("queue", q.name) }
func (l limitPage) key() string   { return pageKey("limit", l.Name()) }
func (c ceilingPage) key() string { return pageKey("ceiling", c.of.Limit, c.of.User) }
func (l *line) key() string       { return l.page }
func (u *turn) key() string       { return u.page }

// touchTable notes that an entry of the table has changed. A claim touches the same
// one for each task.
func (b *Book) touchTable(k admission.Key) {
	if k == b.marked {
		return
	}
	b.marked = k
	switch e := b.table.Find(k).(type) {
	case *admission.Limit:
		b.touch(limitPage{e})
	case *admission.Ceiling:
		b.touch(ceilingPage{k, e})
	}
}

// budgetPage is an entry of the budgets.
type budgetPage struct {
	name string
	*budget.Budget
}

func (p budgetPage) key() string { return pageKey("budget", p.name) }

// touchBudget has the page written of a budget or a sheet of accounts that has changed,
// or deleted if it has gone.
func (b *Book) touchBudget(k budget.Key) {
	if k.Budget == "" {
		b.sheets[k.Sheet] = struct{}{}
		return
	}
	page := budgetPage{k.Budget, b.budgets.Budget(k.Budget)}
	if page.Budget != nil {
		b.touch(page)
		return
	}
	delete(b.dirty, page.key())
	b.gone[page.key()] = struct{}{}
}

// pageKey is a JSON array: names may hold any character but a zero byte.
func pageKey(parts ...any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(parts) // names and numbers always marshal
	return strings.TrimSuffix(b.String(), "\n")
}

func (b *Book) touch(e entry) { b.dirty[e.key()] = e }

func (b *Book) queue(name string) *queue {
	q := b.queues[name]
	if q == nil {
		q = &queue{name: name}
		b.queues[name] = q
	}
	return q
}

func (b *Book) line(k lineKey) *line {
	l := b.lines[k]
	if l == nil {
		l = &line{lineKey: k, users: map[string]*turn{}, page: pageKey("line", k.queue, k.limit, k.priority)}
		b.lines[k] = l
		rank := &b.byRank[pawl.High-k.priority]
		at, _ := slices.BinarySearchFunc(*rank, l, compareLines)
		*rank = slices.Insert(*rank, at, l)
	}
	return l
}

// load takes over pages that were written since the book was last read.
func (b *Book) load(read Pages) error {
	var accounts []Page // of budgets, which come first
	for _, p := range read.Pages {
		if strings.HasPrefix(p.Key, `["account`) {
			accounts = append(accounts, p)
		} else if err := b.loadPage(p); err != nil {
			return fmt.Errorf("page %s of the book: %w", p.Key, err)
		}
	}
	for _, p := range accounts {
		if err := b.loadPage(p); err != nil {
			return fmt.Errorf("page %s of the book: %w", p.Key, err)
		}
	}
	b.version = max(b.version, read.Version)
	return nil
}

func (b *Book) loadPage(p Page) error {
	var parts []json.RawMessage
	if err := json.Unmarshal([]byte(p.Key), &parts); err != nil {
		return err
	}
	b.stored[p.Key] = p.Version
	if p.Value == nil {
		delete(b.stored, p.Key)
	}
	var kind, name string
	if err := unpackKey(parts[:min(1, len(parts))], &kind); err != nil {
		return err
	}
	switch kind {
	case "turned":
		return json.Unmarshal(p.Value, &b.turned)
	case "queue":
		if err := unpackKey(parts[1:], &name); err != nil {
			return err
		}
		return json.Unmarshal(p.Value, b.queue(name))
	case "limit":
		if err := unpackKey(parts[1:], &name); err != nil {
			return err
		}
		l := &admission.Limit{}
		if err := json.Unmarshal(p.Value, l); err != nil {
			return err
		}
		b.table.SetLimit(name, l)
		return nil
	case "ceiling":
		return b.loadCeiling(parts[1:], p.Value)
	case "budget":
		return b.loadBudget(parts[1:], p.Value)
	case "accounts":
		var sheet int64
		if err := unpackKey(parts[1:], &sheet); err != nil {
			return err
		}
		return b.budgets.SetSheet(sheet, p.Value)
	case "account":
		return b.loadAccount(parts[1:], p)
	case "ledger":
		b.ledger.page = ledgerPage{}
		return json.Unmarshal(p.Value, &b.ledger.page)
	case "worker":
		if err := unpackKey(parts[1:], &name); err != nil {
			return err
		}
		return b.loadWorker(name, p.Value)
	case "line", "turn":
		return b.loadLine(parts[1:], p.Value)
	}
	return fmt.Errorf("unknown kind %q", kind)
}

func (b *Book) loadCeiling(parts []json.RawMessage, value []byte) error {
	var k admission.Key
	if err := unpackKey(parts, &k.Limit, &k.User); err != nil {
		return err
	}
	if value == nil {
		b.table.SetCeiling(k, nil)
		return nil
	}
	c := &admission.Ceiling{}
	if err := json.Unmarshal(value, c); err != nil {
		return err
	}
	b.table.SetCeiling(k, c)
	return nil
}

func (b *Book) loadBudget(parts []json.RawMessage, value []byte) error {
	var name string
	if err := unpackKey(parts, &name); err != nil {
		return err
	}
	if value == nil {
		b.budgets.Set(name, nil)
		return nil
	}
	e := &budget.Budget{}
	if err := json.Unmarshal(value, e); err != nil {
		return err
	}
	b.budgets.Set(name, e)
	return nil
}

// loadAccount takes over a page of one account, as earlier versions wrote it. It is
// written anew as a part of a sheet by whoever has the book open.
func (b *Book) loadAccount(parts []json.RawMessage, p Page) error {
	var of budget.Part
	if err := unpackKey(parts, &of.Budget, &of.Account); err != nil || p.Value == nil {
		return err
	}
	a := &budget.Account{}
	if err := json.Unmarshal(p.Value, a); err != nil {
		return err
	}
	b.budgets.TakeOver(of, a)
	b.gone[p.Key] = struct{}{}
	return nil
}

func (b *Book) loadLine(parts []json.RawMessage, value []byte) error {
	var k lineKey
	var user string
	if len(parts) == 3 {
		if err := unpackKey(parts, &k.queue, &k.limit, &k.priority); err != nil {
			return err
		}
		return json.Unmarshal(value, b.line(k))
	}
	if err := unpackKey(parts, &k.queue, &k.limit, &k.priority, &user); err != nil {
		return err
	}
	l := b.line(k)
	if value == nil {
		l.drop(user)
		return nil
	}
	u := l.turn(user)
	u.Works = nil
	if err := json.Unmarshal(value, u); err != nil {
		return err
	}
	u.place()
	return nil
}

func unpackKey(parts []json.RawMessage, into ...any) error {
	if len(parts) != len(into) {
		return fmt.Errorf("%d parts; want %d", len(parts), len(into))
	}
	for i, p := range parts {
		if err := json.Unmarshal(p, into[i]); err != nil {
			return err
		}
	}
	return nil
}

// written returns the pages that have changed.
func (b *Book) written() ([]Page, error) {
	pages := make([]Page, 0, len(b.dirty)+len(b.gone)+len(b.sheets))
	for _, key := range slices.Sorted(maps.Keys(b.dirty)) {
		value, err := json.Marshal(b.dirty[key])
		if err != nil {
			return nil, fmt.Errorf("page %s of the book: %w", key, err)
		}
		pages = append(pages, Page{Key: key, Version: b.stored[key], Value: value})
	}
	for _, n := range slices.Sorted(maps.Keys(b.sheets)) {
		key := pageKey("accounts", n)
		if value := b.budgets.PackSheet(n); value != nil || b.stored[key] != 0 {
			pages = append(pages, Page{Key: key, Version: b.stored[key], Value: value})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(b.gone)) {
		if at := b.stored[key]; at != 0 && b.dirty[key] == nil {
			pages = append(pages, Page{Key: key, Version: at})
		}
	}
	return pages, nil
}

// kept says that pages are stored, under a version.
func (b *Book) kept(pages []Page, version int64) {
	for _, p := range pages {
		b.stored[p.Key] = version
		if p.Value == nil {
			delete(b.stored, p.Key)
		}
	}
	if len(pages) > 0 {
		b.version = version
	}
	clear(b.dirty)
	clear(b.gone)
	clear(b.sheets)
	b.ledger.tails, b.ledger.joined, b.ledger.losing = nil, nil, nil
	b.marked = admission.Key{}
}
