package postgres

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/limit"
)

// condition is what a filter asks of tasks, as SQL.
type condition struct {
	from  string
	terms []string
	args  []arg
}

// where appends a term, in which ? stands for the argument.
func (c *condition) where(term string, a arg) {
	c.args = append(c.args, a)
	c.terms = append(c.terms, strings.ReplaceAll(term, "?", fmt.Sprintf("$%d", len(c.args))))
}

// selecting returns what f asks.
func selecting(f *pawl.Filter, now time.Time) *condition {
	c := &condition{from: tablesOf(f), terms: []string{"(l.id is not null or e.id is not null)"}}
	if len(f.IDs) > 0 {
		c.where("t.id = any(?::uuid[])", idsArg(sorted(f.IDs)))
	}
	if !f.Run.IsZero() {
		c.where("(t.id = ?::uuid or t.run = ?::uuid and t.run <> t.id)", uuidArg(f.Run))
		c.where("t.run = ?::uuid", uuidArg(f.Run))
	}
	if len(f.States) > 0 {
		states := newColumn(pgtype.Int2OID, len(f.States), 2)
		for _, s := range f.States {
			states.int2(stateNumbers[s])
		}
		c.where("coalesce(l.state, e.state) = any(?::smallint[])", states.arg())
	}
	for _, is := range []struct{ column, value string }{
		{"t.queue", f.Queue}, {"t.operation", f.Operation}, {"t.person", f.User}, {"t.limits", f.Limit},
		{"coalesce(l.class, e.class)", string(f.Class)}, {"e.fingerprint", f.Fingerprint},
	} {
		if is.value != "" {
			c.where(is.column+" = ?", textArg(is.value))
		}
	}
	if !f.After.IsZero() {
		c.where("t.id > ?", uuidArg(f.After))
	}
	if f.EndedFor != 0 {
		c.where("e.ended <= ?", int8Arg(micro(now.Add(-f.EndedFor))))
	}
	return c
}

// tablesOf returns the tables in which tasks of the filter's states can be.
func tablesOf(f *pawl.Filter) string {
	isEnded := func(s pawl.State) bool { return s.Ended() }
	live, ended := "left join pawl.live l on l.id = t.id", "left join pawl.ended e on e.id = t.id"
	if states := f.States; len(states) > 0 {
		switch {
		case !slices.ContainsFunc(states, isEnded):
			live, ended = "join pawl.live l on l.id = t.id", "left join pawl.ended e on e.id = t.id and false"
		case !slices.ContainsFunc(states, func(s pawl.State) bool { return !s.Ended() }):
			live, ended = "left join pawl.live l on l.id = t.id and false", "join pawl.ended e on e.id = t.id"
		}
	}
	return "pawl.task t " + live + " " + ended
}

func (c *condition) sql(columns, rest string) string {
	return "select " + columns + " from " + c.from + " where " + strings.Join(c.terms, " and ") + " " + rest
}

// search is a statement that depends on a filter. It is never prepared, so that it
// is planned for what it asks.
func (tx *transaction) search(c *condition, columns, rest string, each func(*row) error) call {
	return call{statement: &statement{sql: inSchema(c.sql(columns, rest), tx.schema)}, args: c.args, each: each}
}

const wholeColumns = `t.id, t.run, t.seq, t.bin, t.added, t.queue, t.limits, t.operation, t.person, t.priority, t.max_attempts,
  t.identity, t.conversation, t.input, t.extra,
  coalesce(l.state, e.state), coalesce(l.attempt, e.attempt), coalesce(l.started, e.started), coalesce(l.worker, e.worker),
  l.wake, l.chars, l.max_tokens, l.output, l.cost, l.share, l.calls, coalesce(l.more, e.more),
  e.ended, e.fingerprint, e.output, coalesce(l.xmin, e.xmin)`

// bareColumns are wholeColumns without what may be large of what a task was given.
var bareColumns = strings.Replace(wholeColumns, "t.input, t.extra", "null::bytea, null::bytea", 1)

// readWhole reads a row of wholeColumns.
func readWhole(r *row) (*durable.Record, error) {
	rec := &durable.Record{}
	t := &rec.TaskRow
	t.ID, t.Run, t.Seq, rec.Bin, t.Added = r.uuid(), r.uuid(), r.int8(), r.int8(), r.time()
	t.Queue, t.Limit, t.Operation, t.User, t.Priority = r.text(), r.text(), r.text(), r.text(), pawl.Priority(r.int2())
	if err := readPayload(r, t); err != nil {
		return nil, err
	}
	t.State, t.Attempt, t.Started, t.Worker = stateOf(r.int2()), r.int4(), r.time(), r.text()
	wake := r.time()
	if t.State == pawl.Running {
		t.LeaseUntil = wake
	}
	t.Size = limit.Size{Chars: r.int4(), MaxTokens: r.int4(), Output: r.int4()}
	rec.Cost, rec.Share = r.float8(), r.float8()
	var err error
	if rec.Calls, err = unpackCalls(r.next()); err != nil {
		return nil, err
	}
	if err := unpackMore(r.next(), t); err != nil {
		return nil, err
	}
	t.Ended, t.Fingerprint = r.time(), r.text()
	if t.Output, err = durable.Unpack(r.bytes()); err != nil {
		return nil, fmt.Errorf("output of %s: %w", t.ID, err)
	}
	if rec.Token = r.xid(); t.State.Ended() {
		rec.Token |= endedToken
	}
	return rec, nil
}

// readPayload reads what never changes after a task was added, but for its bin.
func readPayload(r *row, t *pawl.TaskRow) (err error) {
	t.MaxAttempts, t.Identity, t.Conversation = r.int4(), r.hash(), r.hash()
	if t.Input, err = durable.Unpack(r.bytes()); err != nil {
		return fmt.Errorf("input of %s: %w", t.ID, err)
	}
	return unpackExtra(r.next(), t)
}

// Find implements [durable.View].
func (tx *transaction) Find(f pawl.Filter, now time.Time) ([]*durable.Record, error) {
	return tx.find(f, now)
}

func (tx *transaction) find(f pawl.Filter, now time.Time) ([]*durable.Record, error) {
	records := []*durable.Record{}
	byID := map[pawl.ID]*pawl.TaskRow{}
	rest := "order by t.id"
	if f.Max > 0 {
		rest = fmt.Sprintf("order by t.id limit %d", f.Max)
	}
	columns := wholeColumns
	if f.Bare {
		columns = bareColumns
	}
	err := tx.read(tx.search(selecting(&f, now), columns, rest, func(r *row) error {
		rec, err := readWhole(r)
		if err == nil {
			if f.Bare {
				rec.BeBare()
			}
			records = append(records, rec)
			byID[rec.ID] = &rec.TaskRow
		}
		return err
	}))
	if err != nil || !f.Steps {
		return records, err
	}
	return records, tx.readSteps("steps", byID)
}

// Pick implements [durable.Tx].
func (tx *transaction) Pick(f pawl.Filter, now time.Time) ([]*durable.Record, error) {
	f.Steps = false
	records, err := tx.find(f, now)
	if err != nil || tx.try == 0 || len(records) == 0 {
		return records, err
	}
	// Others were faster before: hold the rows, and look at what they are now.
	f.IDs = make([]pawl.ID, len(records))
	for i, rec := range records {
		f.IDs[i] = rec.ID
	}
	err = tx.read(
		tx.query("heldLocked", nil, idsArg(f.IDs)),
		tx.call("lockEnded", idsArg(f.IDs)),
	)
	if err != nil {
		return nil, err
	}
	return tx.find(f, now)
}

// Groups implements [durable.View].
func (tx *transaction) Groups(f pawl.Filter, now time.Time) ([]pawl.Group, error) {
	f.States, f.Max = []pawl.State{pawl.Dead}, 0
	c := selecting(&f, now)
	c.terms = append(c.terms, "e.state = 6") // as the partial index says
	var groups []pawl.Group
	samples := map[pawl.ID]int{}
	err := tx.read(tx.search(c, `coalesce(e.fingerprint, ''), coalesce(e.class, ''), count(*), min(e.ended), max(e.ended),
  (array_agg(e.id order by e.ended desc, e.id desc))[1] as sample`,
		"group by 1, 2 order by 3 desc, sample", func(r *row) error {
			g := pawl.Group{Fingerprint: r.text(), Class: classOf(r), Count: int(r.int8()), First: r.time(), Last: r.time(), Sample: r.uuid()}
			samples[g.Sample] = len(groups)
			groups = append(groups, g)
			return nil
		}))
	if err != nil || len(groups) == 0 {
		return groups, err
	}
	ids := make([]pawl.ID, 0, len(groups))
	for id := range samples {
		ids = append(ids, id)
	}
	found := map[pawl.ID]*durable.Record{}
	if err := tx.read(tx.query("heldEnded", collect(found, readEnded), idsArg(sorted(ids)))); err != nil {
		return nil, err
	}
	for id, rec := range found {
		groups[samples[id]].Message = rec.LastAttempt().Message
	}
	return groups, nil
}

// Counts implements [durable.View].
func (tx *transaction) Counts() (map[string]map[pawl.State]int, error) {
	counts := map[string]map[pawl.State]int{}
	err := tx.read(tx.query("counts", func(r *row) error {
		queue, state, n := r.text(), stateOf(r.int2()), int(r.int8())
		if counts[queue] == nil {
			counts[queue] = map[pawl.State]int{}
		}
		counts[queue][state] += n
		return nil
	}))
	return counts, err
}

// Ahead implements [durable.View].
func (tx *transaction) Ahead(bins []int64, seq int64) (int, error) {
	ahead := 0
	err := tx.read(tx.query("ahead", func(r *row) error {
		ahead += int(r.int8())
		return nil
	}, int8sArg(bins), int8Arg(seq)))
	return ahead, err
}

// Conversation implements [durable.View].
func (tx *transaction) Conversation(head pawl.Hash) ([]pawl.Node, error) {
	nodes := []pawl.Node{}
	err := tx.read(tx.query("conversation", func(r *row) error {
		n, err := readNode(r)
		nodes = append(nodes, n)
		return err
	}, bytesArg(head[:])))
	if err != nil {
		return nil, err
	}
	if len(nodes) == 0 || !nodes[0].Parent.IsZero() {
		return nil, fmt.Errorf("conversation %s: %w", head, pawl.ErrNotFound)
	}
	return nodes, nil
}
