package inmem_test

import (
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) pawl.Store { return inmem.New() })
}
