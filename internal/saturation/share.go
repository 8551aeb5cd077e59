package saturation

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pawlhq/pawl/internal/rivals"
	"github.com/pawlhq/pawl/limit"
)

// contender is one who plays: Pawl or a rival. play returns how many calls it lost.
type contender struct {
	name string
	play func(ctx context.Context, st *stage) (lost int64, err error)
}

// pawl is Pawl as a contender, told what config makes of a stage.
func (c *Config) pawl(name string, config func(*stage) limit.Config) contender {
	return contender{name, func(ctx context.Context, st *stage) (int64, error) {
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

// contest is what became of one contender.
type contest struct {
	name   string
	st     *stage
	events []event
	lost   int64
}

// contests lets all contenders play at the same time, each on a stage of its own.
func contests(ctx context.Context, stage func() *stage, contenders []contender) ([]contest, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	all := make([]contest, len(contenders))
	var play sync.WaitGroup
	for i, c := range contenders {
		play.Go(func() {
			st := stage()
			lost, err := c.play(ctx, st)
			if err != nil {
				stop(fmt.Errorf("%s: %w", c.name, err))
				return
			}
			all[i] = contest{c.name, st, st.events(), lost}
		})
	}
	play.Wait()
	return all, context.Cause(ctx)
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
	contenders := []contender{c.pawl("Pawl", (*stage).known)}
	for _, r := range rivals.All() {
		contenders = append(contenders, contender{r.Name, func(ctx context.Context, st *stage) (int64, error) { return st.contest(ctx, r) }})
	}
	all, err := contests(ctx, c.saturated, contenders)
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
	f := r.Rows[0].Figures
	f[0], f[1], f[2] = f[0].atLeast(98), f[1].atMost(0), f[2].atMost(0)
	r.Picture = usePicture("Use of a saturated account", all)
	return r, nil
}
