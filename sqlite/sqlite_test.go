package sqlite_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/sqlite"
	"github.com/pawlhq/pawl/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openAt(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return s
}

func open(t testing.TB) *sqlite.Store { return openAt(t, filepath.Join(t.TempDir(), "test.db")) }

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) pawl.Store { return open(t) })
}

func TestContractOfTwoProcesses(t *testing.T) {
	storetest.RunShared(t, func(t *testing.T) (a, b pawl.Store) {
		path := filepath.Join(t.TempDir(), "test.db")
		return openAt(t, path), openAt(t, path)
	})
}

func TestLikeTheReference(t *testing.T) {
	storetest.Compare(t, func(t *testing.T) pawl.Store { return open(t) }, 10)
}

func TestEachWaitEndsOnce(t *testing.T) {
	storetest.RunJoins(t, func(t *testing.T) pawl.Store { return open(t) }, 10)
}

func TestNobodySpendsMoreThanThereIs(t *testing.T) {
	storetest.RunRace(t, func(t *testing.T) pawl.Store { return open(t) }, 2)
}
