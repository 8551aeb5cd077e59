package pawl

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/price"
)

// Config configures a [Client]. The zero Config works.
type Config struct {
	Name    string                  // names the worker in attempts and to the store, so no other may have it; default host, process and a random part
	Workers int                     // handlers that may run at once; default 64
	Queues  []string                // the queues that Run works on; default all
	Lease   time.Duration           // after which a silent worker's tasks are given to others; default 10 s
	Grace   time.Duration           // how long handlers may go on when Run's context ends; default 30 s, negative for none
	Limits  map[string]limit.Config // set in the store when Run starts; default none: limits that only pause when the provider refuses
	Logger  *slog.Logger            // told of dead letters, blocked accounts and stores that fail; default slog.Default()

	// Patience is the longest that a call waits for its limit inside a handler.
	// Beyond it the call fails as throttled and the task goes back to its place,
	// so that a long pause holds no worker. Default 30 s.
	Patience time.Duration

	// Prices is what models cost, for the ledger and for budgets in money. Default
	// [price.Builtin]: prices of a day that it names. A model that is not in it is
	// counted in tokens only.
	Prices *price.Table

	// Retention is how long tasks are kept that have ended; default for ever. A
	// worker that has it removes them for all, while Run is called.
	Retention Retention
}

const (
	defaultWorkers  = 64
	defaultLease    = 10 * time.Second
	defaultGrace    = 30 * time.Second
	defaultPatience = 30 * time.Second

	batchMost   = 1000             // items that concurrent calls commit together
	recordLimit = 30 * time.Second // for writing down what has happened, after a context ended
)

func (c Config) withDefaults() Config {
	if c.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "worker"
		}
		c.Name = fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text()[:6])
	}
	if c.Workers == 0 {
		c.Workers = defaultWorkers
	}
	if c.Lease == 0 {
		c.Lease = defaultLease
	}
	if c.Grace == 0 {
		c.Grace = defaultGrace
	}
	if c.Patience == 0 {
		c.Patience = defaultPatience
	}
	if c.Prices == nil {
		c.Prices = price.Builtin()
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func (c Config) validate() error {
	if c.Workers < 0 {
		return fmt.Errorf("pawl: Config.Workers is %d; want 0 or more", c.Workers)
	}
	if c.Lease < 0 {
		return fmt.Errorf("pawl: Config.Lease is %v; want 0 or more", c.Lease)
	}
	if c.Patience < 0 {
		return fmt.Errorf("pawl: Config.Patience is %v; want 0 or more", c.Patience)
	}
	if err := c.Retention.validate(); err != nil {
		return err
	}
	if err := c.Prices.Validate(); err != nil {
		return fmt.Errorf("pawl: Config.Prices: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Limits)) {
		if err := c.Limits[name].Validate(); err != nil {
			return fmt.Errorf("pawl: Config.Limits[%q]: %w", name, err)
		}
	}
	return nil
}

// Client adds tasks to a store, and works on them while its Run is called. It
// is safe for concurrent use.
type Client struct {
	store  Store
	config Config
	log    *slog.Logger
	now    time.Time // zero: the store's own clock

	adds  group[*NewTask, addAnswer]
	saves group[Save, error]
	calls group[Reservation, Grant]
	looks group[Look, Nearby] // of tasks that are to be under way

	waits waits
	gates gates

	parked atomic.Int64  // running attempts that wait for a run, without a place
	freed  chan struct{} // holds one signal: a place is free

	notices notices

	mu       sync.Mutex
	handlers map[string]*handler
	problems []error // what was wrong with calls of Handle
	running  bool
}

// handler is what works on the tasks of one operation: prepare decodes a task's
// input and returns the work to do.
type handler struct {
	spec    spec
	prepare func(*attempt) (work, error)
}

// work is a handler's function with its task.
type work func(context.Context) (output any, err error)

type addAnswer struct {
	Added
	err error
}

// New returns a client of a store. Nothing runs until Run is called; adding
// tasks and waiting for them needs no Run in this process. What is wrong with
// config is reported by Run.
func New(store Store, config Config) *Client {
	c := &Client{store: store, config: config.withDefaults(), handlers: fans(), freed: make(chan struct{}, 1)}
	c.log = c.config.Logger
	c.adds = group[*NewTask, addAnswer]{commit: c.commitAdds, most: batchMost}
	c.saves = group[Save, error]{commit: c.commitSaves, most: batchMost}
	c.calls = group[Reservation, Grant]{commit: c.commitCalls, most: batchMost}
	c.looks = group[Look, Nearby]{commit: c.commitLooks, most: batchMost}
	c.waits.client, c.waits.turn = c, make(chan struct{}, 1)
	return c
}

func (c *Client) handle(s spec, prepare func(*attempt) (work, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := s.validate(); err != nil {
		c.problems = append(c.problems, err)
		return
	}
	if isOwnName(s.Name) {
		c.problems = append(c.problems, fmt.Errorf("pawl: Operation.Name is %s; names that begin with %s are the queue's own", s.Name, ownPrefix))
		return
	}
	if _, dup := c.handlers[s.Name]; dup {
		c.problems = append(c.problems, fmt.Errorf("pawl: operation %s has two handlers", s.Name))
		return
	}
	if c.running {
		c.problems = append(c.problems, fmt.Errorf("pawl: operation %s got its handler after Run was called", s.Name))
		c.log.Error("handler was added after Run was called", "operation", s.Name)
		return
	}
	c.handlers[s.Name] = &handler{s, prepare}
}

// addOne adds one task, together with those of concurrent callers if there may
// be any.
func (c *Client) addOne(ctx context.Context, task *NewTask) (Added, error) {
	if _, ok := c.store.(Exclusive); ok {
		added, err := c.store.Add(ctx, c.now, []NewTask{*task})
		if err != nil {
			return Added{}, err
		}
		return added[0], nil
	}
	answer := make(chan addAnswer, 1)
	c.adds.do(task, func(a addAnswer) { answer <- a })
	select {
	case a := <-answer:
		return a.Added, a.err
	case <-ctx.Done():
		return Added{}, ctx.Err()
	}
}

func (c *Client) commitAdds(batch []*NewTask) []addAnswer {
	tasks := make([]NewTask, len(batch))
	for i, t := range batch {
		tasks[i] = *t
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordLimit)
	defer cancel()
	added, err := c.store.Add(ctx, c.now, tasks)
	answers := make([]addAnswer, len(tasks))
	for i := range answers {
		if err != nil {
			answers[i].err = err
		} else {
			answers[i].Added = added[i]
		}
	}
	return answers
}

func (c *Client) commitSaves(saves []Save) []error {
	ctx, cancel := context.WithTimeout(context.Background(), recordLimit)
	defer cancel()
	errs, err := persist(ctx, func() ([]error, error) { return c.store.Save(ctx, c.now, saves) })
	if err != nil {
		errs = slices.Repeat([]error{err}, len(saves))
	}
	return errs
}

func (c *Client) commitCalls(calls []Reservation) []Grant {
	ctx, cancel := context.WithTimeout(context.Background(), recordLimit)
	defer cancel()
	grants, err := persist(ctx, func() ([]Grant, error) { return c.store.Reserve(ctx, c.now, calls) })
	if err != nil {
		grants = slices.Repeat([]Grant{{Err: err}}, len(calls))
	}
	return grants
}

func (c *Client) commitLooks(looks []Look) []Nearby {
	ctx, cancel := context.WithTimeout(context.Background(), recordLimit)
	defer cancel()
	found, err := persist(ctx, func() ([]Nearby, error) { return c.store.Near(ctx, c.now, looks) })
	if err != nil {
		found = slices.Repeat([]Nearby{{Err: err}}, len(looks))
	}
	return found
}

// persist repeats a write of the store, which is safe, until it succeeds or ctx
// ends: what has happened is worth the wait.
func persist[T any](ctx context.Context, write func() (T, error)) (T, error) {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		out, err := write()
		if err == nil || ctx.Err() != nil {
			return out, err
		}
		if sleep(ctx, pause) != nil {
			return out, err
		}
	}
}

// insist repeats what a handler asks of the store, which is safe, as persist does: a
// store that fails for a while is no failure of the handler's task.
func insist[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, recordLimit)
	defer cancel()
	return persist(ctx, func() (T, error) { return ask(ctx) })
}

// sleep waits for d, or returns the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
