package pawl

import (
	"context"
	"slices"
	"time"
)

// sight is what an attempt finds around its task.
type sight struct {
	*match          // whose result may be taken; nil if there is none
	before *TaskRow // a near-duplicate that is under way, and is to be waited for; nil if there is none
	near   *NearAs  // what is to be kept of the task; nil if it is not compared
}

// findSimilar returns what there is around an attempt's task. If it finds nothing that
// answers it, and nothing to wait for, the task is under way when it returns: see [Near].
func (a *attempt) findSimilar(ctx context.Context, s *Similar) (sight, error) {
	p, err := a.client.promptOf(ctx, a.row)
	if err != nil || p == nil || p.isEmpty() {
		return sight{}, err
	}
	if s.Embed != nil {
		if err := p.embed(withLimit(ctx, s.limit()), s); err != nil {
			return sight{}, err
		}
	}
	found, err := a.client.near(ctx, Look{Scope: p.scope})
	if err != nil {
		return sight{}, err
	}
	near := &NearAs{Scope: p.scope, Near: Near{Text: p.hash, Sketch: p.sketch(), Vector: packVector(p.vector)}}
	near.Drop = s.tooMany(found.Near)
	if len(a.unasked()) > 0 {
		return sight{near: near}, nil // it is on its way already
	}
	m, before, err := a.among(ctx, s, p, found)
	if err != nil || m != nil || before != nil || s.Shadow || a.placeIn(found) != 0 {
		return sight{m, before, near}, err
	}
	again, err := a.client.looks.wait(Look{Scope: p.scope, Near: &near.Near, Lease: a.row.Lease()}).unpack()
	if err != nil {
		return sight{}, err
	}
	m, before, err = a.among(ctx, s, p, again.since(found))
	return sight{m, before, near}, err
}

// among returns a task of those nearby whose result answers a prompt, or else one that
// came before it and is under way; nil for none.
func (a *attempt) among(ctx context.Context, s *Similar, p *prompt, found Nearby) (m *match, before *TaskRow, err error) {
	var young, first []Near
	for i, n := range found.Near {
		if n.Task != a.row.ID && !s.isTooOld(i, n) {
			young = append(young, n)
		}
	}
	m, err = a.client.bestOf(ctx, s, p, young, found.Apart, Succeeded)
	if err == nil && m != nil && a.row.Follows() {
		m, err = a.client.withNext(ctx, m)
	}
	if err != nil || m != nil || s.Shadow {
		return m, nil, err
	}
	own := a.placeIn(found)
	for _, n := range found.UnderWay {
		if n.Task != a.row.ID && (own == 0 || n.Place < own) {
			first = append(first, n)
		}
	}
	if m, err = a.client.bestOf(ctx, s, p, first, found.Apart, Running, Pending, Scheduled); err != nil || m == nil {
		return nil, nil, err
	}
	below, err := a.isBelow(ctx, m.row)
	if err != nil || below {
		return nil, nil, err
	}
	return nil, m.row, nil
}

// placeIn returns the place of the attempt's task among those that are under way; 0 if it
// is not.
func (a *attempt) placeIn(found Nearby) int64 {
	for _, n := range found.UnderWay {
		if n.Task == a.row.ID {
			return n.Place
		}
	}
	return 0
}

// isBelow reports whether the attempt's task is in a branch below another one, which may
// wait for it.
func (a *attempt) isBelow(ctx context.Context, other *TaskRow) (bool, error) {
	for parent := a.row.Parent(); !parent.IsZero() && other.Run == a.row.Run; {
		if parent == other.ID {
			return true, nil
		}
		rows, err := a.client.store.List(ctx, a.client.now, Filter{IDs: []ID{parent}, Bare: true})
		if err != nil || len(rows) == 0 {
			return false, err
		}
		parent = rows[0].Parent()
	}
	return false, nil
}

// moment is what tells a task that is under way again from one that still is.
type moment struct {
	seq, place int64
	at         time.Time
}

// since returns what is nearby that was not before. What is under way again, though it was
// before, is new: it may have been blocked when it was judged.
func (n Nearby) since(before Nearby) Nearby {
	known := map[moment]bool{}
	for _, b := range slices.Concat(before.Near, before.UnderWay) {
		known[moment{b.Seq, b.Place, b.At.UTC()}] = true
	}
	isKnown := func(o Near) bool { return known[moment{o.Seq, o.Place, o.At.UTC()}] }
	n.Near, n.UnderWay = slices.DeleteFunc(n.Near, isKnown), slices.DeleteFunc(n.UnderWay, isKnown)
	return n
}

// near asks what there is of a scope.
func (c *Client) near(ctx context.Context, l Look) (Nearby, error) {
	found, err := c.store.Near(ctx, c.now, []Look{l})
	if err != nil {
		return Nearby{}, err
	}
	return found[0].unpack()
}

func (n Nearby) unpack() (Nearby, error) { return n, n.Err }

// isTooOld reports whether a task, the i-th newest, is not to be taken for a
// near-duplicate any more.
func (s *Similar) isTooOld(i int, n Near) bool {
	return i >= nearMost-1 || time.Since(n.At) > s.within()
}

// tooMany returns those of a scope that are kept no longer.
func (s *Similar) tooMany(found []Near) (drop []int64) {
	for i, n := range found {
		if s.isTooOld(i, n) {
			drop = append(drop, n.Seq)
		}
	}
	return drop
}
