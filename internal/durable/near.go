package durable

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

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

// Near implements [pawl.Contexts].
func (s *Store) Near(ctx context.Context, scope pawl.Hash) (pawl.Nearby, error) {
	var found pawl.Nearby
	err := s.view(ctx, func(v View) error {
		found = pawl.Nearby{}
		group := groupOf(scope)
		pages, _, err := v.Ledger(group, group, NearTask, NearApart)
		if err != nil {
			return err
		}
		for _, p := range pages {
			page, err := readNear(p.Value)
			switch {
			case err != nil:
				return err
			case page.Scope != scope:
			case page.Near != nil:
				found.Near = append(found.Near, *page.Near)
			case page.Apart != nil:
				found.Apart = append(found.Apart, *page.Apart)
			}
		}
		return nil
	})
	if err != nil {
		return pawl.Nearby{}, err
	}
	slices.SortFunc(found.Near, func(a, b pawl.Near) int { return cmp.Compare(b.Seq, a.Seq) })
	slices.SortFunc(found.Apart, func(a, b [2]uint64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return found, nil
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

// dropNear has a task answer near-duplicates no longer.
func (a *act) dropNear(scope pawl.Hash, seq int64) {
	a.w.Ledger = append(a.w.Ledger, LedgerPage{NearTask, groupOf(scope), seq, nil})
}

// unlike makes a setting of what may be near-duplicates.
func (a *act) unlike(u *pawl.Unlike) error {
	if u.Forget != 0 {
		a.dropNear(u.Scope, u.Forget)
	}
	if u.Apart == ([2]uint64{}) {
		return nil
	}
	number := int64(u.Apart[0] ^ u.Apart[1]<<1)
	return a.putNearPage(NearApart, number, nearPage{Scope: u.Scope, Apart: &u.Apart})
}
