package sqlite

import (
	"database/sql"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// findIDs is how many ids one query looks for.
const findIDs = 256

// Find implements [durable.View].
func (v *view) Find(f pawl.Filter, now time.Time) ([]*durable.Record, error) {
	ids := slices.Clone(f.IDs)
	slices.SortFunc(ids, func(a, b pawl.ID) int { return slices.Compare(a[:], b[:]) })
	ids = slices.Compact(ids)
	find := v.parts
	if f.Bare && len(ids) > 0 && onlyIDs(f) {
		find = v.bare
	}
	found, err := find(f, ids, now)
	if err != nil {
		return nil, err
	}
	if err := v.name(found); err != nil {
		return nil, err
	}
	if f.Steps {
		return found, v.addSteps(found, false)
	}
	return found, nil
}

// onlyIDs reports whether a filter selects by nothing but ids.
func onlyIDs(f pawl.Filter) bool {
	f.IDs, f.Steps, f.Bare = nil, false, false
	return reflect.ValueOf(f).IsZero()
}

// bare finds tasks by their ids, with a statement that is prepared: ten thousand at a
// time is how the results of a list are read.
func (v *view) bare(_ pawl.Filter, ids []pawl.ID, _ time.Time) ([]*durable.Record, error) {
	found := make([]*durable.Record, 0, len(ids))
	err := v.queryMany(v.ctx, "bare", idArgs(ids), func(rows *sql.Rows) error {
		r, err := v.scanBare(rows)
		found = append(found, r)
		return err
	})
	return found, err
}

// scanBare reads a row of bare.sql or find_bare.sql.
func (v *view) scanBare(rows *sql.Rows) (*durable.Record, error) {
	var output []byte
	r, err := v.scanStatus(rows, &output)
	if err != nil {
		return nil, err
	}
	r.BeBare()
	r.Output, err = durable.Unpack(output)
	return r, err
}

// parts finds what f selects, some ids at a time.
func (v *view) parts(f pawl.Filter, ids []pawl.ID, now time.Time) ([]*durable.Record, error) {
	found := []*durable.Record{}
	for first := 0; first == 0 || first < len(ids); first += findIDs {
		part := f
		part.IDs = ids[first:min(first+findIDs, len(ids))]
		if f.Max > 0 {
			if part.Max = f.Max - len(found); part.Max == 0 {
				break
			}
		}
		some, err := v.find(part, now)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

func (v *view) find(f pawl.Filter, now time.Time) ([]*durable.Record, error) {
	q, err := v.plan(f, now)
	if err != nil {
		return nil, err
	}
	name := "find"
	if f.Bare {
		name = "find_bare"
	}
	text := strings.Replace(statements[name], "/* which */", q.String(), 1)
	most := -1
	if f.Max > 0 {
		most = f.Max
	}
	scan := v.scanWhole
	if f.Bare {
		scan = v.scanBare
	}
	var found []*durable.Record
	err = v.queryText(v.ctx, text, append(q.args, most), func(rows *sql.Rows) error {
		r, err := scan(rows)
		found = append(found, r)
		return err
	})
	return found, err
}

// scanWhole reads a row of find.sql.
func (v *view) scanWhole(rows *sql.Rows) (*durable.Record, error) {
	var body sql.RawBytes
	var output []byte
	r, err := v.scanStatus(rows, &output, &body)
	if err != nil {
		return nil, err
	}
	if r.Output, err = durable.Unpack(output); err != nil {
		return nil, err
	}
	return r, unpackBody(fields(slices.Clone(body)), &r.TaskRow)
}

// which is the FROM and WHERE of a query for tasks.
type which struct {
	index string // the index to use; "" for the order of ids
	where []string
	args  []any
}

func (q *which) and(condition string, args ...any) {
	q.where = append(q.where, condition)
	q.args = append(q.args, args...)
}

func (q *which) String() string {
	from := "status"
	if q.index != "" {
		from += " INDEXED BY " + q.index
	}
	if len(q.where) == 0 {
		return from
	}
	return from + " WHERE " + strings.Join(q.where, " AND ")
}

// plan says how to find tasks. SQLite does not know how many tasks an index would
// give, so the plan is made here: tasks of a state that few are in are found by
// that state's index, and all others in the order of ids, in which a page is found
// soon among many. A plus keeps SQLite from a plan of its own.
func (v *view) plan(f pawl.Filter, now time.Time) (*which, error) {
	q := &which{}
	if len(f.IDs) > 0 {
		q.and("id IN ("+marks(len(f.IDs))+")", idArgs(f.IDs)...)
	}
	if !f.Run.IsZero() {
		q.and("(run = ? OR id = ? AND run IS NULL)", f.Run[:], f.Run[:])
	}
	if !f.After.IsZero() {
		q.and("id > ?", f.After[:])
	}
	if f.Class != "" {
		q.and("class = ?", string(f.Class))
	}
	if f.Fingerprint != "" {
		q.and("+fingerprint = ?", f.Fingerprint)
	}
	q.bins(&f)
	states := f.States
	if f.EndedFor > 0 {
		q.and("+ended <= ?", micros(now.Add(-f.EndedFor)))
		if states = ended(states); len(states) == 0 {
			q.and("FALSE")
		}
	}
	if len(states) > 0 {
		list := make([]string, len(states))
		for i, s := range states {
			list[i] = strconv.FormatInt(stateNumber(s), 10)
		}
		q.and("+state IN (" + strings.Join(list, ", ") + ")")
	}
	if len(f.IDs) > 0 || !f.Run.IsZero() {
		return q, nil
	}
	return q, v.index(q, &f, states, now)
}

// bins selects by names.
func (q *which) bins(f *pawl.Filter) {
	var by []string
	for _, n := range []struct{ column, name string }{
		{"queue", f.Queue}, {"operation", f.Operation}, {"user", f.User}, {"limits", f.Limit},
	} {
		if n.name != "" {
			by = append(by, n.column+" = ?")
			q.args = append(q.args, n.name)
		}
	}
	if len(by) > 0 {
		q.where = append(q.where, "+bin IN (SELECT number FROM bin WHERE "+strings.Join(by, " AND ")+")")
	}
}

// ended returns those of the states that a task ends in; of none, all of them.
func ended(states []pawl.State) []pawl.State {
	if len(states) == 0 {
		states = pawl.States()
	}
	kept := []pawl.State{}
	for _, s := range states {
		if s.Ended() {
			kept = append(kept, s)
		}
	}
	return kept
}

// fewTasks is how many tasks are found by an index and sorted, rather than sought
// in the order of ids.
const fewTasks = 20_000

// indexes are those that hold all tasks of some states.
var indexes = []struct {
	name, where string
	states      []pawl.State
}{
	{"status_pending", "state = 3", []pawl.State{pawl.Pending}},
	{"status_dead", "state = 6", []pawl.State{pawl.Dead}},
	{"status_wake", "wake IS NOT NULL", []pawl.State{pawl.Running, pawl.Scheduled}},
	{"status_ended", "ended IS NOT NULL", []pawl.State{pawl.Succeeded, pawl.Dead, pawl.Cancelled}},
}

// index chooses the index to use, if there is one that gives few tasks.
func (v *view) index(q *which, f *pawl.Filter, states []pawl.State, now time.Time) error {
	if len(states) == 0 {
		return nil
	}
	if f.Fingerprint != "" && slices.Equal(states, []pawl.State{pawl.Dead}) {
		q.use("status_dead", "state = 6 AND fingerprint = ?", f.Fingerprint)
		return nil
	}
	if f.EndedFor > 0 {
		before := micros(now.Add(-f.EndedFor))
		n, _, err := v.number(v.ctx, "ended_by", before, fewTasks+1)
		if err == nil && n <= fewTasks {
			q.use("status_ended", "ended <= ?", before)
		}
		return err
	}
	counts, err := v.Counts()
	if err != nil {
		return err
	}
	for _, index := range indexes {
		tasks := 0
		for _, of := range counts {
			for _, s := range index.states {
				tasks += of[s]
			}
		}
		if tasks <= fewTasks && containsAll(index.states, states) {
			q.use(index.name, index.where)
			return nil
		}
	}
	return nil
}

func (q *which) use(index, condition string, args ...any) {
	q.index = index
	q.and(condition, args...)
}

func containsAll(all, some []pawl.State) bool {
	return !slices.ContainsFunc(some, func(s pawl.State) bool { return !slices.Contains(all, s) })
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }
