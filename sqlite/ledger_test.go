package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/pawlhq/pawl/internal/durabletest"
	"github.com/pawlhq/pawl/sqlite"
)

func TestLedger(t *testing.T) { durabletest.Ledger(t, sqlite.Database(open(t))) }

func TestLedgerInParts(t *testing.T) { durabletest.LedgerInParts(t, sqlite.Database(open(t))) }

func TestNear(t *testing.T) { durabletest.Near(t, sqlite.Database(open(t))) }

// A file of a program that knew no ledger gets one, and keeps what it has.
func TestLedgerOfAnOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := openAt(t, path)
	add(t, s, task("1"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	raw(t, path, "DROP TABLE ledger; DELETE FROM migration WHERE number > 1")
	s = openAt(t, path)
	if n := len(list(t, s)); n != 1 {
		t.Errorf("%d tasks; want the one that was there", n)
	}
	durabletest.Ledger(t, sqlite.Database(s))
}
