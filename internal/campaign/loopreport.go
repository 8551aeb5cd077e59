package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// loopReport is the outcome of a campaign of loops.
type loopReport struct {
	plan loopPlan
	took time.Duration
	loopSums
	kills      int // workers that were killed, whether they had a loop or not
	recoveries []recovery
	breaches   breaches
}

// judge compares what all have to say.
func (k *killer) judge(e *evidence, took time.Duration) *loopReport {
	r := &loopReport{plan: k.loops, took: took, kills: len(e.deaths), recoveries: e.recoveries()}
	e.checkStore(&r.breaches)
	r.loopSums = e.checkLoops(&r.breaches, k.loops.Kind, k.turns)
	if want := len(k.courses); r.started != want {
		r.breaches.add(lostTask, "%d loops were added, and %d are there", want, r.started)
	}
	if r.twice > r.between+r.stalled {
		r.breaches.add(paidAgain, "%d answers were paid twice, and %d kills fell between a call and its answer", r.twice, r.between+r.stalled)
	}
	for _, x := range r.recoveries {
		if x.Took > k.Lease+k.Slack {
			r.breaches.add(late, "%s ran again %v after %s was killed", x.Task.ID, x.Took.Round(time.Millisecond), x.Worker)
		}
	}
	return r
}

// verdict returns an error unless the promise was kept.
func (r *loopReport) verdict() error {
	var errs []error
	for i, b := range r.breaches {
		if i == 20 {
			errs = append(errs, fmt.Errorf("and more: %d in all", len(r.breaches)))
			break
		}
		errs = append(errs, fmt.Errorf("%s: %s", b.What, b.How))
	}
	return errors.Join(errs...)
}

// markdown writes the figures as a table.
func (r *loopReport) markdown(out io.Writer) error {
	var b strings.Builder
	row := func(what string, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", what, fmt.Sprintf(format, args...))
	}
	p := r.plan
	fmt.Fprintf(&b, "| loops of %d calls, kind %s | %s; seed %d, %v |\n|---|---|\n", p.Turns, p.Kind, p.Store, p.Seed, r.took.Round(time.Second))
	row("loops started / finished", "%d / %d", r.started, r.finished)
	row("kills that hit a loop", "%d, each loop %d times at most; %d workers killed in all", r.hits, p.Each, r.kills)
	row("of these between a call that was sent and its answer that was stored", "%d", r.between)
	row("calls sent / answers stored", "%d / %d", r.sent, r.stored)
	row("**answers paid twice**", "%d, %d recorded as unknown", r.twice, r.unknown)
	if r.stalled > 0 {
		row("attempts that lost their lease without a kill", "%d", r.stalled)
	}
	for _, what := range []string{lostTask, lostWrite, unfinished, twoOutcomes, wrongResult, paidAgain, unrecorded, leaked, miscounted, late} {
		row("**"+what+"**", "%d", r.breaches.count(what))
	}
	if n := len(r.recoveries); n > 0 {
		row("from a kill to the next start, median / longest", "%.2f s / %.2f s; the lease is %v", r.recoveries[n/2].Took.Seconds(), r.recoveries[n-1].Took.Seconds(), p.Lease)
	}
	if n := len(r.replays); n > 0 {
		slices.Sort(r.replays)
		row("from the next start to the next new call, median / longest", "%d ms / %d ms", r.replays[n/2].Milliseconds(), r.replays[n-1].Milliseconds())
	}
	_, err := io.WriteString(out, b.String())
	return err
}
