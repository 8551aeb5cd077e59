package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/llm"
)

// view implements [durable.View] on one state of the file.
type view struct {
	*session
	ctx context.Context
	db  *database
	now time.Time // zero until somebody asks
}

// Now implements [durable.View].
func (v *view) Now() (time.Time, error) {
	if v.now.IsZero() {
		v.now = time.Now().UTC().Truncate(time.Microsecond)
	}
	return v.now, nil
}

// Counts implements [durable.View].
func (v *view) Counts() (map[string]map[pawl.State]int, error) {
	counts := map[string]map[pawl.State]int{}
	err := v.query(v.ctx, "counts", func(rows *sql.Rows) error {
		var queue string
		var number int64
		var tasks int
		if err := rows.Scan(&queue, &number, &tasks); err != nil {
			return err
		}
		state, err := stateOf(number)
		if err != nil {
			return err
		}
		if counts[queue] == nil {
			counts[queue] = map[pawl.State]int{}
		}
		counts[queue][state] = tasks
		return nil
	})
	return counts, err
}

// Pages implements [durable.View]. Deleted pages are forgotten after a while; a
// reader who missed them reads the whole book anew.
func (v *view) Pages(since int64) (durable.Pages, error) {
	read := durable.Pages{Version: since}
	page := func(rows *sql.Rows) error {
		var p durable.Page
		err := rows.Scan(&p.Key, &p.Version, &p.Value)
		read.Pages = append(read.Pages, p)
		read.Version = max(read.Version, p.Version)
		return err
	}
	var err error
	if since == 0 {
		err = v.allPages(&read, page)
	} else {
		err = v.newPages(since, page)
	}
	if err != nil {
		return durable.Pages{}, err
	}
	err = v.query(v.ctx, "letters", func(rows *sql.Rows) error {
		var raw sql.RawBytes
		if err := rows.Scan(&raw); err != nil {
			return err
		}
		var posts []durable.Post
		err := json.Unmarshal(raw, &posts)
		read.Posts = append(read.Posts, posts...)
		return err
	})
	return read, err
}

func (v *view) allPages(read *durable.Pages, page func(*sql.Rows) error) error {
	if err := v.query(v.ctx, "pages_all", page); err != nil {
		return err
	}
	version, _, err := v.number(v.ctx, "version")
	read.Version = max(read.Version, version)
	return err
}

func (v *view) newPages(since int64, page func(*sql.Rows) error) error {
	changed := false
	err := v.query(v.ctx, "pages", func(rows *sql.Rows) error {
		changed = true
		return page(rows)
	}, since)
	if err != nil || !changed {
		return err
	}
	forgotten, _, err := v.number(v.ctx, "counter", "deleted")
	if err == nil && since < forgotten {
		return durable.ErrConflict
	}
	return err
}

// Ahead implements [durable.View].
func (v *view) Ahead(bins []int64, seq int64) (int, error) {
	ahead := 0
	for _, bin := range bins {
		n, _, err := v.number(v.ctx, "ahead", bin, seq)
		if err != nil {
			return 0, err
		}
		ahead += int(n)
	}
	return ahead, nil
}

// Conversation implements [durable.View].
func (v *view) Conversation(head pawl.Hash) ([]pawl.Node, error) {
	nodes := []pawl.Node{}
	err := v.query(v.ctx, "conversation", func(rows *sql.Rows) error {
		n, err := scanNode(rows)
		nodes = append(nodes, n)
		return err
	}, head[:])
	if err != nil {
		return nil, err
	}
	if len(nodes) == 0 || !nodes[0].Parent.IsZero() {
		return nil, fmt.Errorf("conversation %s: %w", head, pawl.ErrNotFound)
	}
	return nodes, nil
}

func scanNode(rows *sql.Rows) (pawl.Node, error) {
	var n pawl.Node
	var hash, parent, content, body sql.RawBytes
	if err := rows.Scan(&hash, &parent, &content, &body); err != nil {
		return n, err
	}
	copy(n.Hash[:], hash)
	copy(n.Parent[:], parent)
	copy(n.Content[:], content)
	text, err := durable.Unpack(body)
	if err != nil {
		return n, err
	}
	n.Message, err = llm.ParseMessage(text)
	return n, err
}

// names returns the parts of a bin.
func (v *view) names(bin int64) (durable.Bin, error) {
	if b, ok := v.db.bins.get(bin); ok {
		return b, nil
	}
	var b durable.Bin
	found := false
	err := v.query(v.ctx, "bin", func(rows *sql.Rows) error {
		found = true
		return rows.Scan(&b.Queue, &b.Limit, &b.Priority, &b.User, &b.Operation)
	}, bin)
	if err != nil {
		return b, err
	}
	if !found {
		return b, fmt.Errorf("bin %d has no names", bin)
	}
	v.db.bins.put(bin, b)
	return b, nil
}
