package durable_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/internal/ledger"
	"github.com/pawlhq/pawl/llm"
)

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

// Entries of joined tasks were among all others until their runs had ended. The attempts
// that workers died in did not count the unknown calls among the sent ones.
func TestJoinsOfEarlierVersionsGoOn(t *testing.T) {
	now := time.Date(2024, 2, 29, 20, 10, 0, 0, time.UTC)
	hour := ledger.HourOf(now)
	id := pawl.NewID()
	used := pawl.Sum{Calls: 1, Usage: llm.Usage{Output: 40}, Cost: 600}
	joined := pawl.Entry{At: now, Kind: pawl.EntryJoined, Task: pawl.NewID(), Run: id, Of: id, Operation: "work", Queue: "default", Limit: pawl.NoLimit}
	reused := joined
	reused.Kind, reused.Task = pawl.EntryReused, pawl.NewID()
	waiting := joined
	waiting.Task = pawl.NewID()
	answered := joined
	answered.Kind, answered.Of, answered.Calls, answered.Usage, answered.Cost = pawl.EntryAnswered, pawl.ID{}, used.Calls, used.Usage, used.Cost

	m := newMemory()
	m.version, m.seq = 1, 1
	m.pages[`["ledger"]`] = durable.Page{
		Key: `["ledger"]`, Version: 1, Value: fmt.Appendf(nil, `{"hours":{"%d":{"tails":1,"entries":3}},"swept":%d}`, hour, hour),
	}
	tail := ledger.Pack(ledger.Pack(ledger.Pack(nil, &joined), &answered), &reused)
	m.ledger = []durable.LedgerPage{{Kind: durable.LedgerTail, Hour: hour, Number: 1, Value: durable.Pack(tail)}}
	m.inbox = []durable.Post{{At: now, Entries: ledger.Pack(nil, &waiting)}}
	m.records[id] = &durable.Record{TaskRow: pawl.TaskRow{
		ID: id, Run: id, Operation: "work", Queue: "default", Limit: pawl.NoLimit, State: pawl.Succeeded, Attempt: 2, Seq: 1, Added: now, Ended: now,
		Attempts: []pawl.Attempt{
			{Number: 1, Class: pawl.Lost, Unknown: 2},
			{Number: 2, Calls: 1, Usage: used.Usage, Cost: used.Cost, Currency: "USD"},
		},
	}}
	a, _ := m.two()
	store := durable.New(a)
	defer store.Close()
	for _, later := range []time.Duration{0, 0, time.Hour, 2 * time.Hour} {
		rows, err := store.Usage(t.Context(), now.Add(later), pawl.LedgerFilter{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := map[pawl.EntryKind]pawl.Sum{}
		for _, r := range rows {
			for kind, s := range r.Sums {
				got[kind] = got[kind].Plus(s)
			}
		}
		want := map[pawl.EntryKind]pawl.Sum{pawl.EntryAnswered: used, pawl.EntryJoined: used.Plus(used), pawl.EntryReused: used}
		if !maps.Equal(got, want) {
			t.Errorf("Usage after %v = %v; want %v", later, got, want)
		}
		found, err := store.Entries(t.Context(), now.Add(later), pawl.LedgerFilter{Run: id})
		if err != nil || len(found.Entries) != 4 {
			t.Errorf("Entries after %v = %+v, %v; want 4", later, found.Entries, err)
		}
		claim := pawl.Claim{Worker: "w", Operations: []string{"work"}, Max: 1, Lease: time.Minute}
		if _, err := store.Claim(t.Context(), now.Add(later), claim); err != nil { // it opens the book
			t.Fatal(err)
		}
	}
	for _, p := range m.ledger {
		if p.Kind == durable.LedgerTail && p.Number == 1 {
			t.Error("the tail of the earlier version is there still")
		}
	}
}
