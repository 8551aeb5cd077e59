package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pawlhq/pawl/internal/campaign/loop"
	"github.com/pawlhq/pawl/internal/campaign/worker"
	"github.com/pawlhq/pawl/llmsim"
)

// A killer is a plan of loops that is being carried out.
type killer struct {
	*campaign
	loops loopPlan

	mu      sync.Mutex
	turns   map[uint64]int  // the turn of a body, by the body's hash
	courses map[int]*course // of each loop, by its number
	left    int             // hits that no loop has been given
}

// course is how far a loop has come, as the provider sees it.
type course struct {
	turn  int // the latest
	seen  int // turns of the present attempt
	want  int // the turn that is waited for; 0 for none
	least int // of the attempt's turns, besides
	there chan struct{}

	at    time.Time     // when the attempt's latest call came; zero for none
	turns int           // that were followed by another one of the same attempt,
	took  time.Duration // and how long they took together
}

func newKiller(p loopPlan) *killer {
	k := &killer{loops: p, left: p.Kills, turns: map[uint64]int{}, courses: map[int]*course{}}
	k.campaign = &campaign{plan: p.plan, about: k.note, sim: llmsim.Config{
		Latency: llmsim.Latency{FirstToken: 5 * time.Millisecond, Spread: 0.8}, Seed: p.Seed, Reply: loop.Reply,
	}}
	return k
}

// note returns the loop that a call is about, and notes how far it has come.
func (k *killer) note(c *llmsim.Call) (number int, ok bool) {
	number, turn, ok := loop.Turn(c)
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.courses[number]
	if !ok || p == nil {
		return 0, false
	}
	k.turns[c.Hash] = turn
	p.come(turn, time.Now())
	return number, true
}

// come notes a call of a turn.
func (p *course) come(turn int, now time.Time) {
	if !p.at.IsZero() && turn == p.turn+1 {
		p.turns, p.took = p.turns+1, p.took+now.Sub(p.at)
	}
	if p.at.IsZero() || turn != p.turn {
		p.seen++
	}
	p.turn, p.at = turn, now
	if p.want > 0 && turn >= p.want && p.seen >= p.least {
		p.want = 0
		close(p.there)
	}
}

// sure is how many turns an attempt has begun that has stored an answer for sure.
const sure = 2

// killed notes the end of a loop's attempt, and reports whether it got further
// than the one before it.
func (k *killer) killed(number int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.courses[number]
	further := p.seen >= sure
	p.seen, p.at = 0, time.Time{}
	return further
}

// expect returns a channel that is closed when a loop has come to a turn, and its
// attempt has begun so many.
func (k *killer) expect(number, turn, least int) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.courses[number]
	p.want, p.least, p.there = turn, least, make(chan struct{})
	return p.there
}

// turnTime is how long a loop's turns take, on average.
func (k *killer) turnTime(number int) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.courses[number]
	if p.turns == 0 {
		return 10 * time.Millisecond
	}
	return p.took / time.Duration(p.turns)
}

// begin makes a new loop known, which gets a number and may be hit some times: 0
// if there are enough loops.
func (k *killer) begin() (number, hits int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	number, hits = len(k.courses)+1, min(k.left, k.loops.Each)
	if number > 2*k.Kills+10 {
		return 0, 0, errors.New("most kills hit no loop")
	}
	if hits > 0 {
		k.left -= hits
		k.courses[number] = &course{}
	}
	return number, hits, nil
}

// missed gives hits back that did not take place.
func (k *killer) missed(number, hits int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.left += hits
	progress("loop %d has ended; %d hits of %d are done or under way", number, k.Kills-k.left, k.Kills)
}

// carryOut has lanes work on loops, and looks at what is left. Whatever happens,
// no worker is left when it returns.
func (k *killer) carryOut(ctx context.Context) (r *loopReport, err error) {
	began := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := watchEndings(ctx, k.client)
	defer ended.stop()
	lanes := make([]*lane, k.Workers)
	crews := make([]*crew, k.Workers)
	for i := range lanes {
		if lanes[i], err = k.newLane(i + 1); err != nil {
			return nil, err
		}
		crews[i] = lanes[i].crew
	}
	errs := make([]error, len(lanes))
	var busy sync.WaitGroup
	for i, l := range lanes {
		busy.Go(func() {
			if errs[i] = l.run(ctx); errs[i] != nil {
				cancel() // the others need not go on
			}
		})
	}
	busy.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	e := &evidence{}
	if err := e.gather(ctx, k.campaign, ended, crews...); err != nil {
		return nil, err
	}
	r = k.judge(e, time.Since(began))
	return r, r.verdict()
}

// newLane makes a lane whose worker keeps its files in a folder of its own.
func (k *killer) newLane(number int) (*lane, error) {
	name := fmt.Sprintf("lane-%d", number)
	dir := filepath.Join(k.dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	l := &lane{killer: k, queue: name, claims: make(chan struct{}, 1)}
	l.crew = newCrew(dir, worker.Job{
		Name: name + "-", URL: k.place.url, Provider: k.provider.url, Lease: k.Lease, Places: 1, Queues: []string{name}, Kind: k.loops.Kind,
	})
	l.crew.claims = l.claims
	if k.loops.Kind == loop.SDK {
		l.crew.program = []string{k.loops.SDK}
	}
	return l, nil
}
