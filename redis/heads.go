package redis

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// candidate is a pending task as it stands in its bin.
type candidate struct {
	durable.Candidate
	flags byte
}

// What the flags of a candidate say.
const (
	hasDeadline = 1 << iota
	hasNewInput // see payloadField
	hasSteps    // it may have some
)

// Heads implements [durable.Tx].
func (t *tx) Heads(asks []durable.HeadAsk) ([][]durable.Candidate, error) {
	members, err := t.members(asks)
	if err != nil {
		return nil, fmt.Errorf("read pending tasks: %w", err)
	}
	if t.heads == nil {
		t.heads = map[pawl.ID]*candidate{}
	}
	found := make([][]durable.Candidate, len(asks))
	for i := range asks {
		found[i] = make([]durable.Candidate, len(members[i]))
		kept := make([]candidate, len(members[i]))
		for j, m := range members[i] {
			if kept[j], err = readMember(m); err != nil {
				return nil, fmt.Errorf("read pending tasks: %w", err)
			}
			found[i][j] = kept[j].Candidate
			t.heads[kept[j].ID] = &kept[j]
		}
	}
	return found, nil
}

// members returns the first members of bins. Those that the last claims asked for
// were read when the book was opened. A claim that asks for a bin again has taken
// what is in front, which stands there until the commit.
func (t *tx) members(asks []durable.HeadAsk) ([][]string, error) {
	t.hints.asked(asks)
	found := make([][]string, len(asks))
	var missing []int
	for i, ask := range asks {
		h, ok := t.opened.heads[ask.Bin]
		delete(t.opened.heads, ask.Bin) // who asks again wants to know what is behind
		if !ok || len(h.members) < ask.Most && len(h.members) == h.most {
			missing = append(missing, i)
			continue
		}
		found[i] = h.members[:min(len(h.members), ask.Most)]
	}
	asked := make([]*redis.StringSliceCmd, len(missing))
	err := t.many(len(missing), func(p redis.Pipeliner, i int) {
		ask := &asks[missing[i]]
		asked[i] = p.ZRangeArgs(t.ctx, redis.ZRangeArgs{
			Key: t.keys.bin(ask.Bin), ByLex: true, Start: "[" + firstMember(ask.From), Stop: "+", Count: int64(ask.Most),
		})
	})
	for i, at := range missing {
		if err == nil {
			found[at] = asked[i].Val()
		}
	}
	return found, err
}
