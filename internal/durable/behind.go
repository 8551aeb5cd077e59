package durable

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/ledger"
)

// nearBehind is a task that waits for a near-duplicate.
type nearBehind struct {
	First pawl.ID `json:"first"` // that one
	Task  pawl.ID `json:"task"`
	Seq   int64   `json:"seq"`
}

func (b *nearBehind) page(value []byte) LedgerPage {
	return LedgerPage{NearBehind, behindOf(b.First), b.Seq, value}
}

// behindOf returns the group of the pages of what waits for a task.
func behindOf(first pawl.ID) ledger.Hour {
	return ledger.Hour(binary.BigEndian.Uint64(first[8:]) >> 12)
}

// parkBehind has a task that is blocked wait for a near-duplicate. That one is written
// too, so that its end, at the same time, is another transaction's before or after.
func (a *act) parkBehind(r *Record, first pawl.ID) error {
	records, err := a.knownOrHeld([]pawl.ID{first})
	if err != nil {
		return err
	}
	waits, row := false, (*pawl.TaskRow)(nil)
	if f := records[0]; f != nil {
		row = &f.TaskRow
	}
	a.update(r, func(r *pawl.TaskRow) { waits = r.BeBehind(a.now, row) })
	if !waits {
		return nil
	}
	a.touch(records[0])
	b := nearBehind{first, r.ID, r.Seq}
	value, err := json.Marshal(&b)
	if err != nil {
		return fmt.Errorf("wait for a near-duplicate: %w", err)
	}
	a.behind = append(a.behind, b)
	a.w.Ledger = append(a.w.Ledger, b.page(Pack(value)))
	return nil
}

// wakeBehind makes pending what has waited for tasks that were left in this act.
func (a *act) wakeBehind() error {
	for len(a.left) > 0 {
		left := a.left
		a.left = nil
		for _, first := range left {
			if err := a.wakeAllBehind(first); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *act) wakeAllBehind(first *Record) error {
	behind, err := a.allBehind(first.ID)
	if err != nil {
		return err
	}
	ids := make([]pawl.ID, len(behind))
	for i := range behind {
		ids[i] = behind[i].Task
		a.w.Ledger = append(a.w.Ledger, behind[i].page(nil))
	}
	records, err := a.knownOrHeld(ids)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r != nil && r.IsBehind(first.ID) {
			a.update(r, (*pawl.TaskRow).BeReleased)
		}
	}
	first.BeLeft()
	return nil
}

// allBehind returns what waits for a task, or has; what was parked in this act is not in
// the database yet.
func (a *act) allBehind(first pawl.ID) ([]nearBehind, error) {
	group := behindOf(first)
	pages, _, err := a.Ledger(group, group, NearBehind)
	if err != nil {
		return nil, err
	}
	var all []nearBehind
	for _, p := range pages {
		var b nearBehind
		value, err := Unpack(p.Value)
		if err == nil {
			err = json.Unmarshal(value, &b)
		}
		if err != nil {
			return nil, fmt.Errorf("what waits for %s: %w", first, err)
		}
		if b.First == first {
			all = append(all, b)
		}
	}
	for _, b := range a.behind {
		if b.First == first && !slices.Contains(all, b) {
			all = append(all, b)
		}
	}
	return all, nil
}
