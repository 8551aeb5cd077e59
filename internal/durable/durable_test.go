package durable_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
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

// Accounts of budgets had a page each, under their names.
func TestAccountsOfEarlierVersionsGoOn(t *testing.T) {
	m := newMemory()
	for key, value := range map[string]string{
		`["budget","user/* per month"]`:        `{"scope":"user","per":"month","calls":9,"version":1}`,
		`["account","user/* per month","ann"]`: `{"spent":{"tokens":40,"calls":4},"since":"2024-02-01T00:00:00Z","warned":true}`,
		`["account","user/* per month","bob"]`: `{"spent":{"tokens":10,"calls":1},"since":"2024-02-01T00:00:00Z"}`,
	} {
		m.pages[key] = durable.Page{Key: key, Version: 1, Value: []byte(value)}
	}
	m.version = 1
	a, b := m.two()
	store, other := durable.New(a), durable.New(b)
	defer store.Close()
	defer other.Close()
	now := time.Date(2024, 2, 29, 20, 0, 0, 0, time.UTC)
	check := func(s pawl.Store) {
		t.Helper()
		status, err := s.Status(t.Context(), now)
		if err != nil || len(status.Budgets) != 1 || len(status.Budgets[0].Accounts) != 2 {
			t.Fatalf("Status = %+v, %v; want a budget with two accounts", status.Budgets, err)
		}
		if ann := status.Budgets[0].Accounts[0]; ann.Name != "ann" || ann.Spent != (pawl.Spent{Tokens: 40, Calls: 4}) {
			t.Errorf("the first account is %+v; want ann's, with 4 calls spent", ann)
		}
	}
	check(store)
	raise := pawl.Setting{Raise: true, Budget: &pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerMonth, Calls: 1}}
	for _, s := range []pawl.Store{store, other} {
		if err := s.Configure(t.Context(), now, []pawl.Setting{raise}); err != nil {
			t.Fatal(err)
		}
		check(s)
	}
	for key, p := range m.pages {
		if strings.HasPrefix(key, `["account",`) && p.Value != nil {
			t.Errorf("page %s is there still", key)
		}
	}
}
