package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// session is one run of the demo.
type session struct {
	t      *terminal
	p      *provider
	jobs   []*job
	points int // an analysis gives
	url    string
	name   string // of this process as a worker; "" if it is none
	token  pawl.Data
	client *pawl.Client
	board  *board
	began  time.Time
	left   int    // tasks that earlier runs left
	resume string // the command that goes on with what is left; "" if others work
}

const (
	grace     = 10 * time.Second // for calls under way after an interrupt
	queueName = "demo"           // of the operations
	limitName = "demo"
	shelfFail = 6 // the simulated shelf fails for one text in this many
)

func newSession(t *terminal, p *provider, jobs []*job, d *demoCommand, store pawl.Store) *session {
	s := &session{t: t, p: p, jobs: jobs, points: d.Points, url: d.Store, began: time.Now()}
	s.token = tokenOf(s.began)
	s.board = newBoard(s.began, analyze.Name, summarize.Name)
	config := pawl.Config{Grace: grace, Logger: slog.New(slog.DiscardHandler)}
	if d.Workers > 0 {
		s.name = fmt.Sprintf("demo-%d-%s", os.Getpid(), s.began.UTC().Format("150405"))
		config.Name, config.Workers, config.Queues = s.name, d.Workers, []string{queueName}
		config.Limits, config.Prices = map[string]limit.Config{limitName: p.limit}, p.costs.Table
	}
	s.client = pawl.New(store, config)
	if d.Workers > 0 {
		s.resume = "pawl worker" + d.who() + " --store " + quoted(s.url)
		newHandlers(p, d.Points).handle(s.client, p.backoff())
	}
	return s
}

// tokenOf is carried by all tasks of one run of the demo, so that they are not
// identical to those that an earlier one left.
func tokenOf(began time.Time) pawl.Data {
	return pawl.Data{"demo": json.RawMessage(strconv.Quote(began.UTC().Format(time.RFC3339Nano)))}
}

var (
	errDone    = errors.New("all is done")
	errBlocked = errors.New("budgets block all that is left")
)

// run works on the jobs until they have ended, or ctx has and what was under way
// is over, and shows what came of it.
func (s *session) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	// alive ends when nobody works any more, which is after ctx.
	alive, died := context.WithCancel(context.WithoutCancel(ctx))
	defer died()

	var loops sync.WaitGroup
	events := s.client.Events(alive)
	loops.Go(func() { s.board.follow(events) })
	loops.Go(func() {
		defer died()
		if s.name == "" {
			<-ctx.Done() // others do the work
		} else if err := s.client.Run(ctx); err != nil {
			stop(err)
		}
	})
	loops.Go(func() { s.guard(ctx, stop) })
	defer context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), errInterrupted) {
			s.board.interrupt()
		}
	})()

	err := s.show(alive, func() error { return s.process(alive, s.jobs) })
	if ctx.Err() != nil {
		<-alive.Done()
	}
	s.report(context.WithoutCancel(ctx))
	if ctx.Err() == nil && err == nil {
		err = s.mend(alive)
	}
	s.reportBlocked(context.WithoutCancel(ctx))
	s.hint()
	stop(errDone)
	loops.Wait()
	return s.verdict(err, context.Cause(ctx))
}

// process adds jobs and waits until all of them have ended.
func (s *session) process(ctx context.Context, jobs []*job) error {
	for _, j := range jobs {
		if j.run == nil && !j.parted() {
			if err := s.send(ctx, j); err != nil {
				return err
			}
		}
	}
	var all sync.WaitGroup
	for _, j := range jobs {
		all.Go(func() { s.work(ctx, j) })
	}
	all.Wait()
	return nil
}

const (
	guardEvery = 200 * time.Millisecond
	unsentMost = 20 * time.Second // how long no call may reach the provider
	heldMost   = time.Minute      // the longest hold that is worth a wait
	stillMost  = 2 * time.Second  // how long all that is left may be blocked by budgets
)

// guard ends the run where waiting is in vain: nothing reaches the provider, the
// account is blocked, or budgets block all that is left.
func (s *session) guard(ctx context.Context, stop context.CancelCauseFunc) {
	tick := time.NewTicker(guardEvery)
	defer tick.Stop()
	moved := time.Now() // when something was not blocked
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			status, err := s.client.Status(ctx)
			if err != nil {
				continue // ctx has ended
			}
			if !s.board.waiting() || !allBlocked(status.Queues) {
				moved = now
			}
			err = s.vain(status.Limits, now)
			if now.Sub(moved) > stillMost {
				err = errBlocked
			}
			if err != nil {
				stop(err)
				return
			}
		}
	}
}

func (s *session) vain(limits []pawl.LimitStatus, now time.Time) error {
	if since, message := s.board.unsent(); !since.IsZero() && now.Sub(since) > unsentMost {
		return fmt.Errorf("the provider cannot be reached: %s", printable(message))
	}
	for _, l := range limits {
		if l.State.Held && (l.State.HeldUntil.IsZero() || l.State.HeldUntil.Sub(now) > heldMost) {
			return fmt.Errorf("the provider has blocked the account: %s", printable(l.State.HoldReason))
		}
	}
	return nil
}

// verdict is how the command ends: well only if every job ended as expected.
func (s *session) verdict(err, cause error) error {
	missing, why := s.missing()
	switch {
	case errors.Is(cause, errInterrupted):
		fmt.Fprintf(s.t.err, "pawl: interrupted; documents without a summary: %d of %d\n", missing, len(s.jobs))
		return errInterrupted
	case errors.Is(cause, errBlocked):
		return fmt.Errorf("%w; documents without a summary: %d of %d", errBlocked, missing, len(s.jobs))
	case !errors.Is(cause, errDone):
		return cause
	case err != nil:
		return err
	case missing > 0:
		return fmt.Errorf("documents that ended otherwise than expected: %d of %d%s", missing, len(s.jobs), why)
	}
	return nil
}

// missing returns how many jobs ended otherwise than expected, and the cause of
// the first dead letter among them.
func (s *session) missing() (n int, why string) {
	for _, j := range s.jobs {
		if j.done() || j.expect == expectRefused && j.dead() {
			continue
		}
		n++
		var dead *pawl.DeadError
		if why == "" && errors.As(j.err, &dead) {
			why = ": " + s.cause(dead.Task.LastAttempt())
		}
	}
	return n, why
}

// cause is why an attempt failed, with what may help.
func (s *session) cause(a pawl.Attempt) string {
	message := printable(brief(a.Message, a.Class))
	if s.p.hint != "" && strings.HasPrefix(message, "404") {
		message += " (" + s.p.hint + ")"
	}
	return message
}
