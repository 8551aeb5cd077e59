package sqlite

import (
	"database/sql"

	"github.com/pawlhq/pawl/internal/durable"
)

// fillings are how many tasks come into bins, by number.
type fillings map[int64]*filling

// filling is how many tasks come into one bin; of is one of them.
type filling struct {
	of    *durable.Record
	tasks int
}

func (f fillings) add(r *durable.Record) {
	if f[r.Bin] == nil {
		f[r.Bin] = &filling{of: r}
	}
	f[r.Bin].tasks++
}

func (t *tx) fill(bins fillings) error {
	for number, f := range bins {
		r := f.of
		err := t.exec(t.ctx, "fill_bin", number, r.Queue, r.Limit, int64(r.Priority), r.User, r.Operation, f.tasks)
		if err != nil {
			return err
		}
	}
	return nil
}

// empty takes so many tasks out of bins, and drops those that have no more.
func (t *tx) empty(bins map[int64]int) error {
	for number, tasks := range bins {
		if err := t.exec(t.ctx, "empty_bin", tasks, number); err != nil {
			return err
		}
		if err := t.exec(t.ctx, "drop_bin", number); err != nil {
			return err
		}
	}
	return nil
}

// move takes tasks that another operation goes on with to where that waits.
func (t *tx) move(w *durable.Writes, d deltas) error {
	if len(w.Moves) == 0 {
		return nil
	}
	filled, emptied := fillings{}, map[int64]int{}
	moved := make(map[int64]*durable.Record, len(w.Moves))
	for _, m := range w.Moves {
		from, err := t.names(m.From)
		if err != nil {
			return err
		}
		// change has counted it out of the queue that it is in now.
		d[place{m.Queue, m.Token}]++
		d[place{from.Queue, m.Token}]--
		filled.add(m.Record)
		emptied[m.From]++
		moved[m.Seq] = m.Record
		if err := t.exec(t.ctx, "set_bin", m.Bin, m.ID[:]); err != nil {
			return err
		}
	}
	if err := t.fill(filled); err != nil {
		return err
	}
	if err := t.empty(emptied); err != nil {
		return err
	}
	return t.allow(moved)
}

// allow sets how many attempts tasks have, by their Seq: behind what they were given.
func (t *tx) allow(records map[int64]*durable.Record) error {
	all := make([]*durable.Record, 0, len(records))
	for _, r := range records {
		all = append(all, r)
	}
	bodies := make(map[int64]fields, len(records))
	err := t.queryMany(t.ctx, "bodies", seqArgs(all), func(rows *sql.Rows) error {
		var seq int64
		var body []byte
		err := rows.Scan(&seq, &body)
		bodies[seq] = body
		return err
	})
	if err != nil {
		return err
	}
	for seq, body := range bodies {
		body.number(bodyMaxAttempts, int64(records[seq].MaxAttempts))
		if err := t.exec(t.ctx, "renew_task", []byte(body), seq); err != nil {
			return err
		}
	}
	return nil
}
