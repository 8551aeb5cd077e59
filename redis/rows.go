package redis

import (
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// rowsAtOnce is how many rows one command reads.
const rowsAtOnce = 1000

// shelf is the tasks of one bucket among many, by their places.
type shelf struct {
	bucket bucket
	places []int
}

// shelves sorts ids by bucket.
func shelves(ids []pawl.ID) []*shelf {
	var found []*shelf
	open := map[bucket]*shelf{}
	for i, id := range ids {
		b := bucketOf(id)
		s := open[b]
		if s == nil || len(s.places) >= rowsAtOnce {
			s = &shelf{bucket: b}
			open[b] = s
			found = append(found, s)
		}
		s.places = append(s.places, i)
	}
	return found
}

// kind is a kind of value that tasks have, in a hash for each bucket.
type kind struct {
	key   func(bucket) string
	field func(i int, id pawl.ID) string
}

func plain(_ int, id pawl.ID) string { return string(id[:]) }

func (k *kind) fields(ids []pawl.ID, places []int) []string {
	found := make([]string, len(places))
	for i, at := range places {
		found[i] = k.field(at, ids[at])
	}
	return found
}

// values reads one value of each task and kind, "" for what there is not.
func (v *view) values(ids []pawl.ID, kinds ...kind) ([][]string, error) {
	sorted := shelves(ids)
	asked := make([]*redis.SliceCmd, len(sorted)*len(kinds))
	err := v.many(len(asked), func(p redis.Pipeliner, i int) {
		s, k := sorted[i/len(kinds)], kinds[i%len(kinds)]
		asked[i] = p.HMGet(v.ctx, k.key(s.bucket), k.fields(ids, s.places)...)
	})
	if err != nil {
		return nil, err
	}
	found := make([][]string, len(kinds))
	for k := range found {
		found[k] = make([]string, len(ids))
	}
	for i, a := range asked {
		values, err := a.Result()
		if err != nil {
			return nil, err
		}
		for j, at := range sorted[i/len(kinds)].places {
			found[i%len(kinds)][at], _ = values[j].(string)
		}
	}
	return found, nil
}

// records reads tasks without payload; nil stands for those that are not there.
func (v *view) records(ids []pawl.ID) ([]*durable.Record, error) {
	rows, err := v.values(ids, kind{v.keys.row, plain})
	if err != nil {
		return nil, err
	}
	return readRows(ids, rows[0])
}

func readRows(ids []pawl.ID, rows []string) (found []*durable.Record, err error) {
	found = make([]*durable.Record, len(ids))
	for i, row := range rows {
		if row == "" {
			continue
		}
		if found[i], err = readRow(ids[i], row); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// fill reads what belongs to records beside their rows, as far as f asks for it. It
// leaves out those that were deleted since their rows were read: they have no payload,
// and if they are to be bare, no output.
func (v *view) fill(records []*durable.Record, f *pawl.Filter) ([]*durable.Record, error) {
	ids := make([]pawl.ID, len(records))
	for i, r := range records {
		ids[i] = r.ID
	}
	kinds := []kind{
		{v.keys.output, func(i int, _ pawl.ID) string { return outputField(records[i]) }},
		{v.keys.payload, func(i int, id pawl.ID) string { return payloadField(id, newInput(records[i].Token)) }},
	}
	if f.Bare {
		kinds = kinds[:1]
	}
	values, err := v.values(ids, kinds...)
	if err != nil {
		return nil, err
	}
	kept := make([]*durable.Record, 0, len(records))
	var doubtful []pawl.ID
	for i, r := range records {
		switch {
		case f.Bare:
			if r.BeBare(); r.State == pawl.Succeeded && values[0][i] == "" {
				doubtful = append(doubtful, r.ID)
			}
		case values[1][i] == "":
			continue
		default:
			if err := readPayload(&r.TaskRow, values[1][i]); err != nil {
				return nil, err
			}
		}
		if r.Output, err = durable.Unpack([]byte(values[0][i])); err != nil {
			return nil, err
		}
		kept = append(kept, r)
	}
	if kept, err = v.without(kept, doubtful); err == nil && f.Steps {
		err = v.fillSteps(kept, true)
	}
	return kept, err
}

// without returns records but for those of doubtful that are not there any more.
func (v *view) without(records []*durable.Record, doubtful []pawl.ID) ([]*durable.Record, error) {
	if len(doubtful) == 0 {
		return records, nil
	}
	rows, err := v.values(doubtful, kind{v.keys.row, plain})
	if err != nil {
		return nil, err
	}
	gone := map[pawl.ID]bool{}
	for i, id := range doubtful {
		gone[id] = rows[0][i] == ""
	}
	return slices.DeleteFunc(records, func(r *durable.Record) bool { return gone[r.ID] }), nil
}

// fillSteps reads the steps of tasks.
func (v *view) fillSteps(all []*durable.Record, results bool) error {
	var records []*durable.Record
	for _, r := range all {
		if r.MayHaveSteps() {
			records = append(records, r)
		}
	}
	steps := make([]*redis.StringSliceCmd, len(records))
	values := make([]*redis.MapStringStringCmd, len(records))
	err := v.many(len(records), func(p redis.Pipeliner, i int) {
		steps[i] = p.LRange(v.ctx, v.keys.steps(records[i].ID), 0, -1)
		if results {
			values[i] = p.HGetAll(v.ctx, v.keys.results(records[i].ID))
		}
	})
	if err != nil {
		return err
	}
	for i, r := range records {
		var of map[string]string
		if results {
			of = values[i].Val()
		}
		if r.Steps, err = stepsOf(steps[i].Val(), of); err != nil {
			return err
		}
	}
	return nil
}

// stepsOf puts steps and their results together.
func stepsOf(steps []string, results map[string]string) ([]pawl.StepRow, error) {
	if len(steps) == 0 {
		return nil, nil
	}
	found := make([]pawl.StepRow, len(steps))
	for i, step := range steps {
		s, err := readStep(step)
		if err == nil {
			s.Result, err = durable.Unpack([]byte(results[s.Key]))
		}
		if err != nil {
			return nil, err
		}
		found[i] = s
	}
	return found, nil
}
