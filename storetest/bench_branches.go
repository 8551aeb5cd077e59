package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
)

const benchBranches = 10_000

// BenchBranches measures what it costs that a task waits for others: 10,000 branches
// that are added by the end of an attempt, and drained in batches of 100 by one or
// four callers, in turns with as many tasks that stand alone.
func BenchBranches(b *testing.B, open func(b *testing.B) pawl.Store) {
	for _, callers := range []int{1, 4} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			var add, park, alone, branches time.Duration
			for b.Loop() {
				m := newMeter(b, open(b))
				add += m.time(func() { m.add(m.batch(benchBranches)) })
				alone += m.time(func() { m.drain(callers) })
				m.close()
				m = newMeter(b, open(b))
				park += m.time(m.part)
				branches += m.time(func() { m.drain(callers) })
				if c := m.claim("w", "parent", 1); len(c) != 1 {
					b.Fatal("the task that has waited for its branches does not go on")
				}
				m.close()
			}
			n := float64(b.N)
			b.ReportMetric(float64(add.Milliseconds())/n, "add-ms")
			b.ReportMetric(float64(park.Milliseconds())/n, "park-ms")
			b.ReportMetric(n*benchBranches/alone.Seconds(), "alone/s")
			b.ReportMetric(n*benchBranches/branches.Seconds(), "branches/s")
		})
	}
}

func (m *meter) close() {
	if err := m.store.Close(); err != nil {
		m.Fatal(err)
	}
}

func (m *meter) time(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

// drain has callers claim and finish all tasks.
func (m *meter) drain(callers int) {
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() { m.work(fmt.Sprint("w", i)) })
	}
	all.Wait()
}

// part has a task wait for branches, which its end adds.
func (m *meter) part() {
	m.add([]pawl.NewTask{task(operation("parent"))})
	r := m.claim("w", "parent", 1)[0]
	f := outcome(r, pawl.Blocked)
	f.Follow, f.Park = m.batch(benchBranches), &pawl.Park{Branches: make([]pawl.ID, benchBranches)}
	for i := range f.Follow {
		branch(r, fmt.Sprint("each/", i))(&f.Follow[i])
		f.Follow[i].Row.Operation = "work"
		f.Park.Branches[i] = f.Follow[i].Row.ID
	}
	m.finish([]pawl.Finish{f})
}

// work claims and finishes tasks until there are none.
func (m *meter) work(worker string) {
	for {
		tasks := m.claim(worker, "work", benchBatch)
		if len(tasks) == 0 {
			return
		}
		finishes := make([]pawl.Finish, len(tasks))
		for i, r := range tasks {
			finishes[i] = outcome(r, pawl.Succeeded)
		}
		m.finish(finishes)
	}
}

func (m *meter) claim(worker, operation string, most int) []*pawl.TaskRow {
	c, err := m.store.Claim(context.Background(), time.Time{},
		pawl.Claim{Worker: worker, Operations: []string{operation}, Max: most, Lease: time.Minute})
	if err != nil {
		m.Error(err)
	}
	return c.Tasks
}

func (m *meter) finish(finishes []pawl.Finish) {
	errs, err := m.store.Finish(context.Background(), time.Time{}, finishes)
	for _, e := range append(errs, err) {
		if e != nil {
			m.Error(e)
		}
	}
}
