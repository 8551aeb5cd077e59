package cli

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
)

// tidy looks at what earlier runs left in the store, opens the limit if one of
// them left it held, and returns what the user has to know, in rows.
func (s *session) tidy(ctx context.Context) (rows [][2]string, err error) {
	status, err := s.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	blocked := 0
	for _, q := range status.Queues {
		if q.Name != queueName {
			continue
		}
		blocked = q.Counts[pawl.Blocked]
		for state, n := range q.Counts {
			if !state.Ended() {
				s.left += n
			}
		}
		if q.Paused {
			return nil, fmt.Errorf("the demo's queue is paused; to go on: pawl queues resume %s --store %s", queueName, quoted(s.url))
		}
	}
	if s.left > 0 {
		text := plural(s.left, "task") + " of earlier runs: they go on beside, and are not counted below"
		if blocked > 0 {
			text += fmt.Sprintf("; %s blocked by budgets", thousands(blocked))
		}
		rows = append(rows, [2]string{"left over", text})
	}
	for _, l := range status.Limits {
		if l.Name != limitName || !l.State.Held {
			continue
		}
		if err := s.client.ResumeLimit(ctx, limitName); err != nil {
			return nil, err
		}
		rows = append(rows, [2]string{"limit", "an earlier run left it held, and it is open again: " + printable(l.State.HoldReason)})
	}
	return rows, nil
}

// rows returns the tasks of this run of the demo.
func (s *session) rows(ctx context.Context) ([]*pawl.TaskRow, error) {
	var rows []*pawl.TaskRow
	seen := map[pawl.ID]bool{}
	for _, j := range s.jobs {
		for _, run := range j.runs {
			if seen[run] {
				continue
			}
			seen[run] = true
			tasks, err := s.client.List(ctx, pawl.Filter{Run: run})
			if err != nil {
				return nil, err
			}
			rows = append(rows, tasks...)
		}
	}
	return rows, nil
}

// sharedWith reports whether workers of other processes did some of the work.
func (s *session) sharedWith(rows []*pawl.TaskRow) bool {
	for _, r := range rows {
		for _, a := range r.Attempts {
			if a.Worker != s.name {
				return true
			}
		}
	}
	return false
}

// hint says where the tasks are now.
func (s *session) hint() {
	if s.url != "memory:" {
		fmt.Fprintf(s.t.out, "\n The tasks are kept. To look at them: pawl tasks --store %[1]s\n To see what they cost:               pawl usage --store %[1]s\n", quoted(s.url))
	}
}

var plain = regexp.MustCompile(`^[\w:/.,@%+=-]+$`)

// quoted writes a store's URL, without its password, for a shell.
func quoted(url string) string {
	shown := stores.Redact(url)
	if plain.MatchString(shown) {
		return shown
	}
	return "'" + strings.ReplaceAll(shown, "'", `'\''`) + "'"
}
