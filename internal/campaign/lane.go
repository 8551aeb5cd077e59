package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/campaign/loop"
)

// A lane is one worker process with a queue of its own, which has one loop in it
// at a time: who is killed is who works on that loop.
type lane struct {
	*killer
	queue  string
	crew   *crew // of one
	claims chan struct{}
}

// run works on loops until there are enough.
func (l *lane) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, l.crew.dismiss(time.Minute)) }()
	if err := l.crew.hire(); err != nil {
		return err
	}
	for {
		number, hits, err := l.begin()
		if err != nil || hits == 0 {
			return err
		}
		hit, err := l.work(ctx, number, hits)
		if err != nil {
			return fmt.Errorf("loop %d: %w", number, err)
		}
		l.missed(number, hits-hit)
	}
}

// work adds a loop, kills whoever works on it, and returns once it has ended, with
// how many kills hit it. A kill may miss: at the very end, or before it began.
func (l *lane) work(ctx context.Context, number, kills int) (hit int, err error) {
	r := l.random(documentStream + uint64(number))
	points := newPoints(r, l.loops.Turns, kills)
	reached := l.reach(number, points[0], true)
	run, err := loop.Operation.Add(ctx, l.client, loop.Loop{Number: number, Turns: l.loops.Turns}, pawl.Queue(l.queue))
	if err != nil {
		return 0, err
	}
	ended, stop := l.waitFor(ctx, run)
	defer stop()
	late := time.NewTimer(l.Patience)
	defer late.Stop()
	for i, p := range points {
		select {
		case <-reached:
			pause(ctx, p.after(l.turnTime(number)))
			if err := l.crew.kill(r); err != nil {
				return 0, err
			}
		case err := <-ended:
			return l.hits(ctx, run.ID, err)
		case err := <-l.crew.lost:
			return 0, err
		case <-late.C:
			return 0, fmt.Errorf("it has not come to %+v within %v", p, l.Patience)
		}
		if i+1 < len(points) {
			reached = l.reach(number, points[i+1], l.killed(number))
		}
		late.Reset(l.Patience)
	}
	select {
	case err := <-ended:
		return l.hits(ctx, run.ID, err)
	case err := <-l.crew.lost:
		return 0, err
	case <-late.C:
		return 0, fmt.Errorf("%s has not ended %v after the last kill", run.ID, l.Patience)
	}
}

// waitFor returns what a run's wait returns.
func (l *lane) waitFor(ctx context.Context, run *pawl.Run[loop.Report]) (<-chan error, func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		_, err := run.Wait(ctx)
		ended <- err
		close(ended)
	}()
	return ended, func() {
		cancel()
		for range ended {
		}
	}
}

// hits returns how many kills hit a loop that has ended. A loop that is a dead
// letter is judged with the others.
func (l *lane) hits(ctx context.Context, id pawl.ID, err error) (hit int, _ error) {
	if _, dead := errors.AsType[*pawl.DeadError](err); err != nil && !dead {
		return 0, err
	}
	row, err := l.client.Get(ctx, id)
	if err != nil {
		return 0, err
	}
	deaths := l.crew.deaths()
	for _, a := range row.Attempts {
		if killed(a, deaths) {
			hit++
		}
	}
	return hit, nil
}

// killed reports whether an attempt was lost because its worker was killed, and
// not because that stalled and lost its lease.
func killed(a pawl.Attempt, deaths map[string]time.Time) bool {
	died, ok := deaths[a.Worker]
	return ok && a.Class == pawl.Lost && a.Started.Before(died) && a.Ended.After(died)
}

// A point is where a worker is killed.
type point struct {
	Turn int     // the worker has begun this one, or a later one; 0 for when it is given the loop
	Part float64 // of a turn's time after that
}

// newPoints returns random points in their order, each in a turn of its own. One
// in five is near the beginning of an attempt instead: in the replay, for an
// attempt after the first.
func newPoints(r *rand.Rand, turns, kills int) []point {
	points := make([]point, kills)
	in := r.Perm(turns)[:kills]
	slices.Sort(in)
	for i, turn := range in {
		points[i] = point{Turn: turn + 1, Part: r.Float64()}
		if r.IntN(5) == 0 {
			points[i] = point{Part: 8 * points[i].Part}
		}
	}
	return points
}

func (p point) after(turn time.Duration) time.Duration { return time.Duration(p.Part * float64(turn)) }

// reach returns a channel that is closed, or ready, when a point's beginning is
// reached from now on.
//
// The queue takes a task for what kills its workers if three in a row get no
// further. So an attempt after one that got no further is let come to where it
// has, whatever the point is.
func (l *lane) reach(number int, p point, further bool) <-chan struct{} {
	if !further {
		return l.expect(number, max(p.Turn, 1), sure)
	}
	if p.Turn > 0 {
		return l.expect(number, p.Turn, 1)
	}
	select {
	case <-l.claims: // of the attempt before
	default:
	}
	return l.claims
}
