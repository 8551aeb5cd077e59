//go:build unix

package pawl_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
)

// BenchmarkCalls drains b.N tasks of a hundred users that make one call each, which is
// answered at once: what is left is what reserving, storing and settling a call costs.
func BenchmarkCalls(b *testing.B) {
	took := drainCalls(b, pawl.New(benchStore(b), pawl.Config{Workers: 1000}), b.N)
	b.ReportMetric(float64(b.N)/took.wall.Seconds(), "tasks/s")
	b.ReportMetric(float64(took.cpu.Microseconds())/float64(b.N), "cpu-µs/task")
}

// effort is what something took, by the clock and of this process's processor time: on
// a busy machine that tells more.
type effort struct{ wall, cpu time.Duration }

func (e effort) plus(o effort) effort { return effort{e.wall + o.wall, e.cpu + o.cpu} }

// effortSince returns what was taken since began, when the process had used so much
// processor time before.
func effortSince(b *testing.B, began time.Time, before time.Duration) effort {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return effort{time.Since(began), time.Duration(used.Utime.Nano()+used.Stime.Nano()) - before}
}

// drainCalls returns what tasks take that wait when the worker starts.
func drainCalls(b *testing.B, c *pawl.Client, tasks int) effort {
	m := &model{}
	var left atomic.Int64
	left.Store(int64(tasks))
	drained := make(chan struct{})
	asks.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		reply, err := t.Ask(ctx, m, t.Input)
		if err != nil {
			return "", err
		}
		if left.Add(-1) == 0 {
			close(drained)
		}
		return reply.Text(), nil
	})
	for n := 0; n < tasks; n += 100 {
		ins := make([]string, min(100, tasks-n))
		for i := range ins {
			ins[i] = fmt.Sprintf("What is to be done with document %d, which is about a wheel?", n+i)
		}
		if _, err := asks.AddMany(b.Context(), c, ins, pawl.User(fmt.Sprint("user ", n/100%100))); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC() // what came before is not the worker's
	b.ResetTimer()
	began := time.Now()
	before := effortSince(b, began, 0).cpu
	stop := work(b, c)
	<-drained
	stop() // the last outcomes are stored when it returns
	return effortSince(b, began, before)
}
