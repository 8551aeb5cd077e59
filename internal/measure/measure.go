// Package measure times a store through the public client: how fast tasks are
// added, how fast they are handled, and how long one takes to start.
package measure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pawlhq/pawl"
)

// Queue is where a Meter's tasks wait, and Operation what they are.
const (
	Queue     = "pawl-bench"
	Operation = "pawl-bench"
)

// Input is what a measured task carries: 1 KiB of JSON.
type Input struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

// text makes an Input 1,024 bytes long while N has ten digits.
var text = strings.Repeat("The wheel turns one way only. ", 34)[:998]

// Config configures a Meter. The zero Config works.
type Config struct {
	Dedup  bool         // whether tasks are identified and looked up as duplicates; default no, as in queues that cannot
	Logger *slog.Logger // told of a store that fails; default slog.Default()
}

// Meter measures one store. Its tasks have a queue and an operation of their
// own, so that nothing else in the store is touched; whatever it added is there
// until Clean. It is for one goroutine.
type Meter struct {
	store  pawl.Store
	config Config
	op     pawl.Operation[Input, struct{}]
	adder  *pawl.Client
	next   int // the number of the next input
}

// New returns a meter of a store.
func New(store pawl.Store, config Config) *Meter {
	m := &Meter{store: store, config: config, next: firstNumber(time.Now())}
	m.op = pawl.Operation[Input, struct{}]{Name: Operation, Queue: Queue, Limit: pawl.NoLimit, Duplicates: pawl.Keep}
	if config.Dedup {
		m.op.Duplicates = pawl.Join
	}
	m.adder = m.client(1)
	return m
}

// firstNumber has ten digits and is another one each second, so that a task is no
// duplicate of an earlier meter's.
func firstNumber(now time.Time) int { return 1e9 + int(now.Unix()%1000)*8e6 }

func (m *Meter) client(workers int) *pawl.Client {
	return pawl.New(m.store, pawl.Config{Workers: workers, Queues: []string{Queue}, Logger: m.config.Logger})
}

// inputs returns n inputs, none of which was given before.
func (m *Meter) inputs(n int) []Input {
	ins := make([]Input, n)
	for i := range ins {
		ins[i] = Input{m.next + i, text}
	}
	m.next += n
	return ins
}

// Rate is how fast tasks went.
type Rate struct {
	Tasks     int           `json:"tasks"`
	Took      time.Duration `json:"took"` // in nanoseconds
	PerSecond float64       `json:"per_second"`
}

func rate(tasks int, took time.Duration) Rate {
	return Rate{tasks, took, float64(tasks) / took.Seconds()}
}

// ErrBusy is returned by Prepare for a store that it must not measure on.
var ErrBusy = errors.New("measure: the queue " + Queue + " is in use")

// Prepare removes what an earlier meter left behind. It returns ErrBusy if
// another one is at work, or if the queue holds tasks that are no meter's.
func (m *Meter) Prepare(ctx context.Context) error {
	if err := m.reclaim(ctx); err != nil {
		return err
	}
	running, err := m.adder.List(ctx, pawl.Filter{Queue: Queue, Operation: Operation, States: []pawl.State{pawl.Running}, Max: 1})
	if err != nil {
		return err
	}
	if len(running) > 0 {
		return fmt.Errorf("%w: %s runs on %s: another measurement is at work, or was killed within the last seconds", ErrBusy, running[0].ID, running[0].Worker)
	}
	if err := m.Clean(ctx); err != nil {
		return err
	}
	foreign, err := m.adder.List(ctx, pawl.Filter{Queue: Queue, Max: 1})
	if err != nil {
		return err
	}
	if len(foreign) > 0 {
		return fmt.Errorf("%w: it holds %s of operation %q, which no measurement added", ErrBusy, foreign[0].ID, foreign[0].Operation)
	}
	return nil
}

// reclaim takes tasks back from a meter that was killed: a store does so in any
// claim, and this one is for none.
func (m *Meter) reclaim(ctx context.Context) error {
	_, err := m.store.Claim(ctx, time.Time{}, pawl.Claim{
		Worker: Operation, Queues: []string{Queue}, Operations: []string{Operation + "-none"}, Lease: time.Minute, Leaving: true,
	})
	return err
}

// cleanMost is how many tasks are removed at a time.
const cleanMost = 1000

// Clean removes all that meters added to the store.
func (m *Meter) Clean(ctx context.Context) error {
	ours := pawl.Filter{Queue: Queue, Operation: Operation, Max: cleanMost}
	waiting, ended := ours, ours
	waiting.States = []pawl.State{pawl.Blocked, pawl.Scheduled, pawl.Pending}
	ended.States = []pawl.State{pawl.Succeeded, pawl.Dead, pawl.Cancelled}
	for _, step := range []struct {
		filter pawl.Filter
		do     func(context.Context, pawl.Filter) ([]pawl.ID, error)
	}{{ended, m.adder.Delete}, {waiting, m.adder.Cancel}, {ended, m.adder.Delete}} {
		for {
			changed, err := step.do(ctx, step.filter)
			if err != nil {
				return fmt.Errorf("clean queue %s: %w", Queue, err)
			}
			if len(changed) < cleanMost {
				break
			}
		}
	}
	return nil
}

// count is a number of tasks that goroutines share.
type count struct{ atomic.Int64 }

// take returns the next number below most, and false when all are taken.
func (c *count) take(most int) (int, bool) {
	i := int(c.Add(1) - 1)
	return i, i < most
}
