package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// start is when each case begins.
var start = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

// lease is that of the claims that say nothing else.
const lease = 10 * time.Second

// trial is one case at work: its store, and what time it is. Its methods fail
// the case if the store returns an error.
type trial struct {
	*testing.T
	store pawl.Store
	ctx   context.Context
	now   time.Time
}

func newTrial(t *testing.T, s pawl.Store) *trial {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return &trial{T: t, store: s, ctx: t.Context(), now: start}
}

// must fails the case if a store's call failed.
func (t *trial) must(what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// pass lets time pass.
func (t *trial) pass(d time.Duration) { t.now = t.now.Add(d) }

// tick has the store do what is due by now: it claims what nobody added. Stores
// need to do that in Claim only, so a case ticks before it looks.
func (t *trial) tick() pawl.Claimed {
	t.Helper()
	c := t.claimAs(pawl.Claim{Worker: "clock", Operations: []string{"nothing"}, Max: 1, Lease: lease})
	if len(c.Tasks) > 0 {
		t.Fatalf("Claim of an operation without tasks gave %d", len(c.Tasks))
	}
	return c
}

func (t *trial) add(tasks ...pawl.NewTask) []pawl.Added {
	t.Helper()
	added, err := t.store.Add(t.ctx, t.now, tasks)
	t.must("Add", err)
	if len(added) != len(tasks) {
		t.Fatalf("Add of %d tasks gave %d answers", len(tasks), len(added))
	}
	return added
}

// put adds one new task.
func (t *trial) put(with ...change) pawl.ID {
	t.Helper()
	n := task(with...)
	if a := t.add(n)[0]; a.As != pawl.AsNew || a.ID != n.Row.ID {
		t.Fatalf("Add = %+v; want %s, new", a, n.Row.ID)
	}
	return n.Row.ID
}

// putMany adds n new tasks in one call.
func (t *trial) putMany(n int, with ...change) []pawl.ID {
	t.Helper()
	tasks, ids := make([]pawl.NewTask, n), make([]pawl.ID, n)
	for i := range tasks {
		tasks[i] = task(with...)
		ids[i] = tasks[i].Row.ID
	}
	t.add(tasks...)
	return ids
}

// ask is the claim that cases make unless they say more.
func ask(most int) pawl.Claim {
	return pawl.Claim{Worker: "w1", Operations: []string{"work"}, Max: most, Lease: lease}
}

func (t *trial) claimAs(c pawl.Claim) pawl.Claimed {
	t.Helper()
	claimed, err := t.store.Claim(t.ctx, t.now, c)
	t.must("Claim", err)
	if len(claimed.Tasks) > c.Max {
		t.Fatalf("Claim of %d gave %d tasks", c.Max, len(claimed.Tasks))
	}
	return claimed
}

func (t *trial) claim(most int) pawl.Claimed {
	t.Helper()
	return t.claimAs(ask(most))
}

// take claims one task, which must be there.
func (t *trial) take() *pawl.TaskRow {
	t.Helper()
	c := t.claim(1)
	if len(c.Tasks) != 1 {
		t.Fatalf("Claim gave no task; want one")
	}
	return c.Tasks[0]
}

// none checks that there is nothing to claim, and returns when there will be.
func (t *trial) none() time.Time {
	t.Helper()
	c := t.claim(1)
	if len(c.Tasks) != 0 {
		t.Fatalf("Claim gave %s; want nothing", c.Tasks[0].ID)
	}
	return c.Next
}

// took checks which tasks a claim gives, in order.
func (t *trial) took(c pawl.Claimed, want ...pawl.ID) {
	t.Helper()
	if got := ids(c.Tasks); !slices.Equal(got, want) {
		t.Errorf("Claim gave\n%v; want\n%v", got, want)
	}
}

// finishAs records an outcome and returns the store's answer to it.
func (t *trial) finishAs(f pawl.Finish) error {
	t.Helper()
	errs, err := t.store.Finish(t.ctx, t.now, []pawl.Finish{f})
	t.must("Finish", err)
	return errs[0]
}

// finish records that an attempt ended so, which must be accepted.
func (t *trial) finish(r *pawl.TaskRow, to pawl.State, with ...func(*pawl.Finish)) {
	t.Helper()
	f := outcome(r, to)
	for _, w := range with {
		w(&f)
	}
	t.must("Finish", t.finishAs(f))
}

// outcome is an attempt's plain end in a state.
func outcome(r *pawl.TaskRow, to pawl.State) pawl.Finish {
	f := pawl.Finish{Lease: r.Lease(), To: to, Attempt: pawl.Attempt{Used: true}}
	switch to {
	case pawl.Succeeded:
		f.Output = []byte(`"done"`)
	case pawl.Dead:
		f.Attempt.Class, f.Attempt.Message, f.Fingerprint = "permanent", "no good", "f1"
	case pawl.Scheduled:
		f.Attempt.Class, f.Attempt.Message, f.Delay = "transient", "try again", time.Minute
	case pawl.Pending:
		f.Attempt.Class, f.Attempt.Message, f.Attempt.Used = "throttled", "slow down", false
	case pawl.Cancelled:
		f.Attempt.Class, f.Attempt.Message = pawl.Stopped, "stopped"
	case pawl.Blocked:
		f.Attempt.Class, f.Attempt.Used = pawl.Parked, false
	}
	return f
}

func (t *trial) saveAs(v pawl.Save) error {
	t.Helper()
	errs, err := t.store.Save(t.ctx, t.now, []pawl.Save{v})
	t.must("Save", err)
	return errs[0]
}

func (t *trial) beat(r *pawl.TaskRow) pawl.Beat {
	t.Helper()
	beats, err := t.store.Beat(t.ctx, t.now, lease, []pawl.Lease{r.Lease()})
	t.must("Beat", err)
	return beats[0]
}

// patience is that of the calls that say nothing else.
const patience = time.Minute

// reserve asks for a call of a task's own limit.
func (t *trial) reserve(r *pawl.TaskRow, key string, tokens int) pawl.Grant {
	t.Helper()
	return t.reserveAs(pawl.Reservation{
		Lease: r.Lease(), Key: key, Limit: r.Limit, Size: limit.Size{Output: tokens}, Patience: patience,
	})
}

func (t *trial) reserveAs(r pawl.Reservation) pawl.Grant {
	t.Helper()
	grants, err := t.store.Reserve(t.ctx, t.now, []pawl.Reservation{r})
	t.must("Reserve", err)
	return grants[0]
}

// settle ends a call.
func (t *trial) settle(r *pawl.TaskRow, s pawl.Settlement) {
	t.Helper()
	t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Settle: &s}))
}

func (t *trial) configure(settings ...pawl.Setting) {
	t.Helper()
	t.must("Configure", t.store.Configure(t.ctx, t.now, settings))
}

// change is one call of Change; it returns what was changed.
func (t *trial) change(do pawl.ChangeKind, f pawl.Filter) []pawl.ID {
	t.Helper()
	return t.changeWith(pawl.Change{Do: do}, f)
}

func (t *trial) changeWith(c pawl.Change, f pawl.Filter) []pawl.ID {
	t.Helper()
	changed, err := t.store.Change(t.ctx, t.now, f, c)
	t.must("Change", err)
	return changed
}

func (t *trial) list(f pawl.Filter) []*pawl.TaskRow {
	t.Helper()
	rows, err := t.store.List(t.ctx, t.now, f)
	t.must("List", err)
	return rows
}

// row returns a task with its steps.
func (t *trial) row(id pawl.ID) *pawl.TaskRow {
	t.Helper()
	rows := t.list(pawl.Filter{IDs: []pawl.ID{id}, Steps: true})
	if len(rows) != 1 {
		t.Fatalf("List of %s gave %d rows", id, len(rows))
	}
	return rows[0]
}

// in checks a task's state.
func (t *trial) in(id pawl.ID, want pawl.State) {
	t.Helper()
	if got := t.row(id).State; got != want {
		t.Errorf("State = %s; want %s", got, want)
	}
}

// lost checks that an answer is ErrLeaseLost.
func (t *trial) lost(what string, err error) {
	t.Helper()
	if !errors.Is(err, pawl.ErrLeaseLost) {
		t.Errorf("%s = %v; want ErrLeaseLost", what, err)
	}
}

// is checks that two values are equal.
func is[V comparable](t *trial, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v; want %v", what, got, want)
	}
}

// isTime checks that two times are the same instant, to the microsecond that
// stores keep.
func isTime(t *trial, what string, got, want time.Time) {
	t.Helper()
	if got.IsZero() != want.IsZero() || got.Sub(want).Abs() > time.Microsecond {
		t.Errorf("%s = %v; want %v", what, got, want)
	}
}

func ids(rows []*pawl.TaskRow) []pawl.ID {
	found := make([]pawl.ID, len(rows))
	for i, r := range rows {
		found[i] = r.ID
	}
	return found
}
