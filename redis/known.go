package redis

import (
	"sync"

	"github.com/pawlhq/pawl"
)

// known is the rows of tasks that this process has claimed, as it has written them
// last. Nobody else changes such a task, as a rule: so its attempt ends without reading
// it first, and commit.lua finds the exception.
type known struct {
	mu   sync.Mutex
	rows map[pawl.ID]string
}

// mostKnown is how many rows are known at most: far more than a process runs tasks.
// Those whose end is written by another process stay until then.
const mostKnown = 1 << 16

func (k *known) get(ids []pawl.ID) (rows []string, all bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	rows, all = make([]string, len(ids)), true
	for i, id := range ids {
		rows[i] = k.rows[id]
		all = all && rows[i] != ""
	}
	return rows, all
}

func (k *known) set(id pawl.ID, row string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rows == nil || len(k.rows) >= mostKnown {
		k.rows = map[pawl.ID]string{}
	}
	k.rows[id] = row
}

func (k *known) forget(ids ...pawl.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		delete(k.rows, id)
	}
}
