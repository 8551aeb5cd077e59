package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl/internal/durable"
)

// database implements [durable.Database].
type database struct {
	client   redis.UniversalClient
	keys     keys
	families []string // the keys of nodes, then those of messages
	events   events
	name     string // of this process, in what it rings

	clock    clock
	guess    guess
	interest interest
	known    known
	hints    hints
	crowds   crowds
	turns    chan struct{} // holds one while a transaction of this process has the turn, or asks for it
	book     atomic.Int64  // the version of the book that was seen last
	dialled  atomic.Int64  // connections that were made
	sure     atomic.Int64  // dialled, when the whole book was read
	bell     bell

	closing context.Context // ends with Close
	close   context.CancelFunc
	work    sync.WaitGroup // goroutines that publish
}

func newDatabase(o options) *database {
	d := &database{
		keys: newKeys(o.prefix), events: o.events, name: fmt.Sprintf("%016x", rand.Uint64()), turns: make(chan struct{}, 1),
	}
	d.families = append(append([]string{}, d.keys.nodes[:]...), d.keys.texts[:]...)
	d.client = o.client(func() { d.dialled.Add(1) })
	d.closing, d.close = context.WithCancel(context.Background())
	return d
}

// Close implements [durable.Database].
func (d *database) Close() error {
	d.close()
	d.bell.close()
	d.work.Wait()
	return d.client.Close()
}

// How long a transaction may have the book open before others may open it too, and
// how long these wait before they look again. The first is no promise: a
// transaction that takes longer is refused if the book has changed.
const (
	bookMost    = time.Second
	bookWaitMin = 300 * time.Microsecond
	bookWaitMax = 3 * time.Millisecond
)

// Update implements [durable.Database].
func (d *database) Update(ctx context.Context, book bool, f func(durable.Tx) (*durable.Writes, error)) error {
	var orphans []*durable.Record
	defer func() {
		if len(orphans) > 0 {
			d.drop(ctx, orphans)
		}
	}()
	careful := false
	for tries := 0; ; tries++ {
		t := &tx{view: view{database: d, ctx: ctx}, withBook: book, careful: careful}
		err := t.update(f)
		orphans = append(orphans, t.orphans...)
		if err == nil || !errors.Is(err, durable.ErrConflict) {
			return err
		}
		careful = !t.changed || tries > mostTrust
		if tries > 1 { // the first retry reads what the first try guessed
			if err := sleep(ctx, jitter(time.Duration(min(tries, 10))*bookWaitMin)); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// mostTrust is how often a transaction that met changed rows reads only those again.
const mostTrust = 5

func jitter(most time.Duration) time.Duration { return rand.N(most) + time.Microsecond }

// update runs one try of a transaction.
func (t *tx) update(f func(durable.Tx) (*durable.Writes, error)) error {
	if t.withBook {
		if err := t.openBook(); err != nil {
			return fmt.Errorf("open the book: %w", err)
		}
	}
	committed := false
	defer func() { t.endTurn(committed) }()
	w, err := f(t)
	if err == nil && w == nil && (t.trusted || t.guessed) {
		err = fmt.Errorf("%w: nothing to commit, and so nothing is checked", durable.ErrConflict)
	}
	if err == nil && w != nil {
		if err = t.commit(w); err == nil {
			committed = true
			return nil
		}
	}
	if t.withBook {
		t.unlock("lock", t.token)
	}
	return err
}

// unlock gives up what the transaction has; if it fails, that ends by itself.
func (t *tx) unlock(what, token string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), bookMost)
	defer cancel()
	_, _ = t.run(ctx, scriptUnlock, []string{t.keys.main}, what, token)
}

// View implements [durable.Database].
func (d *database) View(ctx context.Context, f func(durable.View) error) error {
	return f(&view{database: d, ctx: ctx})
}

// serverTime sets the clock by an answer's first two values.
func (d *database) serverTime(answer []any, at int) (time.Time, error) {
	if len(answer) < at+2 {
		return time.Time{}, errAnswer
	}
	seconds, err := number(answer[at])
	if err != nil {
		return time.Time{}, err
	}
	micros, err := number(answer[at+1])
	if err != nil {
		return time.Time{}, err
	}
	now := time.UnixMicro(seconds*1e6 + micros).UTC()
	d.clock.set(now)
	return now, nil
}

// read runs commands at one moment, and returns the time and their answers.
func (d *database) read(ctx context.Context, c *commands) (time.Time, []any, error) {
	p := program{}
	p.commands(c)
	if len(p.keys) == 0 {
		p.key(d.keys.main) // for the slot
	}
	answer, err := d.run(ctx, scriptRead, p.keys, []byte(p.pack))
	if err != nil {
		return time.Time{}, nil, err
	}
	answers, err := answersOf(answer, 2+len(c.calls))
	if err != nil {
		return time.Time{}, nil, err
	}
	now, err := d.serverTime(answers, 0)
	return now, answers[2:], err
}

// guess is what this process assumes about the next tasks to be added, so that
// adding them takes one round trip: that they are new, and that nobody else has
// added any since.
type guess struct {
	mu   sync.Mutex
	next int64 // the number of the next task; 0 if unknown
	wait int   // how many times to read, because guessing failed
}

// guessAgain is how many times a process reads after it has guessed wrong.
const guessAgain = 32

func (g *guess) take() (next int64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.wait > 0 {
		g.wait--
		return 0, false
	}
	return g.next, g.next > 0
}

func (g *guess) known(next int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next = max(g.next, next)
}

func (g *guess) wrong() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next, g.wait = 0, guessAgain
}
