package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
)

const (
	compareSteps = 300             // operations of one seed
	shrinkTime   = 3 * time.Second // to look for a shorter way to a difference
)

// Compare does the same random operations on inmem, the reference, and on the
// store that open returns, and compares every answer. It does so with a number of
// seeds, each on an empty store, which it closes. PAWL_SEEDS in the environment
// sets another number, PAWL_SEED one seed.
//
// A failure prints the shortest sequence of operations that it found to lead to a
// difference.
func Compare(t *testing.T, open func(t *testing.T) pawl.Store, seeds int) {
	first, n := uint64(0), uint64(seeds)
	if seed, ok := fromEnv(t, "PAWL_SEED"); ok {
		first, n = seed, 1
	} else if more, ok := fromEnv(t, "PAWL_SEEDS"); ok {
		n = more
	}
	for seed := first; seed < first+n; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			c := comparison{t.Context(), func() pawl.Store { return open(t) }, seed}
			if d := c.run(allSteps()); d != nil {
				t.Errorf("seed %d: %s", seed, c.shrink(d, time.Now().Add(shrinkTime)))
			}
		})
	}
}

func allSteps() []uint64 {
	steps := make([]uint64, compareSteps)
	for i := range steps {
		steps[i] = uint64(i)
	}
	return steps
}

// fromEnv returns a number from the environment; ok is false if it is not set.
func fromEnv(t testing.TB, name string) (n uint64, ok bool) {
	text := os.Getenv(name)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s is %q; want a number", name, text)
	}
	return n, true
}

// comparison is what one seed does. Each step has a source of randomness of its
// own, so that steps can be left out without changing the others.
type comparison struct {
	ctx  context.Context
	open func() pawl.Store
	seed uint64
}

// difference is where the stores gave different answers.
type difference struct {
	steps []uint64 // that lead to it
	log   []entry  // their operations
	text  string
}

// entry is one operation.
type entry struct {
	now  time.Time
	what string
	args any
}

func (e entry) String() string {
	args, err := json.Marshal(e.args)
	if err != nil {
		args = fmt.Appendf(nil, "%+v", e.args)
	}
	return fmt.Sprintf("%12s  %s %s", e.now.Sub(start), e.what, args)
}

func (d *difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the stores differ after these %d operations:\n", len(d.log))
	for _, e := range d.log {
		fmt.Fprintln(&b, e)
	}
	b.WriteString(d.text)
	return b.String()
}

// run does steps on new stores, and returns the first difference, nil if there is none.
func (c *comparison) run(steps []uint64) (found *difference) {
	p := &pair{ctx: c.ctx, want: inmem.New(), got: c.open(), now: start}
	defer p.want.Close()
	defer p.got.Close()
	done := 0
	defer func() {
		if r := recover(); r != nil {
			d, ok := r.(difference)
			if !ok {
				panic(r)
			}
			found = &difference{steps[:done], p.log, d.text}
		}
	}()
	p.begin()
	for _, step := range steps {
		done++
		p.Rand = rand.New(rand.NewPCG(c.seed, step))
		p.step()
	}
	p.end()
	return nil
}

// shrink leaves steps out, fewer and fewer at a time, for as long as a difference
// remains and there is time.
func (c *comparison) shrink(d *difference, until time.Time) *difference {
	for size := len(d.steps) / 2; size > 0; size /= 2 {
		for from := 0; from < len(d.steps) && time.Now().Before(until); {
			fewer := slices.Delete(slices.Clone(d.steps), from, min(from+size, len(d.steps)))
			if shorter := c.run(fewer); shorter != nil {
				d = shorter
			} else {
				from += size
			}
		}
	}
	return d
}

// pair is the reference and the store that is compared with it.
type pair struct {
	*rand.Rand
	ctx       context.Context
	want, got pawl.Store
	now       time.Time
	next      time.Time // of the last claim
	due       bool      // whether something may be due now

	added   []pawl.NewTask  // for adding again
	held    []*pawl.TaskRow // as they were claimed
	calls   []call          // that were reserved, or turned away
	heads   []pawl.Hash     // of conversations that were stored once
	stops   []stopped       // tasks that budgets have stopped
	orphans bool            // whether a retry has dropped steps with conversations
	watches [2]pawl.Watch
	log     []entry
}

// call is a call of a claimed task, by its key.
type call struct {
	row *pawl.TaskRow
	key string
}

// stopped is a task that a budget has stopped.
type stopped struct {
	row *pawl.TaskRow
	by  *pawl.Stop
}

// both makes a call of both stores, and compares the answers after view has made
// of them what is to be equal. It returns the reference's.
func both[A, V any](p *pair, what string, args any, call func(pawl.Store) (A, error), view func(A) V) (A, error) {
	p.log = append(p.log, entry{p.now, what, args})
	want, wantErr := call(p.want)
	got, gotErr := call(p.got)
	if a, b := kind(wantErr), kind(gotErr); a != b {
		panic(difference{text: fmt.Sprintf("%s = %v; want %v", what, gotErr, wantErr)})
	}
	if wantErr == nil {
		p.equal(what, view(got), view(want))
	}
	return want, wantErr
}

func as[A any](a A) A { return a }
