package pawl

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// addition is what the tasks that one call of Add adds have in common.
type addition struct {
	row      *TaskRow // but for the input, and what names the task
	spec     spec
	delay    time.Duration
	key      string
	messages []llm.Message
	budget   *Budget // of each run; nil for none

	nodes []Node // of messages
}

// newAddition returns what the first tasks of runs of a plan have in common; row is
// where it goes, and may be that of the only one.
func newAddition(row *TaskRow, plan []node, opts []Option) (*addition, error) {
	if len(plan) == 0 {
		return nil, errors.New("pawl: the flow is empty; make it with Then, Each, All, Choose or Try")
	}
	a := &addition{row: row, spec: plan[0].spec}
	for _, o := range opts {
		o.apply(a)
	}
	if err := a.validate(plan); err != nil {
		return nil, err
	}
	first := plan[0]
	first.spec = a.spec
	if first.isOwn() {
		first.Limit = NoLimit
	}
	stage := first.stage()
	a.row.place(&stage, stages(plan[1:]))
	if len(a.messages) == 0 {
		return a, nil
	}
	var err error
	if a.nodes, a.row.Conversation, err = appendNodes(Hash{}, a.messages); err != nil {
		return nil, fmt.Errorf("pawl: operation %s: %w", a.spec.Name, err)
	}
	for _, n := range a.nodes {
		a.row.Size.Chars += len(n.Message.JSON())
	}
	return a, nil
}

func (a *addition) validate(plan []node) error {
	if err := defect(plan); err != nil {
		return err
	}
	if a.budget != nil {
		b := *a.budget
		if b.Scope != "" && b.Scope != OfRun || b.Name != "" || b.Per != ForGood {
			return fmt.Errorf("pawl: operation %s: budget %s is not for a run; want no Scope, Name or Per here, and SetBudget for others", a.spec.Name, &b)
		}
		b.Scope = OfRun
		if err := b.Validate(); err != nil {
			return fmt.Errorf("pawl: operation %s: %w", a.spec.Name, err)
		}
		a.budget = &b
	}
	if a.delay < 0 {
		return fmt.Errorf("pawl: operation %s: Delay is %v; want 0 or more", a.spec.Name, a.delay)
	}
	if a.spec.Attempts < 1 {
		return fmt.Errorf("pawl: operation %s: Attempts is %d; want 1 or more", a.spec.Name, a.spec.Attempts)
	}
	if a.spec.Queue == "" || a.spec.Limit == "" {
		return fmt.Errorf("pawl: operation %s: Queue is %q and Limit is %q; want names", a.spec.Name, a.spec.Queue, a.spec.Limit)
	}
	for _, n := range []struct{ field, name string }{{"User", a.row.User}, {"Queue", a.spec.Queue}, {"Limit", a.spec.Limit}, {"Key", a.key}} {
		if !isText(n.name) {
			return fmt.Errorf("pawl: operation %s: %s is %q; want UTF-8 without zero bytes", a.spec.Name, n.field, n.name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.row.Data)) {
		if !json.Valid(a.row.Data[name]) {
			return fmt.Errorf("pawl: operation %s: Data[%q] is not JSON", a.spec.Name, name)
		}
	}
	if err := a.spec.validate(); err != nil {
		return err
	}
	return validate(plan)
}

// task makes t a task with an input; buf is scratch space, returned for the next call.
func (a *addition) task(t *NewTask, in any, buf []byte) ([]byte, error) {
	input, err := marshal(in)
	if err != nil {
		return buf, fmt.Errorf("pawl: input of %s: %w", a.spec.Name, err)
	}
	if a.row != &t.Row {
		t.Row = *a.row
	}
	t.Row.ID = NewID()
	t.Row.Run = t.Row.ID
	t.Row.Input = input
	t.Row.Size.Chars += len(input)
	t.Delay, t.Duplicates, t.Reuse, t.Nodes, t.Budget = a.delay, a.spec.Duplicates, a.spec.Reuse, a.nodes, a.budget
	if t.Duplicates == Keep {
		return buf, nil
	}
	if t.Row.Identity, buf, err = identity(&t.Row, a.spec.Version, a.key, buf); err != nil {
		return buf, fmt.Errorf("pawl: operation %s: %w", a.spec.Name, err)
	}
	return buf, nil
}

// encodeShare is how many tasks are worth a goroutine of their own to encode
// and hash them.
const encodeShare = 128

// newTasks returns the first tasks of runs of a plan, in the order of ins, and what they
// have in common.
func newTasks[In any](plan []node, ins []In, opts []Option) (*addition, []NewTask, error) {
	if len(ins) == 0 {
		return nil, nil, nil
	}
	a, err := newAddition(&TaskRow{}, plan, opts)
	if err != nil {
		return nil, nil, fmt.Errorf("input 0: %w", err)
	}
	tasks := make([]NewTask, len(ins))
	share := max(encodeShare, (len(ins)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	var shares sync.WaitGroup
	errs := make([]error, len(ins)/share+1)
	for i := 0; i < len(ins); i += share {
		end := min(i+share, len(ins))
		encode := func() {
			var buf []byte
			for j := i; j < end; j++ {
				var err error
				if buf, err = a.task(&tasks[j], ins[j], buf); err != nil {
					errs[i/share] = fmt.Errorf("input %d: %w", j, err)
					return
				}
			}
		}
		if end < len(ins) {
			shares.Go(encode)
		} else {
			encode()
		}
	}
	shares.Wait()
	return a, tasks, errors.Join(errs...)
}
