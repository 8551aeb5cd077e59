package pawl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/pawlhq/pawl/internal/similar"
)

const (
	nearMost  = 256 // tasks of a scope that are compared, the newest ones
	sketchFar = 24  // bits of 64 in which sketches differ of texts that are not compared by words
	readMost  = 8   // of those that are nearest, whose texts are read
)

// match is a task whose result answers another one.
type match struct {
	row   *TaskRow
	score float64
	next  *TaskRow // what follows row in its flow, if something follows the other one
	nodes []Node   // of the conversation that next starts from: row may be removed before the other one's next is added
}

// unlessSimilar returns work that looks for a near-duplicate before it does w. Where that
// fails, w is done as if there were none.
func (a *attempt) unlessSimilar(s *Similar, w work) work {
	if s == nil || a.row.isForked() {
		return w
	}
	return func(ctx context.Context) (any, error) {
		found, err := a.findSimilar(ctx, s)
		switch {
		case err != nil && (ctx.Err() != nil || errors.Is(err, ErrBudget) || errors.Is(err, ErrLeaseLost)):
			return nil, err
		case err != nil:
			a.client.log.Warn("near-duplicates are not looked for", "task", a.row.ID, "operation", a.row.Operation, "error", err)
			a.forgive()
			return w(ctx)
		case found.before != nil:
			return nil, a.park(Park{Behind: found.before.ID}, nil, 0, fmt.Sprintf("waits for %s, a near-duplicate that is under way", found.before.ID))
		case found.match != nil && !s.Shadow:
			a.take(found.match)
			a.client.log.Info("the result of a near-duplicate is taken", "task", a.row.ID, "operation", a.row.Operation, "of", found.row.ID, "score", found.score)
			return json.RawMessage(found.row.Output), nil
		}
		a.shadow = found.match
		out, err := w(ctx)
		if err == nil {
			a.near = found.near
		}
		return out, err
	}
}

// take has the attempt end with the result of another task, and hand on what that did.
func (a *attempt) take(m *match) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.matched = m
	if m.next != nil {
		a.data = Data(m.next.Data)
	}
}

// forgive has the attempt not be judged by the calls that failed so far.
func (a *attempt) forgive() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = nil
}

func (r *TaskRow) isForked() bool { return r.Links != nil && r.Links.Forked }

// withNext returns a match with what its task handed on; nil if that is not to be had.
func (c *Client) withNext(ctx context.Context, m *match) (*match, error) {
	rows, err := c.store.List(ctx, c.now, Filter{IDs: []ID{FollowID(m.row.ID)}})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	if m.next = rows[0]; m.next.Conversation.IsZero() {
		return m, nil
	}
	if m.nodes, err = c.store.Conversation(ctx, m.next.Conversation); errors.Is(err, ErrNotFound) {
		return nil, nil // it was removed meanwhile
	}
	return m, err
}

func (s *Similar) within() time.Duration {
	if s.Within == 0 {
		return defaultWithin
	}
	return s.Within
}

func (s *Similar) limit() string {
	if s.Limit == "" {
		return defaultEmbeds
	}
	return s.Limit
}

func (s *Similar) threshold() float64 {
	switch {
	case s.Threshold != 0:
		return s.Threshold
	case s.Embed != nil:
		return defaultCosine
	}
	return similar.DefaultThreshold
}

// candidate is a task that may be a match, by what is kept of it.
type candidate struct {
	Near
	score float64
}

// bestOf returns the task of those nearby, in one of some states, that is most like a
// prompt, if it is like enough; nil if none is.
func (c *Client) bestOf(ctx context.Context, s *Similar, p *prompt, nearby []Near, apart [][2]uint64, states ...State) (*match, error) {
	all := p.rank(s, nearby, apart)
	if len(all) == 0 {
		return nil, nil
	}
	ids := make([]ID, len(all))
	for i := range all {
		ids[i] = all[i].Task
	}
	rows, err := c.store.List(ctx, c.now, Filter{IDs: ids, States: states})
	if err != nil {
		return nil, err
	}
	var best *match
	for _, row := range rows {
		if row.Cancelling {
			continue
		}
		other, err := c.promptOf(ctx, row)
		if err != nil || other == nil || other.scope != p.scope {
			continue // it was retried with another input
		}
		i := slices.IndexFunc(all, func(c candidate) bool { return c.Task == row.ID })
		if score := p.like(s, other, all[i].score); score >= s.threshold() && (best == nil || score > best.score) {
			best = &match{row: row, score: score}
		}
	}
	return best, nil
}

// rank returns the tasks that are worth to be read, the nearest first.
func (p *prompt) rank(s *Similar, nearby []Near, apart [][2]uint64) []candidate {
	var all []candidate
	sketch := p.sketch()
	for _, n := range nearby {
		if slices.Contains(apart, pairOf(p.hash, n.Text)) {
			continue
		}
		c := candidate{n, 1 - float64(similar.Distance(sketch, n.Sketch))/64}
		switch {
		case s.Embed == nil && similar.Distance(sketch, n.Sketch) > sketchFar:
			continue
		case s.Embed != nil:
			if c.score = similar.Cosine(p.vector, unpackVector(n.Vector)); c.score < s.threshold() {
				continue
			}
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	return all[:min(len(all), readMost)]
}

// like returns how alike two prompts of one scope are: the least of their texts, or 0 if
// anything speaks against it. cosine is that of their embeddings.
func (p *prompt) like(s *Similar, other *prompt, cosine float64) float64 {
	least := 1.0
	for i := range p.ready {
		if p.texts[i] == other.texts[i] {
			continue
		}
		if s.Embed != nil {
			if similar.Differs(p.ready[i], other.ready[i]) != "" {
				return 0
			}
			least = min(least, cosine)
			continue
		}
		score, why := similar.ByText(p.ready[i], other.ready[i], s.threshold())
		if why != "" {
			return 0
		}
		least = min(least, score)
	}
	return least
}

func (p *prompt) isEmpty() bool {
	return !slices.ContainsFunc(p.ready, func(t *similar.Text) bool { return !t.Empty() })
}

// embed asks for the embedding of the texts.
func (p *prompt) embed(ctx context.Context, s *Similar) error {
	all := ""
	for i, t := range p.texts {
		if i > 0 {
			all += "\n\n"
		}
		all += t
	}
	vectors, err := s.Embed.Embed(ctx, all)
	if err != nil {
		return err
	}
	if len(vectors) != 1 || len(vectors[0]) == 0 {
		return errors.New("the embedder gave no vector")
	}
	p.vector = vectors[0]
	return nil
}

// packVector returns a vector with one signed byte for each dimension: its direction to
// within a percent, which is what it is compared by.
func packVector(v []float32) []byte {
	if len(v) == 0 {
		return nil
	}
	most := 0.0
	for _, x := range v {
		most = max(most, math.Abs(float64(x)))
	}
	b := make([]byte, len(v))
	for i, x := range v {
		if most > 0 {
			b[i] = byte(int8(math.Round(127 * float64(x) / most)))
		}
	}
	return b
}

func unpackVector(b []byte) []float32 {
	v := make([]float32, len(b))
	for i, x := range b {
		v[i] = float32(int8(x))
	}
	return v
}

// savingOf returns what is entered into the ledger of a task whose result is taken, or
// would have been.
func (m *match) savingOf(kind EntryKind) Saving {
	sum, currency := Answered(m.row).Total()
	return Saving{Kind: kind, Sum: sum, Currency: currency, Of: m.row.ID, Score: m.score}
}

// heading returns the conversation that the result comes with, and its nodes.
func (m *match) heading() (head Hash, chars int, nodes []Node) {
	if m.next == nil {
		return Hash{}, 0, nil
	}
	for _, n := range m.nodes {
		chars += len(n.Message.JSON())
	}
	return m.next.Conversation, chars, m.nodes
}
