package durable_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/internal/ledger"
	"github.com/pawlhq/pawl/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What is decided here is right on any database that keeps its promises; what
// the stores test is theirs.
func TestTheContractOnAPlainDatabase(t *testing.T) {
	storetest.Run(t, func(*testing.T) pawl.Store {
		a, _ := newMemory().two()
		return durable.New(a)
	})
}

func TestTheContractWhenEveryTransactionIsDoneAgain(t *testing.T) {
	storetest.Run(t, func(*testing.T) pawl.Store {
		m := newMemory()
		m.conflicts = true
		a, _ := m.two()
		return durable.New(a)
	})
}

func TestTheAnswersAreThoseOfTheReference(t *testing.T) {
	storetest.Compare(t, func(*testing.T) pawl.Store {
		a, _ := newMemory().two()
		return durable.New(a)
	}, 40)
}

func TestTheAnswersAreThoseOfTheReferenceWhenEveryTransactionIsDoneAgain(t *testing.T) {
	storetest.Compare(t, func(*testing.T) pawl.Store {
		m := newMemory()
		m.conflicts = true
		a, _ := m.two()
		return durable.New(a)
	}, 10)
}

func TestTwoProcessesShareOneDatabase(t *testing.T) {
	storetest.RunShared(t, func(*testing.T) (_, _ pawl.Store) {
		a, b := newMemory().two()
		return durable.New(a), durable.New(b)
	})
}

func TestLateWorkersDoNotOvershoot(t *testing.T) {
	storetest.Interleave(t, func(*testing.T) pawl.Store {
		a, _ := newMemory().two()
		return durable.New(a)
	}, 20)
}

func TestTheInboxStaysShortWhereNobodyClaims(t *testing.T) {
	m := newMemory()
	a, _ := m.two()
	store := durable.New(a)
	defer store.Close()
	most := 0
	for range 1000 {
		id := pawl.NewID()
		row := pawl.TaskRow{ID: id, Run: id, Operation: "work", Queue: "default", Limit: pawl.NoLimit}
		if _, err := store.Add(t.Context(), time.Time{}, []pawl.NewTask{{Row: row, Duplicates: pawl.Keep}}); err != nil {
			t.Fatal(err)
		}
		m.mu.Lock()
		most = max(most, len(m.inbox))
		m.mu.Unlock()
	}
	if most == 0 || most > 300 {
		t.Errorf("up to %d posts in the inbox after 1,000 calls of Add; want some, at most 300", most)
	}
	claimed, err := store.Claim(t.Context(), time.Time{}, pawl.Claim{Worker: "w", Operations: []string{"work"}, Max: 2000, Lease: time.Minute})
	if err != nil || len(claimed.Tasks) != 1000 {
		t.Errorf("Claim gave %d tasks, %v; want all 1,000", len(claimed.Tasks), err)
	}
}

func TestEachWaitEndsOnce(t *testing.T) {
	storetest.RunJoins(t, func(*testing.T) pawl.Store {
		a, _ := newMemory().two()
		return durable.New(a)
	}, 30)
}

func TestEachWaitEndsOnceWhenEveryTransactionIsDoneAgain(t *testing.T) {
	storetest.RunJoins(t, func(*testing.T) pawl.Store {
		m := newMemory()
		m.conflicts = true
		a, _ := m.two()
		return durable.New(a)
	}, 10)
}

func TestNobodySpendsMoreThanThereIs(t *testing.T) {
	storetest.RunRace(t, func(*testing.T) pawl.Store {
		a, _ := newMemory().two()
		return durable.New(a)
	}, 12)
}

func TestNobodySpendsMoreThanThereIsWhenEveryTransactionIsDoneAgain(t *testing.T) {
	storetest.RunRace(t, func(*testing.T) pawl.Store {
		m := newMemory()
		m.conflicts = true
		a, _ := m.two()
		return durable.New(a)
	}, 6)
}

// What is joined all the time is not kept apart until the hour is over: whoever looks for
// it reads all of it.
func TestManyJoinsAreClosedWithinTheHour(t *testing.T) {
	m := newMemory()
	a, _ := m.two()
	store := durable.New(a)
	defer store.Close()
	now := time.Date(2024, 2, 29, 20, 10, 0, 0, time.UTC)
	add := func(tasks int) {
		t.Helper()
		all := make([]pawl.NewTask, tasks)
		for i := range all {
			id := pawl.NewID()
			all[i].Row = pawl.TaskRow{ID: id, Run: id, Operation: "work", Queue: "default", Limit: pawl.NoLimit, Identity: pawl.Hash{1}}
		}
		if _, err := store.Add(t.Context(), now, all); err != nil {
			t.Fatal(err)
		}
	}
	claim := func() []*pawl.TaskRow {
		t.Helper()
		claimed, err := store.Claim(t.Context(), now, pawl.Claim{Worker: "w", Operations: []string{"work"}, Max: 1, Lease: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return claimed.Tasks
	}
	keeps := func(want int) {
		t.Helper()
		claim() // it opens the book
		got := 0
		for _, p := range m.ledger {
			if p.Kind != durable.LedgerJoin {
				continue
			}
			packed, err := durable.Unpack(p.Value)
			if err != nil {
				t.Fatal(err)
			}
			for range ledger.Unpack(packed) {
				got++
			}
		}
		if got != want {
			t.Errorf("%d joins are kept apart; want %d", got, want)
		}
	}
	add(1)
	row := claim()[0]
	add(ledger.EntriesMost - 1)
	keeps(ledger.EntriesMost - 1)
	f := pawl.Finish{Lease: row.Lease(), To: pawl.Succeeded, Attempt: pawl.Attempt{Calls: 1}}
	if _, err := store.Finish(t.Context(), now, []pawl.Finish{f}); err != nil {
		t.Fatal(err)
	}
	add(1) // it joins nothing: the task has ended
	claim()
	add(1)
	keeps(ledger.EntriesMost)
	add(1)
	keeps(2) // of the task that runs
}
