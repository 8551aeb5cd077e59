package postgres_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durabletest"
	"github.com/pawlhq/pawl/internal/services"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/postgres"
)

func TestLedger(t *testing.T) {
	s := open(t, place(t))
	defer s.Close()
	durabletest.Ledger(t, postgres.Database(s))
}

func TestLedgerInParts(t *testing.T) {
	s := open(t, place(t))
	defer s.Close()
	durabletest.LedgerInParts(t, postgres.Database(s))
}

func TestNear(t *testing.T) {
	s := open(t, place(t))
	defer s.Close()
	durabletest.Near(t, postgres.Database(s))
}

// A schema of a program that knew neither a ledger nor what steps cost gets both, and
// keeps what it has.
func TestAnOldSchema(t *testing.T) {
	raw := services.Schema(t)
	s := open(t, inSchemaOf(t, raw))
	run, err := greet.Add(t.Context(), pawl.New(s, pawl.Config{}), "Ada")
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := s.Claim(t.Context(), time.Time{}, pawl.Claim{Worker: "w", Operations: []string{"greet"}, Max: 1, Lease: time.Microsecond})
	if err != nil || len(claimed.Tasks) != 1 {
		t.Fatalf("Claim = %+v, %v; want a task", claimed, err)
	}
	step := pawl.StepRow{Key: "k", Name: "ask", Call: true, Usage: llm.Usage{Output: 7}, Model: "m", Cost: 105, Currency: "USD", Attempt: 1}
	if _, err := s.Save(t.Context(), time.Time{}, []pawl.Save{{Lease: claimed.Tasks[0].Lease(), Step: &step}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c := connect(t, raw, pgx.QueryExecModeExec)
	for _, sql := range []string{
		"drop table ledger", "alter table step drop column model, drop column cost, drop column currency", "delete from migration where number > 2",
	} {
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, inSchemaOf(t, raw))
	defer s.Close()
	if n := work(t, s); n != 1 {
		t.Errorf("%d tasks; want the one that was there", n)
	}
	rows, err := s.List(t.Context(), time.Time{}, pawl.Filter{IDs: []pawl.ID{run.ID}, Steps: true})
	if err != nil || len(rows) != 1 || len(rows[0].Steps) != 1 {
		t.Fatalf("List = %+v, %v; want the task with its step", rows, err)
	}
	if s, a := rows[0].Steps[0], rows[0].Attempts[0]; s.Usage.Output != 7 || s.Cost != 0 || a.Usage.Output != 7 || a.Cost != 0 {
		t.Errorf("step %+v of attempt %+v; want 7 tokens, which cost nobody knows what", s, a)
	}
	durabletest.Ledger(t, postgres.Database(s))
}

// A caller's transaction sees more with each statement: what waits to be entered and
// what was entered meanwhile must count once.
func TestUsageInCallersTransaction(t *testing.T) {
	raw := services.Schema(t)
	s := open(t, inSchemaOf(t, raw))
	defer s.Close()
	tx := begin(t, connect(t, raw, pgx.QueryExecModeCacheStatement))
	counts := func(what string, calls int64) {
		t.Helper()
		rows, err := s.Tx(tx).Usage(t.Context(), time.Time{}, pawl.LedgerFilter{}, nil)
		if err != nil || len(rows) != 1 || rows[0].Sums[pawl.EntryAnswered].Calls != calls {
			t.Errorf("Usage, %s = %+v, %v; want %d calls", what, rows, err, calls)
		}
		found, err := s.Tx(tx).Entries(t.Context(), time.Time{}, pawl.LedgerFilter{})
		if err != nil || int64(len(found.Entries)) != calls {
			t.Errorf("Entries, %s = %+v, %v; want %d", what, found, err, calls)
		}
	}
	if _, err := greet.Add(t.Context(), pawl.New(s, pawl.Config{}), "Ada"); err != nil {
		t.Fatal(err)
	}
	claim := pawl.Claim{Worker: "w", Operations: []string{"greet"}, Max: 1, Lease: time.Minute}
	claimed, err := s.Claim(t.Context(), time.Time{}, claim)
	if err != nil || len(claimed.Tasks) != 1 {
		t.Fatalf("Claim = %+v, %v; want a task", claimed, err)
	}
	for n := range int64(3) {
		lease, key := claimed.Tasks[0].Lease(), fmt.Sprint("k", n)
		if _, err := s.Reserve(t.Context(), time.Time{}, []pawl.Reservation{{Lease: lease, Key: key, Limit: pawl.NoLimit}}); err != nil {
			t.Fatal(err)
		}
		settled := pawl.Save{Lease: lease, Settle: &pawl.Settlement{Key: key, Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 1}}}
		errs, err := s.Save(t.Context(), time.Time{}, []pawl.Save{settled})
		if err := errors.Join(append(errs, err)...); err != nil {
			t.Fatal(err)
		}
		counts("in the inbox", n+1)
		if _, err := s.Claim(t.Context(), time.Time{}, claim); err != nil {
			t.Fatal(err)
		}
		counts("in the ledger", n+1)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}
