package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	points := make([]point, kills)
	for i := range points {
		points[i] = newPoint(r, l.loops.Turns)
	}
	reached := l.reach(number, points[0])
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
			reached = l.reach(number, points[i+1])
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
		if _, killed := deaths[a.Worker]; killed && a.Class == pawl.Lost {
			hit++
		}
	}
	return hit, nil
}

// A point is where a worker is killed.
type point struct {
	Turn int     // the worker has begun this one, or a later one; 0 for when it is given the loop
	Part float64 // of a turn's time after that
}

// newPoint returns a random point. One in five is near the beginning of an
// attempt: in the replay, for an attempt after the first.
func newPoint(r *rand.Rand, turns int) point {
	p := point{Turn: 1 + r.IntN(turns), Part: r.Float64()}
	if r.IntN(5) == 0 {
		p.Turn, p.Part = 0, 8*p.Part
	}
	return p
}

func (p point) after(turn time.Duration) time.Duration { return time.Duration(p.Part * float64(turn)) }

// reach returns a channel that is closed, or ready, when a point's beginning is
// reached from now on.
func (l *lane) reach(number int, p point) <-chan struct{} {
	if p.Turn > 0 {
		return l.expect(number, p.Turn)
	}
	select {
	case <-l.claims: // of the attempt before
	default:
	}
	return l.claims
}
