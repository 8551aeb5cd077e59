package redis

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// Find implements [durable.View].
func (v *view) Find(f pawl.Filter, now time.Time) ([]*durable.Record, error) {
	found, err := v.find(f, now)
	if err == nil {
		found, err = v.fill(found, &f)
	}
	if err != nil {
		return nil, fmt.Errorf("find tasks: %w", err)
	}
	return found, nil
}

// find returns the tasks that f selects, by id, without payload and steps.
func (v *view) find(f pawl.Filter, now time.Time) ([]*durable.Record, error) {
	found := []*durable.Record{}
	err := v.scan(f, now, func(r *durable.Record) bool {
		found = append(found, r)
		return f.Max == 0 || len(found) < f.Max
	})
	return found, err
}

// scan gives the tasks that f selects, by id, until keep returns false.
func (v *view) scan(f pawl.Filter, now time.Time, keep func(*durable.Record) bool) error {
	ids, ok, err := v.named(&f, now)
	if err != nil {
		return err
	}
	if ok {
		_, err := v.sift(ids, &f, now, keep)
		return err
	}
	m, err := v.merge(&f)
	if err != nil {
		return err
	}
	for {
		ids, err := m.next()
		if err != nil || len(ids) == 0 {
			return err
		}
		if more, err := v.sift(ids, &f, now, keep); err != nil || !more {
			return err
		}
	}
}

// fewEnded is how many tasks that ended long ago are looked at all together. If there
// are more, those with the lowest ids are mostly among them.
const fewEnded = 5000

// named returns the ids that f can select, if they are few and are known without
// looking at tasks by state.
func (v *view) named(f *pawl.Filter, now time.Time) (ids []pawl.ID, ok bool, err error) {
	switch {
	case len(f.IDs) > 0:
		return slices.Clone(f.IDs), true, nil
	case !f.Run.IsZero():
		ids, err = v.runIDs([]pawl.ID{f.Run})
		return ids, true, err
	case f.EndedFor > 0:
		upTo := fmt.Sprint(micros(now.Add(-f.EndedFor)))
		members, err := v.client.ZRangeArgs(v.ctx, redis.ZRangeArgs{
			Key: v.keys.ended, Start: "-inf", Stop: upTo, ByScore: true, Count: fewEnded + 1,
		}).Result()
		if err != nil {
			return nil, false, explain(err)
		}
		return idsOf(members), len(members) <= fewEnded, nil
	}
	return nil, false, nil
}

func idsOf(members []string) []pawl.ID {
	ids := make([]pawl.ID, len(members))
	for i, m := range members {
		copy(ids[i][:], m)
	}
	return ids
}

// runIDs returns the ids of all tasks of runs, and those of the runs.
func (v *view) runIDs(runs []pawl.ID) ([]pawl.ID, error) {
	asked := make([]*redis.StringSliceCmd, len(runs))
	err := v.many(len(runs), func(p redis.Pipeliner, i int) {
		asked[i] = p.ZRange(v.ctx, v.keys.run(runs[i]), 0, -1)
	})
	if err != nil {
		return nil, err
	}
	ids := slices.Clone(runs)
	for _, a := range asked {
		ids = append(ids, idsOf(a.Val())...)
	}
	return ids, nil
}

// sift reads tasks and gives those that f selects, by id.
func (v *view) sift(ids []pawl.ID, f *pawl.Filter, now time.Time, keep func(*durable.Record) bool) (more bool, err error) {
	slices.SortFunc(ids, compareIDs)
	ids = slices.Compact(ids)
	for part := range slices.Chunk(ids, rowsAtOnce) {
		records, err := v.records(part)
		if err != nil {
			return false, err
		}
		for _, r := range records {
			if r != nil && matches(&r.TaskRow, f, now) && !keep(r) {
				return false, nil
			}
		}
	}
	return true, nil
}

func compareIDs(a, b pawl.ID) int { return bytes.Compare(a[:], b[:]) }

func matches(r *pawl.TaskRow, f *pawl.Filter, now time.Time) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(f.Queue, r.Queue) && is(f.Operation, r.Operation) && is(f.User, r.User) && is(f.Limit, r.Limit) &&
		is(f.Fingerprint, r.Fingerprint) && is(string(f.Class), string(r.LastAttempt().Class)) &&
		(f.Run.IsZero() || f.Run == r.Run) &&
		(len(f.States) == 0 || slices.Contains(f.States, r.State)) &&
		(f.After.IsZero() || compareIDs(f.After, r.ID) < 0) &&
		(f.EndedFor <= 0 || r.State.Ended() && now.Sub(r.Ended) >= f.EndedFor)
}

// merge is the tasks of several states and queues, put together by id. Each source
// is a set that is in this order.
type merge struct {
	*view
	sources []*source
	page    int
}

type source struct {
	key   string // "" if all is in ids
	ids   []pawl.ID
	after pawl.ID
	ended bool
}

// merge returns the tasks that f can select by state and queue.
func (v *view) merge(f *pawl.Filter) (*merge, error) {
	counts, err := v.Counts()
	if err != nil {
		return nil, err
	}
	m := &merge{view: v, page: rowsAtOnce}
	if f.Max > 0 {
		m.page = min(max(f.Max, 50), rowsAtOnce)
	}
	running := false
	for queue, states := range counts {
		if f.Queue != "" && f.Queue != queue {
			continue
		}
		for state, n := range states {
			if n <= 0 || len(f.States) > 0 && !slices.Contains(f.States, state) || f.EndedFor > 0 && !state.Ended() {
				continue
			}
			if state == pawl.Running {
				running = true
				continue
			}
			m.sources = append(m.sources, &source{key: v.keys.state(state, queue), after: f.After})
		}
	}
	if running {
		err = m.running(f.After)
	}
	return m, err
}

// running adds the tasks that run, which are never very many.
func (m *merge) running(after pawl.ID) error {
	members, err := m.client.ZRange(m.ctx, m.keys.leases, 0, -1).Result()
	if err != nil {
		return explain(err)
	}
	ids := slices.DeleteFunc(idsOf(members), func(id pawl.ID) bool { return compareIDs(id, after) <= 0 })
	slices.SortFunc(ids, compareIDs)
	m.sources = append(m.sources, &source{ids: ids, ended: true})
	return nil
}

// next returns the next ids, all of a range; none at the end.
func (m *merge) next() ([]pawl.ID, error) {
	if err := m.fetch(); err != nil {
		return nil, err
	}
	var upTo pawl.ID // up to here every source is known
	bounded := false
	for _, s := range m.sources {
		if !s.ended && (!bounded || compareIDs(s.after, upTo) < 0) {
			upTo, bounded = s.after, true
		}
	}
	var found []pawl.ID
	for _, s := range m.sources {
		n := len(s.ids)
		if bounded {
			n, _ = slices.BinarySearchFunc(s.ids, upTo, func(a, b pawl.ID) int {
				if compareIDs(a, b) <= 0 {
					return -1
				}
				return 1
			})
		}
		found = append(found, s.ids[:n]...)
		s.ids = s.ids[n:]
	}
	return found, nil
}

// fetch gets the next page of each source that has none left.
func (m *merge) fetch() error {
	var empty []*source
	for _, s := range m.sources {
		if len(s.ids) == 0 && !s.ended {
			empty = append(empty, s)
		}
	}
	asked := make([]*redis.StringSliceCmd, len(empty))
	err := m.many(len(empty), func(p redis.Pipeliner, i int) {
		from := "-"
		if !empty[i].after.IsZero() {
			from = "(" + string(empty[i].after[:])
		}
		asked[i] = p.ZRangeArgs(m.ctx, redis.ZRangeArgs{
			Key: empty[i].key, Start: from, Stop: "+", ByLex: true, Count: int64(m.page),
		})
	})
	if err != nil {
		return err
	}
	for i, s := range empty {
		s.ids = idsOf(asked[i].Val())
		s.ended = len(s.ids) < m.page
		if len(s.ids) > 0 {
			s.after = s.ids[len(s.ids)-1]
		}
	}
	return nil
}
