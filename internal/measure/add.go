package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
)

// Add adds n tasks one by one from so many goroutines at once.
func (m *Meter) Add(ctx context.Context, n, callers int) (Rate, error) {
	ins := m.inputs(n)
	failed := make([]error, callers)
	var next count
	var all sync.WaitGroup
	began := time.Now()
	for caller := range callers {
		all.Go(func() {
			for i, ok := next.take(n); ok && failed[caller] == nil; i, ok = next.take(n) {
				run, err := m.op.Add(ctx, m.adder, ins[i])
				if err == nil {
					err = isNew(run)
				}
				failed[caller] = err
			}
		})
	}
	all.Wait()
	return rate(n, time.Since(began)), errors.Join(failed...)
}

// AddMany adds n tasks in batches.
func (m *Meter) AddMany(ctx context.Context, n, batch int) (Rate, error) {
	ins := m.inputs(n)
	began := time.Now()
	err := m.addMany(ctx, ins, batch)
	return rate(n, time.Since(began)), err
}

func (m *Meter) addMany(ctx context.Context, ins []Input, batch int) error {
	for part := range slices.Chunk(ins, batch) {
		runs, err := m.op.AddMany(ctx, m.adder, part)
		if err != nil {
			return err
		}
		for _, run := range runs {
			if err := isNew(run); err != nil {
				return err
			}
		}
	}
	return nil
}

// isNew returns an error for a task that was none: it would flatter the figure.
func isNew(run *pawl.Run[struct{}]) error {
	if run.As != pawl.AsNew {
		return fmt.Errorf("measure: a task was %s, not new: is another measurement at work?", run.As)
	}
	return nil
}
