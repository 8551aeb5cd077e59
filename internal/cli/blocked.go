package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

// splitStop splits why a budget blocks a task into the budget's name, with whose part of
// it that is, and the numbers.
func splitStop(why string) (budget, numbers string) {
	budget, numbers, _ = strings.Cut(printable(strings.TrimPrefix(why, "budget ")), ": ")
	return budget, numbers
}

// waitsFor says that a task waits for a budget. The caller holds the lock.
func (b *board) waitsFor(task pawl.ID, why string) {
	budget, numbers := splitStop(why)
	b.blocked[task] = budget
	b.spent[budget], _, _ = strings.Cut(numbers, ", and the call needs ")
}

// goesOn says that a task waits for a budget no more. The caller holds the lock.
func (b *board) goesOn(task pawl.ID) {
	if delete(b.blocked, task); len(b.blocked) == 0 {
		b.warning = "" // it was raised
	}
}

// waiting reports whether any task waits for a budget.
func (b *board) waiting() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.blocked) > 0
}

// budgets says which budgets block how many tasks, or else what the last warning was.
// The caller holds the lock.
func (b *board) budgets() (lines []string) {
	tasks := map[string]int{}
	for _, budget := range b.blocked {
		tasks[budget]++
	}
	for _, budget := range sortedKeys(tasks) {
		lines = append(lines, fmt.Sprintf("%d blocked by %s: %s", tasks[budget], budget, b.spent[budget]))
	}
	if len(lines) == 0 && b.warning != "" {
		lines = []string{b.warning}
	}
	return lines
}

// blocked returns how many tasks wait for a budget.
func (p progress) blocked() (n int) {
	for _, o := range p.operations {
		n += o.blocked
	}
	return n
}

// allBlocked reports whether all tasks of the demo's queue that have not ended are
// blocked. Only budgets block them.
func allBlocked(queues []pawl.QueueStatus) bool {
	for _, q := range queues {
		if q.Name == queueName {
			return q.Counts[pawl.Blocked] > 0 && q.Counts[pawl.Pending]+q.Counts[pawl.Scheduled]+q.Counts[pawl.Running] == 0
		}
	}
	return false
}

// reportBlocked prints which tasks budgets block, and what has them go on.
func (s *session) reportBlocked(ctx context.Context) {
	rows, err := s.rows(ctx)
	if err != nil {
		s.t.complain(fmt.Errorf("list tasks: %w", err))
		return
	}
	waiting := map[string][]*pawl.TaskRow{}
	for _, r := range rows {
		if why := stopped(r); why != "" {
			budget, _ := splitStop(why)
			waiting[budget] = append(waiting[budget], r)
		}
	}
	if len(waiting) == 0 {
		return
	}
	s.heading("blocked by budgets")
	var commands []string
	for _, budget := range sortedKeys(waiting) {
		rows := waiting[budget]
		s.reportBudget(budget, rows)
		raise := fmt.Sprintf("pawl budgets raise %s %s --store %s", shellWord(waitOf(rows[0]).Budget), capFlag(stopped(rows[0])), quoted(s.url))
		if !among(raise, commands) {
			commands = append(commands, raise)
		}
	}
	if s.resume != "" {
		commands = append(commands, s.resume)
	}
	fmt.Fprintln(s.t.out, "\n They keep what they have stored. To have them go on:")
	for _, c := range commands {
		fmt.Fprintln(s.t.out, "   "+c)
	}
}

// reportBudget prints which tasks wait for a budget.
func (s *session) reportBudget(budget string, rows []*pawl.TaskRow) {
	width := s.t.width() - labelWidth - 3
	_, why := splitStop(stopped(rows[0]))
	if due := rows[0].Due; !due.IsZero() {
		why += "; the next period begins at " + starting(due, time.Now())
	}
	s.row(wrap(fmt.Sprintf("%d × %s", len(rows), budget), labelWidth), wrap(why, width))
	for _, r := range rows {
		s.row(nil, []string{s.t.palette.dim(clip("· "+r.Operation+" "+s.title(r.Run), width))})
	}
}
