package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

// patient is a store that is examined.
type patient struct {
	store  pawl.Store
	client *pawl.Client
	now    time.Time // by the store's clock, as far as it is known
}

// doctorName is the queue and the operation of the task that tries a store.
const doctorName = "pawl-doctor"

var trial = pawl.Operation[string, string]{Name: doctorName, Queue: doctorName, Limit: pawl.NoLimit, Duplicates: pawl.Keep}

const (
	eventMost = 2 * time.Second // how long an event may take
	skewMost  = 2 * time.Second // how far clocks may be apart without a warning
	lateMost  = 5 * time.Second // how long ago a lease may have ended
	lookMost  = 1000            // tasks that one look reads
)

// writes stores a task that is due in an hour, reads it back and removes it.
func (p *patient) writes(ctx context.Context) (found []pawl.Finding, err error) {
	watched, stop := context.WithTimeout(ctx, eventMost)
	defer stop()
	events := p.client.Events(watched, pawl.EventAdded)

	input := "tried at " + time.Now().Format(time.RFC3339Nano)
	began := time.Now()
	run, err := trial.Add(ctx, p.client, input, pawl.Delay(time.Hour))
	took := time.Since(began)
	if err != nil {
		return []pawl.Finding{wrong("write", err, "the store does not take tasks; look at its own log, its disk and its permissions")}, nil
	}
	defer func() { err = errors.Join(err, p.remove(context.WithoutCancel(ctx), run.ID)) }()
	row, err := p.client.Get(ctx, run.ID)
	if err != nil {
		return []pawl.Finding{wrong("write", err, "a task that was stored a moment ago cannot be read: is this a replica that lags?")}, nil
	}
	if want := fmt.Sprintf("%q", input); string(row.Input) != want {
		err := fmt.Errorf("a task was stored with the input %s and read back with %s", want, row.Input)
		return []pawl.Finding{wrong("write", err, "the store changes what it keeps: do not use it")}, nil
	}
	p.now = row.Added.Add(time.Since(began.Add(took / 2)))
	found = append(found, fine("write", "a task was stored in "+span(took)+", and read back as it was"))
	found = append(found, clock(row.Added.Sub(began.Add(took/2)), took))
	return append(found, arrival(events, run.ID, began)), nil
}

func (p *patient) remove(ctx context.Context, id pawl.ID) error {
	only := pawl.Filter{IDs: []pawl.ID{id}}
	if _, err := p.client.Cancel(ctx, only); err != nil {
		return err
	}
	_, err := p.client.Delete(ctx, only)
	return err
}

// clock judges how far the store's clock is ahead of this machine's, known to half
// of what the call took.
func clock(ahead, took time.Duration) pawl.Finding {
	by := fmt.Sprintf("%s, give or take %s", span(ahead.Abs()), span(took/2))
	if ahead.Abs() <= skewMost+took/2 {
		return fine("clock", "the store's clock and this machine's differ by "+by)
	}
	side := "ahead of"
	if ahead < 0 {
		side = "behind"
	}
	return odd("clock", fmt.Sprintf("the store's clock is %s this machine's by %s", side, by),
		"set both by NTP; the queue goes by the store's clock, so that only ages and times that are shown here are wrong")
}

// arrival waits for the event that a task was added.
func arrival(events func(func(pawl.Event, error) bool), id pawl.ID, began time.Time) pawl.Finding {
	for e, err := range events {
		if err != nil && !errors.Is(err, pawl.ErrMissed) {
			return wrong("events", err, "workers learn of tasks by polling only; look at the store's log")
		}
		if e.Task == id {
			return fine("events", "what happens in the store was told within "+span(time.Since(began)))
		}
	}
	return odd("events", fmt.Sprintf("an event did not arrive within %v", eventMost),
		"tasks start, and waits end, only when they are looked for; is there a proxy that keeps notifications back?")
}

// leases looks for tasks whose workers have died and that nobody takes over.
func (p *patient) leases(ctx context.Context) ([]pawl.Finding, error) {
	running, err := p.client.List(ctx, pawl.Filter{States: []pawl.State{pawl.Running}, Max: lookMost, Bare: true})
	if err != nil {
		return nil, err
	}
	late := 0
	var oldest *pawl.TaskRow
	for _, r := range running {
		if p.now.Sub(r.LeaseUntil) > lateMost {
			late++
			if oldest == nil || r.LeaseUntil.Before(oldest.LeaseUntil) {
				oldest = r
			}
		}
	}
	if late == 0 {
		return []pawl.Finding{fine("leases", counted(len(running), "task")+" under a lease that holds")}, nil
	}
	return []pawl.Finding{odd("leases",
		fmt.Sprintf("%s under a lease that has ended, the first %s ago: %s, worker %s", counted(late, "task"), span(p.now.Sub(oldest.LeaseUntil)), oldest.ID, oldest.Worker),
		"their workers have died, and no worker asks for tasks; start one, and they run again")}, nil
}

// counted is how many things there are of those that a look has read.
func counted(n int, one string) string {
	if n >= lookMost {
		return thousands(n) + " " + one + "s or more"
	}
	return plural(n, one)
}

// waits looks for tasks that no worker has a handler for.
func (p *patient) waits(ctx context.Context) ([]pawl.Finding, error) {
	waiting, err := p.client.List(ctx, pawl.Filter{States: []pawl.State{pawl.Pending}, Max: lookMost})
	if err != nil {
		return nil, err
	}
	status, err := p.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	type kind struct{ operation, queue string }
	stuck := map[kind][]*pawl.TaskRow{}
	for _, r := range waiting {
		handles := func(w pawl.WorkerStatus) bool { return w.Handles(r.Operation, r.Queue) }
		if !slices.ContainsFunc(status.Workers, handles) {
			k := kind{r.Operation, r.Queue}
			stuck[k] = append(stuck[k], r)
		}
	}
	if len(stuck) == 0 {
		return []pawl.Finding{fine("workers", plural(len(status.Workers), "worker")+" alive, and no task waits for an operation that none handles")}, nil
	}
	var found []pawl.Finding
	for k, rows := range stuck {
		found = append(found, odd("operation "+k.operation,
			fmt.Sprintf("%s of queue %s waiting for up to %s, and of %s alive none handles them",
				counted(len(rows), "task"), k.queue, span(p.now.Sub(rows[0].Added)), plural(len(status.Workers), "worker")),
			"start a worker with a handler for this operation, and see that it works on queue "+k.queue))
	}
	slices.SortFunc(found, func(a, b pawl.Finding) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Remedy, b.Remedy))
	})
	return found, nil
}

// stops looks for queues and limits that are closed.
func (p *patient) stops(ctx context.Context) ([]pawl.Finding, error) {
	status, err := p.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	var found []pawl.Finding
	for _, q := range status.Queues {
		if q.Paused {
			found = append(found, odd("queue "+q.Name, fmt.Sprintf("it is paused, with %s waiting", plural(q.Counts[pawl.Pending], "task")), "pawl queues resume "+q.Name))
		}
	}
	for _, l := range limitViews(status, p.now) {
		found = append(found, l.stop(p.now)...)
	}
	if len(found) == 0 {
		found = append(found, fine("stops", "no queue is paused, and no limit held"))
	}
	return found, nil
}

// stop says what stops a limit, other than that it is used up.
func (v limitView) stop(now time.Time) []pawl.Finding {
	what := "limit " + v.Name
	switch {
	case v.Hold != nil && v.Hold.Until.IsZero():
		return []pawl.Finding{odd(what, "it is held "+v.Hold.sentence(now), "mend what the reason names, then pawl limits resume "+v.Name)}
	case v.Hold != nil:
		return []pawl.Finding{odd(what, "it is held "+v.Hold.sentence(now),
			"mend what the reason names; it is tried again by itself then, or at once by pawl limits resume "+v.Name)}
	case v.Gate.word() == "paused":
		return []pawl.Finding{odd(what, "the provider throttles: it is paused "+v.Gate.sentence(now), "wait; if it comes back often, lower the limit")}
	case v.Gate.word() == "unreachable":
		return []pawl.Finding{odd(what, "the provider cannot be reached: it is paused "+v.Gate.sentence(now),
			"see that the workers' network and the provider's address are right; one call tries it again by itself then")}
	}
	return nil
}

// dead counts the dead letters by their causes.
func (p *patient) dead(ctx context.Context) ([]pawl.Finding, error) {
	groups, err := p.client.Groups(ctx, pawl.Filter{States: []pawl.State{pawl.Dead}})
	if err != nil || len(groups) == 0 {
		return []pawl.Finding{fine("dead letters", "there are none")}, err
	}
	n := 0
	for _, g := range groups {
		n += g.Count
	}
	first := groups[0]
	cause := strings.TrimSuffix(firstLine(brief(first.Message, first.Class)), ".")
	return []pawl.Finding{odd("dead letters",
		fmt.Sprintf("%s of %s, most often (%s) %s: %s", plural(n, "dead letter"), plural(len(groups), "cause"), thousands(first.Count), first.Class, cause),
		"pawl dead groups; once the cause is mended, pawl dead retry --group "+first.Fingerprint)}, nil
}
