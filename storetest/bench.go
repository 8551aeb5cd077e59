package storetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
)

const (
	benchBatch = 100
	benchUsers = 50
)

// Bench measures what a store's calls cost for each task, in batches of 100 and
// with tasks of 1 KiB that are identified for deduplication: on their own, and
// behind 10,000 and 1,000,000 waiting tasks of 50 users. How much the backlog
// adds is the difference between the last two.
func Bench(b *testing.B, open func(b *testing.B) pawl.Store) {
	for _, waiting := range []int{0, 10_000, 1_000_000} {
		b.Run(fmt.Sprint("waiting=", waiting), func(b *testing.B) {
			m := newMeter(b, open(b))
			defer m.store.Close()
			for m.added < waiting {
				m.add(m.batch(min(1000, waiting-m.added)))
			}
			m.spent = [3]time.Duration{}
			b.ReportAllocs()
			for b.Loop() {
				m.round()
			}
			for i, name := range []string{"add", "claim", "finish"} {
				b.ReportMetric(float64(m.spent[i].Nanoseconds())/float64(b.N*benchBatch), name+"-ns/task")
			}
		})
	}
}

// meter drives a store and keeps what its adds, claims and finishes took.
type meter struct {
	*testing.B
	store pawl.Store
	input []byte
	added int
	spent [3]time.Duration
}

func newMeter(b *testing.B, s pawl.Store) *meter {
	return &meter{B: b, store: s, input: []byte(`"` + strings.Repeat("x", 1022) + `"`)}
}

// round adds a batch and claims, finishes and deletes one, so that as many tasks
// wait after it as before.
func (m *meter) round() {
	ctx := context.Background()
	m.add(m.batch(benchBatch))

	began := time.Now()
	claimed, err := m.store.Claim(ctx, time.Time{}, pawl.Claim{Worker: "w", Operations: []string{"work"}, Max: benchBatch, Lease: time.Minute})
	m.spent[1] += time.Since(began)
	if err != nil || len(claimed.Tasks) != benchBatch {
		m.Fatalf("Claim = %d tasks, %v; want %d", len(claimed.Tasks), err, benchBatch)
	}
	finishes, ended := make([]pawl.Finish, benchBatch), make([]pawl.ID, benchBatch)
	for i, r := range claimed.Tasks {
		finishes[i], ended[i] = outcome(r, pawl.Succeeded), r.ID
	}

	began = time.Now()
	_, err = m.store.Finish(ctx, time.Time{}, finishes)
	m.spent[2] += time.Since(began)
	if err != nil {
		m.Fatal(err)
	}
	if _, err := m.store.Change(ctx, time.Time{}, pawl.Filter{IDs: ended}, pawl.Change{Do: pawl.Delete}); err != nil {
		m.Fatal(err)
	}
}

// batch returns the next n tasks, of users in turn.
func (m *meter) batch(n int) []pawl.NewTask {
	tasks := make([]pawl.NewTask, n)
	for i := range tasks {
		m.added++
		tasks[i] = task(user(fmt.Sprint(m.added % benchUsers)))
		tasks[i].Row.Input = m.input
		binary.BigEndian.PutUint64(tasks[i].Row.Identity[:], uint64(m.added))
	}
	return tasks
}

func (m *meter) add(tasks []pawl.NewTask) {
	began := time.Now()
	_, err := m.store.Add(context.Background(), time.Time{}, tasks)
	m.spent[0] += time.Since(began)
	if err != nil {
		m.Fatal(err)
	}
}
