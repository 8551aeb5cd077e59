package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
)

// move is a change of a task's state.
type move struct{ from, to pawl.State }

// moves bring about each change of state of a task that is in its first state.
// A task that is to die while it waits has its deadline in an hour.
var moves = map[move]func(*trial, pawl.ID){
	{"", pawl.Scheduled}:             func(*trial, pawl.ID) {},
	{"", pawl.Pending}:               func(*trial, pawl.ID) {},
	{"", pawl.Blocked}:               func(*trial, pawl.ID) {},
	{"", pawl.Succeeded}:             func(*trial, pawl.ID) {},
	{pawl.Blocked, pawl.Pending}:     func(t *trial, id pawl.ID) { t.signal(id, "go", "1") },
	{pawl.Blocked, pawl.Dead}:        func(t *trial, _ pawl.ID) { t.pass(time.Hour) },
	{pawl.Blocked, pawl.Cancelled}:   func(t *trial, id pawl.ID) { t.one(pawl.Cancel, id) },
	{pawl.Scheduled, pawl.Pending}:   func(t *trial, _ pawl.ID) { t.pass(2 * time.Hour) },
	{pawl.Scheduled, pawl.Dead}:      func(t *trial, _ pawl.ID) { t.pass(time.Hour) },
	{pawl.Scheduled, pawl.Cancelled}: func(t *trial, id pawl.ID) { t.one(pawl.Cancel, id) },
	{pawl.Pending, pawl.Running}:     func(t *trial, _ pawl.ID) { t.take() },
	{pawl.Pending, pawl.Dead}:        func(t *trial, _ pawl.ID) { t.pass(time.Hour) },
	{pawl.Pending, pawl.Cancelled}:   func(t *trial, id pawl.ID) { t.one(pawl.Cancel, id) },
	{pawl.Running, pawl.Succeeded}:   func(t *trial, id pawl.ID) { t.finish(t.row(id), pawl.Succeeded) },
	{pawl.Running, pawl.Blocked}:     func(t *trial, id pawl.ID) { t.await(t.row(id), "go", 0) },
	{pawl.Running, pawl.Scheduled}:   func(t *trial, id pawl.ID) { t.finish(t.row(id), pawl.Scheduled) },
	{pawl.Running, pawl.Pending}:     func(t *trial, id pawl.ID) { t.finish(t.row(id), pawl.Pending) },
	{pawl.Running, pawl.Dead}:        func(t *trial, id pawl.ID) { t.finish(t.row(id), pawl.Dead) },
	{pawl.Running, pawl.Cancelled}:   func(t *trial, id pawl.ID) { t.finish(t.row(id), pawl.Cancelled) },
	{pawl.Dead, pawl.Blocked}:        (*trial).queueUp,
	{pawl.Dead, pawl.Pending}:        func(t *trial, id pawl.ID) { t.one(pawl.Retry, id) },
	{pawl.Cancelled, pawl.Blocked}:   (*trial).queueUp,
	{pawl.Cancelled, pawl.Pending}:   func(t *trial, id pawl.ID) { t.one(pawl.Retry, id) },
}

// stateRules are a case for each legal change of state.
func stateRules() []rule {
	rules := []rule{}
	for _, change := range pawl.Transitions() {
		m := move{change.From, change.To}
		name := string(m.from) + " to " + string(m.to)
		if m.from == "" {
			name = "added as " + string(m.to)
		}
		rules = append(rules, rule{name, "the table of transitions says: " + change.Why, m.run})
	}
	return rules
}

func (m move) run(t *trial) {
	bring, ok := moves[m]
	if !ok {
		t.Fatalf("no case brings about %s to %s", m.from, m.to)
	}
	var id pawl.ID
	switch {
	case m == move{"", pawl.Scheduled}:
		id = t.put(delay(time.Hour))
	case m == move{"", pawl.Blocked}:
		id = t.put(inLine)
	case m == move{"", pawl.Succeeded}:
		id = t.put(kept)
	case m.from == "":
		id = t.put()
	case m.to == pawl.Blocked && m.from.Ended():
		id = t.reach(m.from, branch(t.row(t.reach(pawl.Dead)), "work"))
	case m.to == pawl.Dead && m.from != pawl.Running:
		id = t.reach(m.from, deadline(t.now.Add(time.Hour)))
	default:
		id = t.reach(m.from)
	}
	if m.from != "" {
		t.in(id, m.from)
	}
	bring(t, id)
	t.tick()
	t.in(id, m.to)
	if problem := insane(t.row(id)); problem != "" {
		t.Error(problem)
	}
}

// one changes one task, which must be possible.
func (t *trial) one(do pawl.ChangeKind, id pawl.ID) {
	t.Helper()
	if changed := t.change(do, pawl.Filter{IDs: []pawl.ID{id}}); len(changed) != 1 || changed[0] != id {
		t.Fatalf("Change %s = %v; want %s", do, changed, id)
	}
}

// queueUp retries a branch of a parent that has ended, to wait for its turn.
func (t *trial) queueUp(id pawl.ID) {
	t.Helper()
	retry := pawl.Change{Do: pawl.Retry, InLine: true}
	is(t, "changed", len(t.changeWith(retry, pawl.Filter{IDs: []pawl.ID{id}})), 1)
}

// reach adds a task and brings it into a state, in an otherwise idle store.
func (t *trial) reach(s pawl.State, with ...change) pawl.ID {
	t.Helper()
	if s == pawl.Scheduled {
		with = append(with, delay(2*time.Hour))
	}
	id := t.put(with...)
	switch s {
	case pawl.Running:
		t.take()
	case pawl.Blocked:
		t.await(t.take(), "go", 0)
	case pawl.Succeeded, pawl.Dead:
		t.finish(t.take(), s)
	case pawl.Cancelled:
		t.one(pawl.Cancel, id)
	}
	return id
}

// insane says what of a row contradicts its state, "" if nothing does.
func insane(r *pawl.TaskRow) string {
	s := r.State
	switch {
	case r.Due.IsZero() == (s == pawl.Scheduled) && s != pawl.Blocked:
		return "Due is set if and only if it is scheduled, or perhaps if it is blocked"
	case r.Links != nil && r.Links.Wait != nil && s != pawl.Blocked:
		return "Wait is set and it is not blocked"
	case r.LeaseUntil.IsZero() == (s == pawl.Running):
		return "LeaseUntil is set if and only if it runs"
	case r.Ended.IsZero() == s.Ended():
		return "Ended is set if and only if it has ended"
	case (r.Fingerprint == "") == (s == pawl.Dead):
		return "Fingerprint is set if and only if it is dead"
	case (r.Output == nil) == (s == pawl.Succeeded):
		return "Output is set if and only if it succeeded"
	case r.Cancelling && s != pawl.Running:
		return "Cancelling is set and it does not run"
	case s == pawl.Running && (r.Attempt == 0 || r.Worker == "" || r.Started.IsZero()):
		return "it runs without Attempt, Worker or Started"
	case r.Used > len(r.Attempts) && len(r.Attempts) < 50:
		return "it used more attempts than are recorded"
	case r.Added.IsZero() || r.Seq == 0:
		return "Added or Seq is not set"
	}
	return ""
}
