package saturation

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pawlhq/pawl/internal/rivals"
	"github.com/pawlhq/pawl/limit"
)

// contender is one who plays on a stage of its own: Pawl or a rival. play returns
// how many calls it lost.
type contender struct {
	name string
	st   *stage
	play func(ctx context.Context, st *stage) (lost int64, err error)
}

// pawl is Pawl as a contender, told what config makes of its stage.
func (c *Config) pawl(name string, st *stage, config func(*stage) limit.Config) contender {
	return contender{name, st, func(ctx context.Context, st *stage) (int64, error) {
		store, err := c.open(ctx)
		if err != nil {
			return 0, err
		}
		defer store.Close()
		e := newEngine(store, config(st), st.scale)
		e.url, e.elsewhere = c.Store, c.Workers
		return 0, e.compete(ctx, st)
	}}
}

func rival(r rivals.Rival, st *stage) contender {
	return contender{r.Name, st, func(ctx context.Context, st *stage) (int64, error) { return st.contest(ctx, r) }}
}

// contest is what became of one contender.
type contest struct {
	name   string
	st     *stage
	events []event
	lost   int64
	late   time.Duration // how long the machine stood still, at most, in the account's time
}

// contests lets all contenders play at the same time.
func contests(ctx context.Context, contenders []contender) ([]contest, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	all := make([]contest, len(contenders))
	var play, watch sync.WaitGroup
	watched, rest := context.WithCancel(ctx)
	var late time.Duration
	watch.Go(func() { late = lateness(watched) })
	for i, c := range contenders {
		play.Go(func() {
			c.st.open()
			lost, err := c.play(ctx, c.st)
			if err != nil {
				stop(fmt.Errorf("%s: %w", c.name, err))
				return
			}
			all[i] = contest{c.name, c.st, c.st.events(), lost, 0}
		})
	}
	play.Wait()
	rest()
	watch.Wait()
	for i := range all {
		all[i].late = time.Duration(float64(late) * contenders[i].st.scale)
	}
	return all, context.Cause(ctx)
}

// lateness returns the most by which this machine woke a goroutine too late, until
// ctx ends.
func lateness(ctx context.Context) (most time.Duration) {
	const tick = 10 * time.Millisecond
	for ctx.Err() == nil {
		began := time.Now()
		pause(ctx, tick)
		most = max(most, time.Since(began)-tick)
	}
	return most
}

// mostLate is what a play can stand: within it limits refill, and nobody sends.
const mostLate = 2 * time.Second

// warning says that the machine was too slow for a play; "" if it was not.
func (c *contest) warning() string {
	if c.late <= mostLate {
		return ""
	}
	return fmt.Sprintf("the machine stood still for up to %.1f s of the account's time, so figures suffer; use a lower scale, or a machine with less to do", c.late.Seconds())
}

// whole is what is counted of a play.
func (c *contest) whole() span { return span{warmUp, c.st.length} }

func (c *contest) share() float64 { return share(c.events, c.st.limits, c.whole()) }

// row sums a contest up.
func (c *contest) row() Row {
	waits := c.st.waits(anyRequest)
	return Row{Name: c.name, Figures: []Figure{
		percent("used", c.share()),
		count("refused", len(refused(c.events, c.whole()))),
		count("lost", int(c.lost)),
		count("done", done(c.events)),
		seconds("wait p50", quantile(waits, 0.5)),
	}}
}

// playShare plays Pawl with the account's limits configured, and the rivals.
func playShare(ctx context.Context, c Config) (*Result, error) {
	contenders := []contender{c.pawl("Pawl", c.saturated(c.Length), (*stage).known)}
	for _, r := range rivals.All() {
		contenders = append(contenders, rival(r, c.saturated(c.Length)))
	}
	all, err := contests(ctx, contenders)
	if err != nil {
		return nil, err
	}
	first := all[0].st
	r := &Result{About: fmt.Sprintf(
		"%d calls in %v, to an account that allows 60 %% of their input tokens: %s a minute; counted after the first minute",
		len(first.requests), first.length.Round(time.Second), describe(first.limits))}
	for i := range all {
		r.Rows = append(r.Rows, all[i].row())
	}
	least := 98.0
	if c.Workers.Processes > 0 {
		least = 97
	}
	f := r.Rows[0].Figures
	f[0], f[1], f[2] = f[0].atLeast(least), f[1].atMost(0), f[2].atMost(0)
	r.Picture, r.Warning = usePicture("Use of a saturated account", all), all[0].warning()
	return r, nil
}
