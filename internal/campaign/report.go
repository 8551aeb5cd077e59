package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

// report is the outcome of a campaign.
type report struct {
	plan       plan
	took       time.Duration
	tasks      map[pawl.State]int
	poisoned   int // of the dead: too many workers died on them
	lost       int // attempts whose worker died or lost its lease
	counts     counts
	unknown    int // calls that are recorded as possibly billed
	billed     int
	stored     int
	recoveries []recovery
	breaches   breaches

	serverEnded bool  // by itself, for lack of room
	lastError   error // of Add, while there was no room or no server
}

func (e *evidence) report(p plan, took time.Duration) *report {
	r := &report{plan: p, took: took, tasks: map[pawl.State]int{}, counts: e.counts, recoveries: e.recoveries(), breaches: e.check()}
	for _, row := range e.rows {
		r.tasks[row.State]++
		if row.LastAttempt().Class == pawl.Poisoned {
			r.poisoned++
		}
		for _, a := range row.Attempts {
			r.unknown += a.Unknown
			if a.Class == pawl.Lost {
				r.lost++
			}
		}
		for _, s := range row.Steps {
			if s.Call {
				r.stored++
			}
		}
	}
	for _, b := range e.bills {
		r.billed += b.Billed
	}
	if p.ServerKills > 0 || p.Disk.Room > 0 || p.Audit {
		return r // the time without a store, or without an account, is part of them
	}
	for _, x := range r.recoveries {
		if x.Took > p.Lease+p.Slack {
			r.breaches.add(late, "%s (%s) ran again %v after %s was killed; its lease was seen to end after %v",
				x.Task.ID, x.Task.Priority, x.Took.Round(time.Millisecond), x.Worker, x.Missed.Round(time.Millisecond))
		}
	}
	return r
}

// verdict returns an error unless the promise was kept. Where the last moment may
// be lost, what is left must still be consistent, and all of it must end.
func (r *report) verdict() error {
	var errs []error
	for _, b := range r.breaches {
		if r.plan.lossy() && b.What != unfinished && b.What != leaked && b.What != miscounted {
			continue
		}
		if len(errs) == 20 {
			errs = append(errs, fmt.Errorf("and more: %d in all", len(r.breaches)))
			break
		}
		errs = append(errs, fmt.Errorf("%s: %s", b.What, b.How))
	}
	return errors.Join(errs...)
}

// markdown writes the figures as a table.
func (r *report) markdown(out io.Writer) error {
	var b strings.Builder
	row := func(what string, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", what, fmt.Sprintf(format, args...))
	}
	all := 0
	for _, n := range r.tasks {
		all += n
	}
	fmt.Fprintf(&b, "| %s | %s; seed %d, %v |\n|---|---|\n", r.plan.Store, r.trouble(), r.plan.Seed, r.took.Round(time.Second))
	row("tasks", "%d: %d succeeded, %d dead, %d of these poisoned", all, r.tasks[pawl.Succeeded], r.tasks[pawl.Dead], r.poisoned)
	row("acknowledged `Add`", "%d; %d joined; %d calls failed and were repeated", r.counts.Adds, r.counts.Joined, r.counts.FailedAdds)
	row("attempts lost with their worker", "%d", r.lost)
	row("calls", "%d sent, %d billed, %d answers stored, %d recorded as unknown", r.counts.Requests, r.billed, r.stored, r.unknown)
	row("answers paid twice, each within a recorded unknown", "%d", r.counts.PaidTwice)
	for _, what := range []string{lostTask, lostWrite, unfinished, twoOutcomes, wrongResult, paidAgain, leaked, miscounted, late} {
		row("**"+what+"**", "%d", r.breaches.count(what))
	}
	if n := len(r.recoveries); n > 0 {
		missed := time.Duration(0)
		for _, x := range r.recoveries {
			missed = max(missed, x.Missed)
		}
		row("from a kill until its tasks could run again, longest", "%.2f s", missed.Seconds())
		row("from a kill to the next start, median / longest", "%.2f s / %.2f s of %d; the lease is %v",
			r.recoveries[n/2].Took.Seconds(), r.recoveries[n-1].Took.Seconds(), n, r.plan.Lease)
	}
	if r.lastError != nil {
		row("last error of `Add`", "%s", strings.ReplaceAll(r.lastError.Error(), "|", "\\|"))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// trouble says what was done to the store and the workers.
func (r *report) trouble() string {
	p := r.plan
	if p.Disk.Room == 0 {
		return fmt.Sprintf("%d workers killed, %d servers", p.Kills, p.ServerKills)
	}
	s := fmt.Sprintf("a disk of %d MiB full for %v", p.Disk.Room, p.Disk.Full)
	if r.serverEnded {
		s += ", for which the server ended, and was started again"
	}
	return s
}
