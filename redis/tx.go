package redis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// tx implements [durable.Tx]: a transaction that is optimistic. It remembers what
// it has read, and commit.lua checks that all of it is still so. Nothing is locked
// but the book, and that only so that transactions seldom meet.
type tx struct {
	view
	withBook bool
	careful  bool // read what else is assumed: an assumption was wrong

	token   string
	opened  opened
	hasRead bool // whether the transaction has read the book

	assumed  bool      // whether at was not asked of the server
	begun    time.Time // when that was, by this process's clock
	watched  watched
	hasTypes bool // whether watched is known

	was      map[pawl.ID]*was // tasks that were read
	order    []*was
	guessed  bool // whether Adding guessed
	expected []expectation
	stored   []pawl.Hash            // conversations that must be stored
	heads    map[pawl.ID]*candidate // pending tasks that were read
	queued   bool                   // whether it stands first in this process's queue for the turn
	turn     string                 // the token of the turn, if it has it; see turn.go
	trusted  bool                   // whether rows were not read because they are known
	changed  bool                   // whether it was refused because of rows that have changed, and nothing else is in doubt
	orphans  []*durable.Record      // tasks that were not added, and have payloads
}

// was is a task as it was when it was read: where it stands in sets.
type was struct {
	*durable.Record
	version uint64
	queue   string
	state   pawl.State
	place   place
}

// expectation is a field of a hash that must have a value, "" for none.
type expectation struct{ key, field, value string }

// openBook waits until nobody else has the book open, and opens it.
func (t *tx) openBook() error {
	t.token = fmt.Sprintf("%016x", rand.Uint64())
	for {
		o, err := t.openAt(t.token, t.book.Load())
		if err != nil {
			return err
		}
		if o.busy == 0 {
			t.opened, t.at, t.watched, t.hasTypes = o, o.now, o.interest, true
			t.interest.set(o.interest)
			return nil
		}
		if err := sleep(t.ctx, min(bookWaitMin+jitter(bookWaitMax), o.busy)); err != nil {
			return err
		}
	}
}

// Now implements [durable.View].
func (t *tx) Now() (time.Time, error) {
	if !t.at.IsZero() {
		return t.at, nil
	}
	if at, ok := t.clock.now(); ok && !t.careful {
		t.at, t.assumed, t.begun = at, true, time.Now()
		return at, nil
	}
	return t.at, t.ask()
}

// Interest implements [durable.Tx].
func (t *tx) Interest() (durable.Types, error) {
	if !t.hasTypes {
		var known bool
		if t.watched, known = t.interest.get(); !known || t.careful {
			if err := t.ask(); err != nil {
				return 0, err
			}
		}
		t.hasTypes = true
	}
	now, err := t.Now()
	if err != nil {
		return 0, err
	}
	return t.watched.at(now)
}

// ask reads the time and which events are watched.
func (t *tx) ask() error {
	c := &commands{}
	c.once("HMGET", t.keys.main, "interest", "interested")
	at, answers, err := t.read(t.ctx, c)
	if err != nil {
		return fmt.Errorf("read the server's clock: %w", err)
	}
	fields, err := answersOf(answers[0], 2)
	if err == nil {
		t.watched, err = watchedOf(fields[0], fields[1])
	}
	if err != nil {
		return fmt.Errorf("read which events are watched: %w", err)
	}
	if t.at.IsZero() {
		t.at = at
	}
	t.hasTypes = true
	t.interest.set(t.watched)
	return nil
}

// Pages implements [durable.View]. After a new connection it returns the whole book:
// the server may be another one than before, or the same one started again, that has
// lost its last moment. Then the versions after that are given a second time, and
// what this process knows of them is not to be believed.
func (t *tx) Pages(since int64) (durable.Pages, error) {
	if !t.withBook {
		return t.view.Pages(since)
	}
	dialled := t.dialled.Load()
	if dialled != t.sure.Load() {
		since = 0
	}
	if since != t.opened.since {
		o, err := t.openAt(t.token, since)
		if err == nil && o.busy > 0 {
			err = durable.ErrConflict // it took too long, and somebody else has it
		}
		if err != nil {
			return durable.Pages{}, fmt.Errorf("read the book: %w", err)
		}
		t.opened = o
	}
	t.hasRead = true
	t.book.Store(t.opened.read.Version)
	t.sure.Store(dialled)
	return t.opened.read, nil
}

// remember notes what was read of tasks; a task that was read before is that again.
func (t *tx) remember(records []*durable.Record) {
	if t.was == nil {
		t.was = make(map[pawl.ID]*was, len(records))
	}
	for i, r := range records {
		if r == nil {
			continue
		}
		if w := t.was[r.ID]; w != nil {
			records[i] = w.Record
			continue
		}
		w := &was{Record: r, version: uint64(r.Token), queue: r.Queue, state: r.State, place: t.placeOf(r)}
		t.was[r.ID] = w
		t.order = append(t.order, w)
	}
}

// Held implements [durable.Tx].
func (t *tx) Held(ids []pawl.ID, steps []durable.StepKey) ([]*durable.Record, []bool, error) {
	unique, places := compact(ids)
	if err := t.takeTurn(unique); err != nil {
		return nil, nil, fmt.Errorf("wait for the turn: %w", err)
	}
	read, err := t.recordsKnown(unique)
	if err != nil {
		return nil, nil, fmt.Errorf("read tasks: %w", err)
	}
	t.remember(read)
	found := make([]*durable.Record, len(ids))
	for i, at := range places {
		found[i] = read[at]
	}
	asked := make([]*redis.BoolCmd, len(steps))
	err = t.many(len(steps), func(p redis.Pipeliner, i int) {
		asked[i] = p.HExists(t.ctx, t.keys.results(steps[i].Task), steps[i].Key)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read which steps are stored: %w", err)
	}
	stored := make([]bool, len(steps))
	for i := range steps {
		stored[i] = asked[i].Val()
	}
	return found, stored, nil
}

// recordsKnown is records, without reading those of which this process knows the
// rows.
func (t *tx) recordsKnown(ids []pawl.ID) ([]*durable.Record, error) {
	if t.careful {
		t.known.forget(ids...)
		return t.records(ids)
	}
	rows, all := t.known.get(ids)
	if !all {
		return t.records(ids)
	}
	t.trusted = true
	return readRows(ids, rows)
}

// compact returns each id once, and of each of ids where it stands there.
func compact(ids []pawl.ID) (unique []pawl.ID, places []int) {
	seen := make(map[pawl.ID]int, len(ids))
	places = make([]int, len(ids))
	unique = make([]pawl.ID, 0, len(ids))
	for i, id := range ids {
		at, ok := seen[id]
		if !ok {
			at = len(unique)
			seen[id] = at
			unique = append(unique, id)
		}
		places[i] = at
	}
	return unique, places
}

// Run implements [durable.Tx].
func (t *tx) Run(runs []pawl.ID) ([]*durable.Record, error) {
	ids, err := t.runIDs(runs)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	ids, _ = compact(ids)
	read, err := t.records(ids)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	read = slices.DeleteFunc(read, func(r *durable.Record) bool { return r == nil || !slices.Contains(runs, r.Run) })
	t.remember(read)
	slices.SortFunc(read, func(a, b *durable.Record) int { return int(a.Seq - b.Seq) })
	return read, nil
}

// Pick implements [durable.Tx].
func (t *tx) Pick(f pawl.Filter, now time.Time) ([]*durable.Record, error) {
	found, err := t.find(f, now)
	if err == nil {
		found, err = t.fill(found, &pawl.Filter{})
	}
	if err != nil {
		return nil, fmt.Errorf("find tasks: %w", err)
	}
	t.remember(found)
	return found, nil
}

// Woken implements [durable.Tx].
func (t *tx) Woken(now time.Time, most int) ([]*durable.Record, time.Time, error) {
	first := t.opened
	if t.withBook && !due(first.wake, now) && !due(first.lease, now) {
		return nil, earlier(first.wake, first.lease), nil
	}
	records, next, err := t.woken(now, most)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read what is due: %w", err)
	}
	return records, next, nil
}

func due(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (t *tx) woken(now time.Time, most int) ([]*durable.Record, time.Time, error) {
	upTo, after := strconv.FormatInt(micros(now), 10), "("+strconv.FormatInt(micros(now), 10)
	c := &commands{}
	for _, key := range []string{t.keys.wakes, t.keys.leases} {
		c.once("ZRANGE", key, "-inf", upTo, "BYSCORE", "LIMIT", "0", strconv.Itoa(most))
		c.once("ZRANGE", key, after, "+inf", "BYSCORE", "LIMIT", "0", "1", "WITHSCORES")
	}
	_, answers, err := t.read(t.ctx, c)
	if err != nil {
		return nil, time.Time{}, err
	}
	var ids []pawl.ID
	var next time.Time
	for i := 0; i < len(answers); i += 2 {
		members, err := texts(answers[i])
		if err != nil {
			return nil, time.Time{}, err
		}
		ids = append(ids, idsOf(members)...)
		later, err := answersOf(answers[i+1], 0)
		if err != nil {
			return nil, time.Time{}, err
		}
		if len(later) > 1 {
			s, _, err := score(later[1])
			if err != nil {
				return nil, time.Time{}, err
			}
			next = earlier(next, at(s))
		}
	}
	ids, _ = compact(ids)
	records, err := t.records(ids)
	if err != nil {
		return nil, time.Time{}, err
	}
	records = slices.DeleteFunc(records, func(r *durable.Record) bool { return r == nil || !due(r.Wake(), now) })
	slices.SortStableFunc(records, func(a, b *durable.Record) int { return a.Wake().Compare(b.Wake()) })
	records = records[:min(most, len(records))]
	t.remember(records)
	return records, next, t.fillSteps(records, false)
}

// Running implements [durable.Tx].
func (t *tx) Running(worker string) ([]*durable.Record, error) {
	found, err := t.find(pawl.Filter{States: []pawl.State{pawl.Running}}, time.Time{})
	if err != nil {
		return nil, fmt.Errorf("read the tasks of worker %s: %w", worker, err)
	}
	found = slices.DeleteFunc(found, func(r *durable.Record) bool { return r.Worker != worker })
	if found, err = t.fill(found, &pawl.Filter{Steps: true}); err != nil {
		return nil, fmt.Errorf("read the tasks of worker %s: %w", worker, err)
	}
	t.remember(found)
	return found, nil
}
