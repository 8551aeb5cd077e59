package saturation

import (
	"context"
	"fmt"
	"time"

	"github.com/pawlhq/pawl/internal/rivals"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llmsim"
)

// playUnknown plays Pawl with nothing configured: with the provider's headers, and
// on a provider that sends none.
func playUnknown(ctx context.Context, c Config) (*Result, error) {
	told, silent := c.saturated(c.short()), c.saturated(c.short())
	silent.headers = llmsim.NoHeaders
	all, err := contests(ctx, []contender{
		c.pawl("learns from headers", told, (*stage).unknown),
		c.pawl("no headers", silent, (*stage).unknown),
	})
	if err != nil {
		return nil, err
	}
	r := &Result{
		About:   fmt.Sprintf("an account of %s a minute, of which Pawl knows nothing; used is counted after the first minute", describe(told.limits)),
		Picture: usePicture("Limits that nobody has configured", all),
		Warning: all[0].warning(),
	}
	for i := range all {
		everything := span{0, all[i].st.length}
		r.Rows = append(r.Rows, Row{Name: all[i].name, Figures: []Figure{
			count("refused", len(refused(all[i].events, everything))),
			percent("used", all[i].share()),
			count("done", done(all[i].events)),
		}})
	}
	f := r.Rows[0].Figures
	f[0], f[1] = f[0].atMost(5), f[1].atLeast(95)
	return r, nil
}

// playHalved halves the account's limits in the middle of a play.
func playHalved(ctx context.Context, c Config) (*Result, error) {
	halving := func() *stage {
		st := c.saturated(c.short())
		st.change, st.changed = st.length/2, halved(st.limits)
		return st
	}
	contenders := []contender{
		c.pawl("Pawl", halving(), (*stage).known),
		c.pawl("Pawl, not configured", halving(), (*stage).unknown),
	}
	for _, r := range rivals.All() {
		contenders = append(contenders, rival(r, halving()))
	}
	all, err := contests(ctx, contenders)
	if err != nil {
		return nil, err
	}
	st := all[0].st
	r := &Result{
		About: fmt.Sprintf("after %v an account of %s a minute has half of that; refused and used are counted from then on",
			st.change, describe(st.limits)),
		Picture: usePicture("Limits that the provider halves", all),
		Warning: all[0].warning(),
	}
	for i := range all {
		r.Rows = append(r.Rows, all[i].halvedRow())
	}
	for _, row := range r.Rows[:2] {
		f := row.Figures
		f[0], f[1] = f[0].atMost(5), f[1].atMost(15)
	}
	return r, nil
}

func halved(l llmsim.Limits) llmsim.Limits {
	l.Requests, l.Tokens, l.InputTokens, l.OutputTokens = l.Requests/2, l.Tokens/2, l.InputTokens/2, l.OutputTokens/2
	return l
}

func (c *contest) halvedRow() Row {
	after := span{c.st.change, c.st.length}
	row := Row{Name: c.name, Figures: []Figure{
		count("refused", len(refused(c.events, after))),
		seconds("fits again after", c.fits()),
		percent("used", share(c.events, c.st.changed, after)),
		count("lost", int(c.lost)),
	}}
	return row
}

// fits returns how long after a change of the limits the use over the last ten
// seconds is no more than 5 % above what they allow; the rest of the play if it
// never is.
func (c *contest) fits() time.Duration {
	const over, step = 10 * time.Second, 250 * time.Millisecond
	for end := c.st.change + over; end <= c.st.length; end += step {
		if s := share(c.events, c.st.changed, span{end - over, end}); s <= 1.05 {
			return end - c.st.change
		}
	}
	return c.st.length - c.st.change
}

// The account of playBurst holds less than a minute's worth, and Pawl is told to
// hold half of that.
const (
	heldBurst = 10 * time.Second
	toldBurst = heldBurst / 2
)

// playBurst plays on a provider that enforces the minute's limits within seconds,
// though its headers tell of whole minutes.
func playBurst(ctx context.Context, c Config) (*Result, error) {
	strict := func() *stage {
		st := c.saturated(c.short())
		st.limits.Burst = heldBurst
		return st
	}
	contenders := []contender{
		c.pawl("Pawl", strict(), (*stage).known),
		c.pawl("Pawl, told of it", strict(), func(st *stage) limit.Config {
			config := st.known()
			config.Burst = st.real(toldBurst)
			return config
		}),
	}
	for _, r := range rivals.All() {
		contenders = append(contenders, rival(r, strict()))
	}
	all, err := contests(ctx, contenders)
	if err != nil {
		return nil, err
	}
	r := &Result{
		About: fmt.Sprintf("an account of %s a minute that holds %v of that at most; Pawl is told to hold %v",
			describe(all[0].st.limits), heldBurst, toldBurst),
		Picture: usePicture("Limits that are enforced within seconds", all),
		Warning: all[0].warning(),
	}
	for i := range all {
		r.Rows = append(r.Rows, all[i].row())
	}
	f := r.Rows[1].Figures
	f[0], f[1], f[2] = f[0].atLeast(97), f[1].atMost(0), f[2].atMost(0)
	return r, nil
}
