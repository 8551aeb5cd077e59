package cli

import (
	"context"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// board is how the work goes, as the queue's events tell it. It is safe for
// concurrent use.
type board struct {
	began time.Time

	mu      sync.Mutex
	now     progress
	tasks   map[pawl.ID]pawl.State
	blocked map[pawl.ID]string       // by which budget
	spent   map[string]string        // how much of these
	warning string                   // the last one of a budget
	titles  map[pawl.ID]string       // by run
	early   map[pawl.ID][]pawl.Event // of runs that have no title yet, or are not ours
	resumed bool                     // dead letters are run again
	notes   []note                   // not yet taken
	notSent time.Time                // since when no call has reached the provider; zero if one has
	why     string
}

// progress is a board at one time.
type progress struct {
	operations                          []operation
	answered, retries, throttles, joins int
	budgets                             []string // which of them block how many tasks, or else the last warning
	ending                              bool
	unsent                              time.Duration // how long no call has reached the provider
}

// operation is how the tasks of one operation stand.
type operation struct {
	name                                            string
	planned, succeeded, dead, running, due, blocked int
}

// note is something worth a line.
type note struct {
	at    time.Duration
	kind  string
	title string
	text  string
}

func newBoard(began time.Time, operations ...string) *board {
	b := &board{began: began, titles: map[pawl.ID]string{}, early: map[pawl.ID][]pawl.Event{}, tasks: map[pawl.ID]pawl.State{}, blocked: map[pawl.ID]string{}, spent: map[string]string{}}
	for _, name := range operations {
		b.now.operations = append(b.now.operations, operation{name: name})
	}
	return b
}

// follow reads events until they end.
func (b *board) follow(events iter.Seq2[pawl.Event, error]) {
	for e, err := range events {
		b.mu.Lock()
		switch _, ours := b.titles[e.Run]; {
		case err != nil:
			b.say("events", "", saying(err))
		case ours:
			b.take(e)
		case e.Queue == queueName:
			b.early[e.Run] = append(b.early[e.Run], e)
		}
		b.mu.Unlock()
	}
}

// name tells what a run is about. It is ours from now on.
func (b *board) name(title string, run pawl.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.titles[run] = title
	for _, e := range b.early[run] {
		b.take(e)
	}
	delete(b.early, run)
}

// resume says that dead letters are run again from now on.
func (b *board) resume() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.resumed = true
}

// plan says that n more tasks of an operation will come.
func (b *board) plan(name string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o := b.operation(name); o != nil {
		o.planned += n
	}
}

// dead returns how many dead letters there are.
func (p progress) dead() (n int) {
	for _, o := range p.operations {
		n += o.dead
	}
	return n
}

func (b *board) operation(name string) *operation {
	for i := range b.now.operations {
		if b.now.operations[i].name == name {
			return &b.now.operations[i]
		}
	}
	return nil
}

func (b *board) take(e pawl.Event) {
	switch e.Type {
	case pawl.EventStarted:
		b.move(e, pawl.Running)
	case pawl.EventStep:
		if e.Step == "ask" {
			b.now.answered++
			b.notSent = time.Time{}
		}
	case pawl.EventRetried:
		b.retried(e)
	case pawl.EventBudget:
		b.warning = printable(strings.TrimPrefix(e.Message, "budget "))
		b.say("budget", b.titles[e.Run], e.Operation+": "+b.warning)
	case pawl.EventEnded:
		b.move(e, e.State)
		if e.State == pawl.Dead {
			b.say("dead", b.titles[e.Run], reason(e))
		}
	}
}

// move counts a task where it stands now. What follows an analysis in its flow
// is not to be expected while that is dead.
func (b *board) move(e pawl.Event, to pawl.State) {
	from := b.tasks[e.Task]
	b.tasks[e.Task] = to
	for i := range b.now.operations {
		o := &b.now.operations[i]
		if o.name == e.Operation {
			o.count(from, -1)
			o.count(to, +1)
		} else if e.Operation == analyze.Name && o.planned > 0 {
			o.planned += moved(from) - moved(to)
		}
	}
	if from == pawl.Blocked {
		b.goesOn(e.Task)
	}
}

func moved(s pawl.State) int {
	if s == pawl.Dead {
		return 1
	}
	return 0
}

func (o *operation) count(s pawl.State, n int) {
	switch s {
	case pawl.Running:
		o.running += n
	case pawl.Succeeded:
		o.succeeded += n
	case pawl.Dead:
		o.dead += n
	case pawl.Pending, pawl.Scheduled: // they were running before
		o.due += n
	case pawl.Blocked:
		o.blocked += n
	}
}

func (b *board) retried(e pawl.Event) {
	again := b.tasks[e.Task] == pawl.Dead
	b.move(e, e.State)
	if again {
		b.say("again", b.titles[e.Run], e.Operation)
		return
	}
	if e.State == pawl.Blocked { // what it waits for was told as an event of its own
		b.waitsFor(e.Task, e.Message)
		return
	}
	if e.Class != llm.NotSent {
		b.notSent = time.Time{}
	} else if b.notSent.IsZero() {
		b.notSent, b.why = time.Now(), e.Message
	}
	if e.Class == llm.Throttled {
		b.now.throttles++
		b.say("throttled", b.titles[e.Run], reason(e))
		return
	}
	b.now.retries++
	b.say("retry", b.titles[e.Run], reason(e))
}

func reason(e pawl.Event) string {
	message := brief(e.Message, e.Class)
	if e.Class == llm.Throttled {
		return e.Operation + ": " + message
	}
	return fmt.Sprintf("%s: %s: %s", e.Operation, e.Class, message)
}

// noise is what of an error's words tells nothing here: where the call went, and
// through which sockets.
var noise = regexp.MustCompile(`^(?:anthropic|openai): |(?:Post|POST) "[^"]*": |read tcp \S+: `)

// brief shortens an error's message.
func brief(message string, class llm.Class) string {
	return noise.ReplaceAllString(strings.TrimSuffix(message, fmt.Sprintf(" (%s)", class)), "")
}

// say notes something. The caller holds the lock.
func (b *board) say(kind, title, text string) {
	b.notes = append(b.notes, note{time.Since(b.began), kind, printable(title), printable(text)})
}

// snapshot returns how the work stands, and what happened since the last call.
func (b *board) snapshot() (progress, []note) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.now
	p.operations = append([]operation(nil), p.operations...)
	p.budgets = b.budgets()
	if !b.notSent.IsZero() {
		p.unsent = time.Since(b.notSent)
	}
	notes := b.notes
	b.notes = nil
	return p, notes
}

// unsent returns since when no call has reached the provider, and why.
func (b *board) unsent() (since time.Time, why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.notSent, b.why
}

// gates is how the limit stands.
type gates struct {
	levels []limit.Level
	closed string // why nothing is sent; "" if it is open
}

func gatesOf(ctx context.Context, c *pawl.Client, now time.Time) gates {
	status, err := c.Status(ctx)
	if err != nil {
		return gates{}
	}
	for _, l := range status.Limits {
		if l.Name != limitName {
			continue
		}
		g := gates{levels: l.State.Levels(now, l.Config)}
		switch left := l.State.PausedUntil.Sub(now); {
		case l.State.Held:
			g.closed = "held: " + l.State.HoldReason
		case left > 0:
			g.closed = fmt.Sprintf("paused for %s: %s", seconds(left), brief(l.State.PauseReason, llm.Throttled))
		case l.State.Probe.Until.After(now):
			g.closed = "one call goes first to try"
		}
		g.closed = printable(g.closed)
		return g
	}
	return gates{}
}
