package durable

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/ledger"
)

// nearPage is what is kept of a task that answers near-duplicates, or of two texts that
// are never the same. Pages are found by a part of their scope.
type nearPage struct {
	Scope pawl.Hash  `json:"scope"`
	Near  *pawl.Near `json:"near,omitempty"`
	Apart *[2]uint64 `json:"apart,omitempty"`
}

// groupOf returns the group of a scope's pages: 52 bits, which any database keeps exactly.
func groupOf(scope pawl.Hash) ledger.Hour {
	return ledger.Hour(binary.BigEndian.Uint64(scope[:8]) >> 12)
}

// Near implements [pawl.Contexts]. Looks that have a task be under way hold the book: so
// each sees those before it, whoever else looks.
func (s *Store) Near(ctx context.Context, now time.Time, looks []pawl.Look) ([]pawl.Nearby, error) {
	var found []pawl.Nearby
	var err error
	if slices.ContainsFunc(looks, func(l pawl.Look) bool { return l.Near != nil }) {
		err = s.open(ctx, now, func(a *act) (err error) {
			found, err = a.near(looks)
			return err
		})
	} else {
		err = s.view(ctx, func(v View) error {
			found = make([]pawl.Nearby, len(looks))
			for i := range looks {
				if found[i], err = nearby(v, looks[i].Scope); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

// nearby reads what there is of a scope.
func nearby(v View, scope pawl.Hash) (pawl.Nearby, error) {
	var found pawl.Nearby
	group := groupOf(scope)
	pages, _, err := v.Ledger(group, group, NearTask, NearApart)
	if err != nil {
		return found, err
	}
	for _, p := range pages {
		page, err := readNear(p.Value)
		switch {
		case err != nil:
			return found, err
		case page.Scope != scope:
		case page.Near != nil && page.Near.Place > 0:
			found.UnderWay = append(found.UnderWay, *page.Near)
		case page.Near != nil:
			found.Near = append(found.Near, *page.Near)
		case page.Apart != nil:
			found.Apart = append(found.Apart, *page.Apart)
		}
	}
	slices.SortFunc(found.UnderWay, func(a, b pawl.Near) int { return cmp.Compare(a.Place, b.Place) })
	slices.SortFunc(found.Near, func(a, b pawl.Near) int { return cmp.Compare(b.Seq, a.Seq) })
	slices.SortFunc(found.Apart, func(a, b [2]uint64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return found, nil
}

// near answers looks one after the other.
func (a *act) near(looks []pawl.Look) ([]pawl.Nearby, error) {
	ids := make([]pawl.ID, len(looks))
	for i := range looks {
		ids[i] = looks[i].Lease.Task
	}
	records, _, err := a.held(ids, nil)
	if err != nil {
		return nil, err
	}
	scopes := map[pawl.Hash]*pawl.Nearby{}
	found := make([]pawl.Nearby, len(looks))
	for i := range looks {
		l, r := &looks[i], records[i]
		if l.Near != nil && (r == nil || !r.Holds(l.Lease)) {
			found[i].Err = pawl.ErrLeaseLost
			continue
		}
		scope := scopes[l.Scope]
		if scope == nil {
			read, err := nearby(a, l.Scope)
			if err != nil {
				return nil, err
			}
			scope = &read
			scopes[l.Scope] = scope
		}
		if l.Near != nil {
			if err := a.beUnderWay(r, l, scopes); err != nil {
				return nil, err
			}
		}
		found[i] = pawl.Nearby{Near: slices.Clone(scope.Near), UnderWay: slices.Clone(scope.UnderWay), Apart: slices.Clone(scope.Apart)}
	}
	return found, nil
}

// beUnderWay has a task be under way behind the others of its scope, if it may and is not
// yet.
func (a *act) beUnderWay(r *Record, l *pawl.Look, scopes map[pawl.Hash]*pawl.Nearby) error {
	was, scope := r.UnderWay(), scopes[l.Scope]
	if was == l.Scope || r.IsAlone() {
		return nil
	}
	if old := scopes[was]; old != nil {
		old.UnderWay = slices.DeleteFunc(old.UnderWay, func(n pawl.Near) bool { return n.Seq == r.Seq })
	}
	a.update(r, func(row *pawl.TaskRow) { row.BeUnderWay(l.Scope) })
	near := *l.Near
	near.Task, near.Seq, near.At, near.Place = r.ID, r.Seq, a.now, 1
	if n := len(scope.UnderWay); n > 0 {
		near.Place = scope.UnderWay[n-1].Place + 1
	}
	scope.UnderWay = append(scope.UnderWay, near)
	return a.putNearPage(NearTask, r.Seq, nearPage{Scope: l.Scope, Near: &near})
}

func readNear(value []byte) (nearPage, error) {
	var page nearPage
	b, err := Unpack(value)
	if err == nil {
		err = json.Unmarshal(b, &page)
	}
	if err != nil {
		return page, fmt.Errorf("what is kept of near-duplicates: %w", err)
	}
	return page, nil
}

// putNear keeps what tells near-duplicates of a task that has succeeded.
func (a *act) putNear(r *Record, as *pawl.NearAs) error {
	near := as.Near
	near.Task, near.Seq, near.At = r.ID, r.Seq, a.now
	for _, seq := range as.Drop {
		a.dropNear(as.Scope, seq)
	}
	return a.putNearPage(NearTask, r.Seq, nearPage{Scope: as.Scope, Near: &near})
}

func (a *act) putNearPage(kind LedgerKind, number int64, page nearPage) error {
	b, err := json.Marshal(&page)
	if err != nil {
		return fmt.Errorf("keep near-duplicates: %w", err)
	}
	a.w.Ledger = append(a.w.Ledger, LedgerPage{kind, groupOf(page.Scope), number, Pack(b)})
	return nil
}

// dropNear has near-duplicates find a task no longer.
func (a *act) dropNear(scope pawl.Hash, seq int64) {
	a.w.Ledger = append(a.w.Ledger, LedgerPage{NearTask, groupOf(scope), seq, nil})
}

// leave notes that a task is under way no longer in a scope.
func (a *act) leave(r *Record, scope pawl.Hash) {
	if r.Links == nil || r.Links.Near != scope {
		a.dropNear(scope, r.Seq)
	}
	if r.Followers() > 0 {
		a.left = append(a.left, r)
	}
}

// unlike makes a setting of what may be near-duplicates. What waits for one of them is
// released: it looks again.
func (a *act) unlike(u *pawl.Unlike) error {
	if !u.Forget.IsZero() {
		if err := a.beAlone(u.Scope, u.Forget); err != nil {
			return err
		}
	}
	if u.Apart == ([2]uint64{}) {
		return nil
	}
	found, err := nearby(a, u.Scope)
	if err != nil {
		return err
	}
	var ids []pawl.ID
	for _, n := range found.UnderWay {
		if slices.Contains(u.Apart[:], n.Text) {
			ids = append(ids, n.Task)
		}
	}
	records, err := a.knownOrHeld(ids)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r != nil && r.Followers() > 0 {
			a.touch(r)
			a.left = append(a.left, r)
		}
	}
	number := int64(u.Apart[0] ^ u.Apart[1]<<1)
	return a.putNearPage(NearApart, number, nearPage{Scope: u.Scope, Apart: &u.Apart})
}

// beAlone has a task answer no near-duplicates, nor when it succeeds if it has not yet.
func (a *act) beAlone(scope pawl.Hash, id pawl.ID) error {
	records, err := a.knownOrHeld([]pawl.ID{id})
	if err != nil || records[0] == nil {
		return err
	}
	r := records[0]
	a.dropNear(scope, r.Seq)
	if !r.State.Ended() {
		a.update(r, (*pawl.TaskRow).BeAlone)
	}
	return nil
}
