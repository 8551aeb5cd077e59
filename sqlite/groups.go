package sqlite

import (
	"cmp"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/llm"
)

// Groups implements [durable.View].
func (v *view) Groups(f pawl.Filter, now time.Time) ([]pawl.Group, error) {
	q, err := v.plan(f, now)
	if err != nil {
		return nil, err
	}
	type cause struct{ fingerprint, class string }
	groups := map[cause]*pawl.Group{}
	text := strings.Replace(statements["groups"], "/* which */", q.String(), 1)
	err = v.queryText(v.ctx, text, q.args, func(rows *sql.Rows) error {
		var id sql.RawBytes
		var class, fingerprint sql.NullString
		var micros int64
		if err := rows.Scan(&id, &fingerprint, &class, &micros); err != nil {
			return err
		}
		ended := timeOf(micros)
		g := groups[cause{fingerprint.String, class.String}]
		if g == nil {
			g = &pawl.Group{Fingerprint: fingerprint.String, Class: llm.Class(class.String), First: ended}
			groups[cause{fingerprint.String, class.String}] = g
		}
		g.Count++
		if ended.Before(g.First) {
			g.First = ended
		}
		if !ended.Before(g.Last) {
			g.Last, g.Sample = ended, idOf(id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sorted := make([]pawl.Group, 0, len(groups))
	for _, g := range groups {
		sorted = append(sorted, *g)
	}
	slices.SortFunc(sorted, func(a, b pawl.Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), slices.Compare(a.Sample[:], b.Sample[:]))
	})
	return sorted, v.messages(sorted)
}

// messages sets the messages of groups: those of their samples.
func (v *view) messages(groups []pawl.Group) error {
	ids := make([]pawl.ID, len(groups))
	for i := range groups {
		ids[i] = groups[i].Sample
	}
	samples, err := v.statuses("held", idArgs(ids))
	if err != nil {
		return err
	}
	of := make(map[pawl.ID]*durable.Record, len(samples))
	for _, r := range samples {
		of[r.ID] = r
	}
	for i := range groups {
		if r := of[groups[i].Sample]; r != nil {
			groups[i].Message = r.LastAttempt().Message
		}
	}
	return nil
}
