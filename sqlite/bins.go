package sqlite

import (
	"sync"

	"github.com/pawlhq/pawl/internal/durable"
)

// binsMost is how many names are remembered, so that memory does not grow with
// the users.
const binsMost = 4096

// bins remembers the parts of bins. A number always stands for the same parts, so
// what is remembered cannot be wrong.
type bins struct {
	mu    sync.Mutex
	known map[int64]durable.Bin
}

func (b *bins) get(number int64) (durable.Bin, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	bin, ok := b.known[number]
	return bin, ok
}

func (b *bins) put(number int64, bin durable.Bin) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == nil || len(b.known) >= binsMost {
		b.known = map[int64]durable.Bin{}
	}
	b.known[number] = bin
}
