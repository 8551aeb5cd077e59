package inmem_test

import (
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) pawl.Store { return inmem.New() })
}

// Workers that have enough to do are not woken for each of a million tasks: a hint
// comes once, after a claim that found too little.
func TestReadyIsSentOnce(t *testing.T) {
	s := inmem.New()
	watch, err := s.Watch(t.Context(), pawl.EventFilter{Types: []pawl.EventType{pawl.EventReady, pawl.EventEnded}})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	add := func(n int) (last pawl.ID) {
		for range n {
			last = pawl.NewID()
			row := pawl.TaskRow{ID: last, Run: last, Operation: "work", Queue: "default", Limit: pawl.NoLimit}
			if _, err := s.Add(t.Context(), time.Time{}, []pawl.NewTask{{Row: row}}); err != nil {
				t.Fatal(err)
			}
		}
		return last
	}
	claim := func(most int) {
		ask := pawl.Claim{Worker: "w", Operations: []string{"work"}, Max: most, Lease: time.Minute}
		if _, err := s.Claim(t.Context(), time.Time{}, ask); err != nil {
			t.Fatal(err)
		}
	}
	ready := func() (n int) {
		fence := add(1)
		if _, err := s.Change(t.Context(), time.Time{}, pawl.Filter{IDs: []pawl.ID{fence}}, pawl.Change{Do: pawl.Cancel}); err != nil {
			t.Fatal(err)
		}
		for {
			events, err := watch.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				if e.Task == fence {
					return n
				}
				n++
			}
		}
	}
	add(10)
	claim(5)
	add(10)
	claim(5)
	if n := ready(); n != 0 {
		t.Errorf("%d hints while there was enough to do; want 0", n)
	}
	claim(100)
	add(10)
	if n := ready(); n != 1 {
		t.Errorf("%d hints after a claim that found too little; want 1", n)
	}
}

func TestShared(t *testing.T) {
	storetest.RunShared(t, func(*testing.T) (a, b pawl.Store) {
		s := inmem.New()
		return s, s
	})
}

func TestCompare(t *testing.T) {
	storetest.Compare(t, func(*testing.T) pawl.Store { return inmem.New() }, 20)
}

func TestLateWorkersDoNotOvershoot(t *testing.T) {
	storetest.Interleave(t, func(*testing.T) pawl.Store { return inmem.New() }, 200)
}

func TestEachWaitEndsOnce(t *testing.T) {
	storetest.RunJoins(t, func(*testing.T) pawl.Store { return inmem.New() }, 100)
}

func TestNobodySpendsMoreThanThereIs(t *testing.T) {
	storetest.RunRace(t, func(*testing.T) pawl.Store { return inmem.New() }, 30)
}
