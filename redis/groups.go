package redis

import (
	"fmt"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/llm"
)

// Groups implements [durable.View]. It reads the row of every dead letter, some at
// a time.
func (v *view) Groups(f pawl.Filter, now time.Time) ([]pawl.Group, error) {
	type cause struct {
		fingerprint string
		class       llm.Class
	}
	f.States = []pawl.State{pawl.Dead}
	groups := map[cause]*pawl.Group{}
	err := v.scan(f, now, func(r *durable.Record) bool {
		last := r.LastAttempt()
		k := cause{r.Fingerprint, last.Class}
		g := groups[k]
		if g == nil {
			g = &pawl.Group{Fingerprint: k.fingerprint, Class: k.class, First: r.Ended}
			groups[k] = g
		}
		g.Count++
		if r.Ended.Before(g.First) {
			g.First = r.Ended
		}
		if !r.Ended.Before(g.Last) {
			g.Last, g.Sample, g.Message = r.Ended, r.ID, last.Message
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("group dead letters: %w", err)
	}
	sorted := make([]pawl.Group, 0, len(groups))
	for _, g := range groups {
		sorted = append(sorted, *g)
	}
	slices.SortFunc(sorted, func(a, b pawl.Group) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return compareIDs(a.Sample, b.Sample)
	})
	return sorted, nil
}
