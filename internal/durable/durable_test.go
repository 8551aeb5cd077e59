package durable_test

import (
	"testing"

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

func TestTwoProcessesShareOneDatabase(t *testing.T) {
	storetest.RunShared(t, func(*testing.T) (_, _ pawl.Store) {
		a, b := newMemory().two()
		return durable.New(a), durable.New(b)
	})
}
