package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// alike is what counts as equal: stores keep microseconds, what a limit computes
// may differ in the last digits, and nothing is an empty list.
var alike = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.EquateApprox(1e-6, 1e-6),
	cmp.Comparer(func(a, b time.Time) bool {
		return a.IsZero() == b.IsZero() && a.Sub(b).Abs() <= time.Microsecond
	}),
	cmp.Comparer(func(a, b time.Duration) bool { return (a - b).Abs() <= 2*time.Microsecond }),
	cmp.Transformer("ID", pawl.ID.String),
	cmp.Transformer("Hash", pawl.Hash.String),
	cmp.Comparer(func(a, b llm.Message) bool { return string(a.JSON()) == string(b.JSON()) }),
}

func (p *pair) equal(what string, got, want any) {
	if reflect.DeepEqual(want, got) {
		return // sooner said
	}
	if diff := cmp.Diff(want, got, alike); diff != "" {
		panic(difference{text: fmt.Sprintf("%s (-inmem +store):\n%s", what, diff)})
	}
}

// kind is what of an error a caller can tell.
func kind(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, pawl.ErrLeaseLost):
		return "lease lost"
	case errors.Is(err, pawl.ErrNotFound):
		return "not found"
	case errors.Is(err, pawl.ErrNoBudget):
		return "no such budget"
	case errors.Is(err, pawl.ErrClosed):
		return "closed"
	}
	return "an error"
}

func kinds(errs []error) []string {
	all := make([]string, len(errs))
	for i, err := range errs {
		all[i] = kind(err)
	}
	return all
}

// withoutSeq returns rows without the numbers that a store gives them. Which of two
// is lower is seen by the order of claims.
func withoutSeq(rows []*pawl.TaskRow) []pawl.TaskRow {
	all := make([]pawl.TaskRow, len(rows))
	for i, r := range rows {
		all[i] = *r
		all[i].Seq = 0
	}
	return all
}

// bySeq returns the ids of rows in the order in which they were added.
func bySeq(rows []*pawl.TaskRow) []pawl.ID {
	sorted := slices.SortedFunc(slices.Values(rows), func(a, b *pawl.TaskRow) int { return int(a.Seq - b.Seq) })
	return ids(sorted)
}

type claimedView struct {
	Tasks []pawl.TaskRow
	Now   time.Time
}

type grantView struct {
	Err  string
	OK   bool
	Wait time.Duration
	Gate limit.Gate
	Stop *pawl.Stop
	Warn string
}

func viewGrants(grants []pawl.Grant) []grantView {
	all := make([]grantView, len(grants))
	for i, g := range grants {
		all[i] = grantView{kind(g.Err), g.OK, g.Wait, g.Gate, g.Stop, g.Warn}
	}
	return all
}

type statusView struct {
	Queues  []pawl.QueueStatus
	Limits  []limitView
	Budgets []pawl.BudgetStatus
	Workers []pawl.WorkerStatus
}

type limitView struct {
	Name   string
	Config limit.Config
	Levels []limit.Level
	State  limit.State // of its buckets only what levels do not tell
	Fits   map[string]limit.Fit
	Users  int
}

// viewStatus leaves out the queues and limits of which there is nothing to say: a
// store may know their names or not.
func viewStatus(now time.Time) func(pawl.Status) statusView {
	return func(s pawl.Status) (v statusView) {
		v.Budgets, v.Workers = s.Budgets, s.Workers
		for _, q := range s.Queues {
			if q.Paused || len(q.Counts) > 0 {
				v.Queues = append(v.Queues, q)
			}
		}
		for _, l := range s.Limits {
			if l.Config == (limit.Config{}) && l.State == (limit.State{}) {
				continue
			}
			one := limitView{l.Name, l.Config, l.State.Levels(now, l.Config), l.State, l.Fits, l.Users}
			for _, b := range []*limit.Bucket{
				&one.State.Requests, &one.State.Tokens, &one.State.Input, &one.State.Output,
				&one.State.RequestsDay, &one.State.TokensDay, &one.State.Money,
			} {
				*b = limit.Bucket{Limit: b.Limit, Pace: b.Pace, Goal: b.Goal, Saving: b.Saving}
			}
			v.Limits = append(v.Limits, one)
		}
		return v
	}
}

// viewEvents returns what happened to each task, in order. In which order it
// happened to different ones is the store's.
func viewEvents(events []pawl.Event) map[string][]pawl.Event {
	all := map[string][]pawl.Event{}
	for _, e := range events {
		id := strings.ToLower(e.Task.String())
		all[id] = append(all[id], e)
	}
	return all
}
