package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durabletest"
	"github.com/pawlhq/pawl/internal/services"
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

// A schema of a program that knew no ledger gets one, and keeps what it has.
func TestLedgerOfAnOldSchema(t *testing.T) {
	raw := services.Schema(t)
	s := open(t, inSchemaOf(t, raw))
	if _, err := greet.Add(t.Context(), pawl.New(s, pawl.Config{}), "Ada"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c := connect(t, raw, pgx.QueryExecModeExec)
	for _, sql := range []string{"drop table ledger", "delete from migration where number > 2"} {
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, inSchemaOf(t, raw))
	defer s.Close()
	if n := work(t, s); n != 1 {
		t.Errorf("%d tasks; want the one that was there", n)
	}
	durabletest.Ledger(t, postgres.Database(s))
}
