package storetest

import (
	"slices"

	"github.com/pawlhq/pawl"
)

// scope returns one of two scopes of near-duplicates.
func (p *pair) scope() pawl.Hash { return oneOf(p, pawl.Hash{1}, pawl.Hash{2}) }

func (p *pair) text() uint64 { return uint64(1 + p.IntN(3)) }

// look has some tasks look for near-duplicates, and most of them be under way.
func (p *pair) look() {
	var looks []pawl.Look
	for range 1 + p.IntN(2) {
		l := pawl.Look{Scope: p.scope()}
		if r := p.some(); r != nil && !p.chance(6) {
			l.Near, l.Lease = &pawl.Near{Text: p.text(), Sketch: 3}, r.Lease()
		}
		looks = append(looks, l)
	}
	p.near(looks...)
}

func (p *pair) near(looks ...pawl.Look) []pawl.Nearby {
	found, _ := both(p, "Near", looks, func(s pawl.Store) ([]pawl.Nearby, error) { return s.Near(p.ctx, p.now, looks) }, viewNearby)
	return found
}

// nearbyView is what there is of a scope, without the numbers that a store gives tasks.
type nearbyView struct {
	Err            string
	Near, UnderWay []pawl.Near
	Apart          [][2]uint64
}

func viewNearby(found []pawl.Nearby) []nearbyView {
	all := make([]nearbyView, len(found))
	for i, n := range found {
		all[i] = nearbyView{kind(n.Err), unnumbered(n.Near), unnumbered(n.UnderWay), n.Apart}
	}
	return all
}

func unnumbered(all []pawl.Near) []pawl.Near {
	all = slices.Clone(all)
	for i := range all {
		all[i].Seq = 0
	}
	return all
}

// answer has a task that succeeds answer near-duplicates.
func (p *pair) answer(f *pawl.Finish) {
	f.Near = &pawl.NearAs{Scope: p.scope(), Near: pawl.Near{Text: p.text(), Vector: []byte{1, 200}}}
}

// parkBehind has a task wait for a near-duplicate, most often for one that is under way.
func (p *pair) parkBehind(r *pawl.TaskRow, f *pawl.Finish) {
	first := p.id()
	if under := p.near(pawl.Look{Scope: p.scope()})[0].UnderWay; len(under) > 0 && !p.chance(6) {
		first = oneOf(p, under...).Task
	}
	f.Attempt.Class, f.Attempt.Used = pawl.Parked, false
	f.Park = &pawl.Park{Behind: first}
}

// unlike returns a setting of what is not to be taken for a near-duplicate.
func (p *pair) unlike() pawl.Setting {
	u := &pawl.Unlike{Scope: p.scope()}
	if p.chance(2) {
		u.Apart = [2]uint64{1, uint64(2 + p.IntN(2))}
	}
	if found := p.near(pawl.Look{Scope: u.Scope})[0]; p.chance(2) {
		u.Forget = p.id()
		if all := slices.Concat(found.Near, found.UnderWay); len(all) > 0 {
			u.Forget = oneOf(p, all...).Task
		}
	}
	return pawl.Setting{Similar: u}
}
