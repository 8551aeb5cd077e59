package durable

import "github.com/pawlhq/pawl"

// park has a task that is blocked wait for its branches, or for a signal, as
// [pawl.Links] says. The branches that come with it are added.
func (a *act) park(r *Record, p *pawl.Park) error {
	if err := a.join(); err != nil { // what has ended before is not waited for
		return err
	}
	if !p.Behind.IsZero() {
		return a.parkBehind(r, p.Behind)
	}
	tails, err := a.tails(p.Branches)
	if err != nil {
		return err
	}
	rows := make([]*pawl.TaskRow, len(tails))
	of := make(map[pawl.ID]*Record, len(tails))
	for i, t := range tails {
		if t != nil {
			rows[i], of[t.ID] = &t.TaskRow, t
		}
	}
	var await, start []*pawl.TaskRow
	a.update(r, func(row *pawl.TaskRow) { await, start = row.BeParked(p, rows) })
	for _, row := range await {
		a.touch(of[row.ID])
		row.BeAwaited(true)
	}
	for _, row := range start {
		a.update(of[row.ID], (*pawl.TaskRow).BeReleased)
	}
	return nil
}

// tails returns the last task so far of each branch that begins with one of firsts,
// nil if there is none.
func (a *act) tails(firsts []pawl.ID) ([]*Record, error) {
	tails, err := a.knownOrHeld(firsts)
	if err != nil {
		return nil, err
	}
	for {
		var at []int
		var ids []pawl.ID
		for i, t := range tails {
			if t != nil && t.State == pawl.Succeeded {
				at, ids = append(at, i), append(ids, pawl.FollowID(t.ID))
			}
		}
		next, err := a.knownOrHeld(ids)
		if err != nil {
			return nil, err
		}
		moved := false
		for i, t := range next {
			if t != nil {
				tails[at[i]], moved = t, true
			}
		}
		if !moved {
			return tails, nil
		}
	}
}

// knownOrHeld is held without asking for what the act has already.
func (a *act) knownOrHeld(ids []pawl.ID) ([]*Record, error) {
	var missing []pawl.ID
	asked := map[pawl.ID]bool{} // a thousand branches may have one parent
	for _, id := range ids {
		if a.known[id] == nil && !asked[id] {
			asked[id] = true
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		if _, _, err := a.held(missing, nil); err != nil {
			return nil, err
		}
	}
	records := make([]*Record, len(ids))
	for i, id := range ids {
		records[i] = a.known[id]
	}
	return records, nil
}

// over tells of a task that has ended; what waits for its branch learns of it in
// join, unless another task follows.
func (a *act) over(r *Record, follows bool) {
	a.emit(pawl.EventEnded, &r.TaskRow)
	if r.Awaited() && !follows {
		a.ends = append(a.ends, r)
	}
}

// passOn has what stands behind r in its line by now be awaited in r's place. That is
// what was added to follow it; where something was there already, it may have ended.
func (a *act) passOn(r *Record) error {
	if !r.Awaited() {
		return nil
	}
	tails, err := a.tails([]pawl.ID{r.ID})
	if err != nil {
		return err
	}
	last := tails[0]
	a.touch(last)
	r.PassOn(&last.TaskRow)
	if last.State.Ended() {
		a.ends = append(a.ends, last)
	}
	return nil
}

// join counts the branches that have ended in this act, and releases what has waited
// for the last of its own, and what has waited for a near-duplicate.
func (a *act) join() error {
	if err := a.wakeBehind(); err != nil {
		return err
	}
	for len(a.ends) > 0 {
		ends := a.ends
		a.ends = nil
		ids := make([]pawl.ID, len(ends))
		for i, r := range ends {
			ids[i] = r.Parent()
		}
		parents, err := a.knownOrHeld(ids)
		if err != nil {
			return err
		}
		var start []*Record // whose next branch may start, each as often
		for i, r := range ends {
			if a.count(parents[i], r) {
				start = append(start, parents[i])
			}
		}
		if err := a.start(start); err != nil {
			return err
		}
	}
	return nil
}

// count counts one ended branch of a parent, and reports whether the next may start.
func (a *act) count(parent, r *Record) (start bool) {
	counts := true
	if parent != nil && parent.State == pawl.Blocked {
		a.update(parent, func(row *pawl.TaskRow) { counts, start = row.BranchHasEnded(&r.TaskRow) })
	}
	if counts && !a.touch(r).deleted {
		r.BeAwaited(false)
	}
	return start
}

// start starts the next branch in the line of each parent.
func (a *act) start(parents []*Record) error {
	for len(parents) > 0 {
		ids := make([]pawl.ID, len(parents))
		for i, p := range parents {
			a.update(p, func(row *pawl.TaskRow) { ids[i] = row.NextInLine() })
		}
		next, err := a.tails(ids)
		if err != nil {
			return err
		}
		left := parents[:0]
		for i, r := range next {
			switch {
			case ids[i].IsZero():
			case r != nil && r.IsInLine() && r.Awaited():
				a.update(r, (*pawl.TaskRow).BeReleased)
			default:
				left = append(left, parents[i])
			}
		}
		parents = left
	}
	return nil
}
