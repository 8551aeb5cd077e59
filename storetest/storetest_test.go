package storetest_test

import (
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/storetest"
)

// Events may come late and hints too often, which no case may mind.
func TestCasesWaitForEvents(t *testing.T) {
	storetest.Run(t, func(*testing.T) pawl.Store { return storetest.Polled(inmem.New(), time.Millisecond) })
}
