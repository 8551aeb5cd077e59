package inmem_test

import (
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/storetest"
)

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(*testing.B) pawl.Store { return inmem.New() })
}
