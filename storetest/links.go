package storetest

import (
	"fmt"

	"github.com/pawlhq/pawl"
)

// branch makes a new task the first of one of a task's branches. Its operation is the
// branch's key, so that a case can claim it by that.
func branch(of *pawl.TaskRow, key string) change {
	return func(n *pawl.NewTask) {
		n.Row.ID, n.Row.Run, n.Row.Operation = pawl.ChildID(of.ID, key), of.Run, key
		n.Row.Links = &pawl.Links{Parent: of.ID, Key: key}
	}
}

// behind makes a new task the one that follows another in its line.
func behind(r *pawl.TaskRow) change {
	return func(n *pawl.NewTask) {
		n.Row.ID, n.Row.Run, n.Row.Operation = pawl.FollowID(r.ID), r.Run, r.Operation
		if !r.Parent().IsZero() {
			n.Row.Links = &pawl.Links{Parent: r.Parent(), Key: r.Links.Key, Caught: r.Caught()}
		}
	}
}

// caught makes the failure of a new task the business of one above it.
func caught(n *pawl.NewTask) {
	links := pawl.Links{}
	if n.Row.Links != nil {
		links = *n.Row.Links
	}
	links.Caught = true
	n.Row.Links = &links
}

// inLine has a new task wait for its turn among its parent's branches.
func inLine(n *pawl.NewTask) { n.InLine = true }

// kept adds a task as the copy of one that has succeeded.
func kept(n *pawl.NewTask) {
	n.Kept, n.Duplicates = true, pawl.Keep
	n.Row.State, n.Row.Output = pawl.Succeeded, []byte(`"copied"`)
}

// branches returns new tasks that are the first of a task's branches, one for each key.
func branches(of *pawl.TaskRow, keys ...string) []pawl.NewTask {
	tasks := make([]pawl.NewTask, len(keys))
	for i, key := range keys {
		tasks[i] = task(branch(of, key))
	}
	return tasks
}

// numbered returns the keys of n branches.
func numbered(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprint("b", i)
	}
	return keys
}

// parked is the end of an attempt that waits for branches, which are added with it.
func parked(r *pawl.TaskRow, tasks []pawl.NewTask, with ...func(*pawl.Finish)) pawl.Finish {
	f := outcome(r, pawl.Blocked)
	f.Follow, f.Park = tasks, &pawl.Park{}
	for i := range tasks {
		f.Park.Branches = append(f.Park.Branches, tasks[i].Row.ID)
	}
	for _, w := range with {
		w(&f)
	}
	return f
}

// all says that every branch must succeed.
func all(f *pawl.Finish) { f.Park.All = true }

// atOnce says how many branches may be under way at a time.
func atOnce(n int) func(*pawl.Finish) {
	return func(f *pawl.Finish) {
		f.Park.AtOnce, f.Park.Prefix = n, "b"
		for i := range f.Follow {
			f.Follow[i].InLine = true
		}
	}
}

// alone has what is waited for be there already.
func alone(f *pawl.Finish) { f.Follow = nil }

// park ends an attempt that waits for branches, which must be accepted.
func (t *trial) park(r *pawl.TaskRow, tasks []pawl.NewTask, with ...func(*pawl.Finish)) {
	t.Helper()
	t.must("Finish", t.finishAs(parked(r, tasks, with...)))
}

// parent adds a task of operation parent, claims it, and has it wait for branches of
// these keys.
func (t *trial) parent(keys []string, with ...func(*pawl.Finish)) *pawl.TaskRow {
	t.Helper()
	t.put(operation("parent"))
	r := t.begin("parent")
	t.park(r, branches(r, keys...), with...)
	return r
}

// begin claims the one task of an operation that there is to claim.
func (t *trial) begin(operation string) *pawl.TaskRow {
	t.Helper()
	a := ask(2)
	a.Operations = []string{operation}
	c := t.claimAs(a)
	if len(c.Tasks) != 1 {
		t.Fatalf("Claim of %s gave %d tasks; want 1", operation, len(c.Tasks))
	}
	return c.Tasks[0]
}

// idle checks that there is no task of an operation to claim.
func (t *trial) idle(operation string) {
	t.Helper()
	a := ask(1)
	a.Operations = []string{operation}
	if c := t.claimAs(a); len(c.Tasks) != 0 {
		t.Errorf("Claim of %s gave %s; want nothing", operation, c.Tasks[0].ID)
	}
}

// end claims the one task of an operation and ends it, and returns it as it was claimed.
func (t *trial) end(operation string, to pawl.State, with ...func(*pawl.Finish)) *pawl.TaskRow {
	t.Helper()
	r := t.begin(operation)
	t.finish(r, to, with...)
	return r
}

// waits checks that a task is blocked by so many branches.
func (t *trial) waits(id pawl.ID, branches int) {
	t.Helper()
	r := t.row(id)
	if r.State != pawl.Blocked || r.Links == nil || r.Links.Wait == nil {
		t.Errorf("%s is %s with the links %+v; want it blocked by %d branches", r.Operation, r.State, r.Links, branches)
		return
	}
	is(t, "branches that "+r.Operation+" waits for", r.Links.Wait.Branches, branches)
	t.idle(r.Operation)
	t.sane(id)
}

// resumes checks that a task that was blocked goes on: it is there to be claimed,
// once. It returns the task as it is claimed.
func (t *trial) resumes(id pawl.ID) *pawl.TaskRow {
	t.Helper()
	before := t.row(id)
	if before.State != pawl.Pending || before.Links != nil && before.Links.Wait != nil {
		t.Fatalf("%s is %s with the links %+v; want it pending and to wait for nothing", before.Operation, before.State, before.Links)
	}
	t.sane(id)
	r := t.begin(before.Operation)
	is(t, "ID", r.ID, id)
	is(t, "Attempt", r.Attempt, before.Attempt+1)
	return r
}

// awaited checks whether a task's parent is blocked until its branch ends.
func (t *trial) awaited(id pawl.ID, want bool) {
	t.Helper()
	r := t.row(id)
	is(t, "whether "+r.Operation+" is awaited", r.Awaited(), want)
}

// sane checks that a row does not contradict its state.
func (t *trial) sane(id pawl.ID) {
	t.Helper()
	if r := t.row(id); insane(r) != "" {
		t.Errorf("%s is %s: %s", r.Operation, r.State, insane(r))
	}
}
