package main

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/campaign/worker"
)

// The ways in which the promise can be broken.
const (
	lostTask    = "accepted task lost"
	lostWrite   = "acknowledged step or outcome lost"
	unfinished  = "task not ended"
	twoOutcomes = "task with two outcomes"
	wrongResult = "wrong result"
	paidAgain   = "stored answer paid again"
	leaked      = "call in flight at the end"
	late        = "recovered too late"
	miscounted  = "queue miscounted"
)

// clockFormat shows times as parent.log and the workers' logs have them.
const clockFormat = "15:04:05.000"

// breach is one broken promise.
type breach struct{ What, How string }

// breaches collects them.
type breaches []breach

func (b *breaches) add(what, format string, args ...any) {
	*b = append(*b, breach{what, fmt.Sprintf(format, args...)})
}

// count returns how many there are of a kind.
func (b breaches) count(what string) (n int) {
	for _, x := range b {
		if x.What == what {
			n++
		}
	}
	return n
}

// check returns all that is wrong.
func (e *evidence) check() breaches {
	var b breaches
	e.checkAdded(&b)
	e.checkPayments(&b)
	e.checkStore(&b)
	return b
}

// checkStore looks at what does not depend on what the tasks are about.
func (e *evidence) checkStore(b *breaches) {
	e.checkEnds(b)
	e.checkAcks(b)
	e.checkCounts(b)
	for _, l := range e.limits {
		if l.State.InFlight != 0 {
			b.add(leaked, "limit %s has %d", l.Name, l.State.InFlight)
		}
	}
}

// checkAdded looks for each run that a user was promised, and at its result.
func (e *evidence) checkAdded(b *breaches) {
	runs := e.runs()
	for number, promises := range e.added {
		for _, p := range promises {
			if rows := runs[p.Run]; len(rows) == 0 {
				b.add(lostTask, "document %d, %s, acknowledged as %s by try %d at %s", number, p.Run, p.As, p.Try, p.At.Format(clockFormat))
			} else if err := checkRun(number, rows); err != nil {
				b.add(wrongResult, "%s: %v", p.Run, err)
			}
		}
	}
}

// checkRun compares the tasks of a run that has ended with what its document asks
// for.
func checkRun(number int, rows []*pawl.TaskRow) error {
	last := rows[len(rows)-1]
	n, err := numberIn(rows[0])
	if err != nil || n != number {
		return fmt.Errorf("it is about document %d, %v; want %d", n, err, number)
	}
	if last.State != pawl.Succeeded {
		return nil
	}
	if len(rows) < 2 {
		return fmt.Errorf("nothing follows its first task, which succeeded")
	}
	var in document
	var out summary
	if err := json.Unmarshal(rows[0].Input, &in); err != nil {
		return err
	}
	if err := json.Unmarshal(last.Output, &out); err != nil {
		return err
	}
	if in.Dies != 0 || out.Number != number || out.Answers != in.Reads+in.Writes || len(out.Stamps) != 2 {
		return fmt.Errorf("the result of %+v is %+v", in, out)
	}
	for i, r := range rows[:2] {
		if stored := stampOf(r); stored != out.Stamps[i] {
			return fmt.Errorf("the stored step of task %d says %q, and the result %q: it was done again", i+1, stored, out.Stamps[i])
		}
	}
	return nil
}

func stampOf(r *pawl.TaskRow) (stamp string) {
	for _, s := range r.Steps {
		if s.Name == stampStep && json.Unmarshal(s.Result, &stamp) == nil {
			return stamp
		}
	}
	return ""
}

// checkEnds looks for tasks that ended not at all, or more than once.
func (e *evidence) checkEnds(b *breaches) {
	for run, rows := range e.runs() {
		if len(rows) > 2 {
			b.add(twoOutcomes, "%s has %d tasks; want 2 at most", run, len(rows))
		}
	}
	for _, r := range e.rows {
		if !r.State.Ended() {
			b.add(unfinished, "%s is %s", r.ID, r.State)
		}
		if n := e.ended[r.ID]; n > 1 || n == 0 && e.gaps == 0 {
			b.add(twoOutcomes, "%s (%s) has %d events of its end; want one", r.ID, r.State, n)
		}
		seen := map[int]bool{}
		for i, a := range r.Attempts {
			if seen[a.Number] {
				b.add(twoOutcomes, "%s has two records of attempt %d", r.ID, a.Number)
			}
			seen[a.Number] = true
			if success := a.Class == ""; success != (r.State == pawl.Succeeded && i == len(r.Attempts)-1) {
				b.add(twoOutcomes, "%s is %s, and attempt %d of %d has class %q", r.ID, r.State, i+1, len(r.Attempts), a.Class)
			}
		}
	}
}

// checkAcks looks for what workers were told was stored.
func (e *evidence) checkAcks(b *breaches) {
	rows := map[pawl.ID]*pawl.TaskRow{}
	for _, r := range e.rows {
		rows[r.ID] = r
	}
	outcomes := map[pawl.ID]worker.Ack{}
	for _, a := range e.acks {
		r := rows[a.Task]
		switch {
		case r == nil:
			b.add(lostWrite, "%+v, and its task is gone", a)
		case a.Step != "" && !hasStep(r, a.Step):
			b.add(lostWrite, "%+v", a)
		case a.Step == "" && !hasAttempt(r, a.Attempt):
			b.add(lostWrite, "%+v", a)
		}
		if !a.To.Ended() {
			continue
		}
		if first, again := outcomes[a.Task]; again && first.Attempt != a.Attempt {
			b.add(twoOutcomes, "%+v was acknowledged, and %+v too", first, a)
		}
		outcomes[a.Task] = a
		if r != nil && hasAttempt(r, a.Attempt) && r.State != a.To {
			b.add(twoOutcomes, "%+v was acknowledged, and the task is %s", a, r.State)
		}
	}
}

// checkCounts compares what the store says of its queues with its tasks.
func (e *evidence) checkCounts(b *breaches) {
	have := map[string]map[pawl.State]int{}
	for _, r := range e.rows {
		if have[r.Queue] == nil {
			have[r.Queue] = map[pawl.State]int{}
		}
		have[r.Queue][r.State]++
	}
	for _, q := range e.queues {
		if !maps.Equal(q.Counts, have[q.Name]) {
			b.add(miscounted, "%s is said to have %v, and has %v", q.Name, q.Counts, have[q.Name])
		}
	}
}

func hasStep(r *pawl.TaskRow, key string) bool {
	for i := range r.Steps {
		if r.Steps[i].Key == key {
			return true
		}
	}
	return false
}

// hasAttempt reports whether the outcome of an attempt is that which its worker
// recorded.
func hasAttempt(r *pawl.TaskRow, number int) bool {
	return r.Recorded(pawl.Lease{Task: r.ID, Attempt: number})
}
