package redis

import (
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// Adding implements [durable.Tx]. While nobody else adds tasks, and they are all
// new, it need not read anything: commit.lua finds out if that is wrong.
func (t *tx) Adding(a durable.Adding) (durable.Added, error) {
	added := durable.Added{
		Runs: map[pawl.ID]pawl.ID{}, Twins: map[pawl.Hash][]*durable.Twin{}, Heads: map[pawl.Hash]bool{},
	}
	if len(a.IDs)+len(a.Identities)+len(a.Heads) == 0 {
		return added, nil
	}
	if !t.careful && len(a.Heads) == 0 {
		if next, ok := t.guess.take(); ok {
			added.Seq, t.guessed = next, true
			t.expect(t.keys.main, "seq", strconv.FormatInt(next-1, 10))
			for _, id := range a.IDs {
				t.expect(t.keys.row(bucketOf(id)), string(id[:]), "")
			}
			for _, identity := range a.Identities {
				t.expect(t.keys.twins(identity), string(identity[:]), "")
			}
			return added, nil
		}
	}
	if err := t.adding(&a, &added); err != nil {
		return added, fmt.Errorf("read what new tasks may duplicate: %w", err)
	}
	return added, nil
}

func (t *tx) expect(key, field, value string) {
	t.expected = append(t.expected, expectation{key, field, value})
}

// adding reads what Adding asks. The numbers of tasks are taken at once: there are gaps
// where they are not used.
func (t *tx) adding(a *durable.Adding, added *durable.Added) error {
	var last *redis.IntCmd
	twins := make([]*redis.StringCmd, len(a.Identities))
	heads := make([]*redis.BoolCmd, len(a.Heads))
	err := t.many(1+len(twins)+len(heads), func(p redis.Pipeliner, i int) {
		switch {
		case i == 0:
			last = p.HIncrBy(t.ctx, t.keys.main, "seq", int64(len(a.IDs)))
		case i <= len(twins):
			identity := &a.Identities[i-1]
			twins[i-1] = p.HGet(t.ctx, t.keys.twins(*identity), string(identity[:]))
		default:
			head := &a.Heads[i-1-len(twins)]
			heads[i-1-len(twins)] = p.HExists(t.ctx, t.keys.nodes[head[0]%parts], string(head[:]))
		}
	})
	if err != nil {
		return err
	}
	added.Seq = last.Val() - int64(len(a.IDs)) + 1
	for i, h := range a.Heads {
		if added.Heads[h] = heads[i].Val(); heads[i].Val() {
			t.stored = append(t.stored, h)
		}
	}
	old, err := t.records(a.IDs)
	if err != nil {
		return err
	}
	for i, id := range a.IDs {
		if old[i] != nil {
			added.Runs[id] = old[i].Run
			continue
		}
		t.expect(t.keys.row(bucketOf(id)), string(id[:]), "")
	}
	var ids []pawl.ID
	for i, identity := range a.Identities {
		t.expect(t.keys.twins(identity), string(identity[:]), twins[i].Val())
		ids = append(ids, twinIDs(twins[i].Val())...)
	}
	return t.readTwins(a.Identities, ids, added)
}

// twinIDs returns the tasks of an identity; see commit.lua.
func twinIDs(value string) (ids []pawl.ID) {
	r := reader{rest: value}
	if result := r.id(); !result.IsZero() {
		ids = append(ids, result)
	}
	r.take(8)
	for len(r.rest) > 0 {
		ids = append(ids, r.id())
	}
	return ids
}

func (t *tx) readTwins(identities []pawl.Hash, ids []pawl.ID, added *durable.Added) error {
	records, err := t.records(ids)
	if err != nil {
		return err
	}
	t.remember(records)
	for _, r := range records {
		if r != nil {
			added.Twins[r.Identity] = append(added.Twins[r.Identity], &durable.Twin{
				ID: r.ID, Run: r.Run, Seq: r.Seq, State: r.State, Cancelling: r.Cancelling, Ended: r.Ended,
			})
		}
	}
	return nil
}
