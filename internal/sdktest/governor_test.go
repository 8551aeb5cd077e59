package sdktest

import (
	"context"
	"sync"

	"github.com/pawlhq/pawl/llm"
)

// memory is a governor that answers a repeated call from memory, whether it
// succeeded or failed, as the queue does within an attempt.
type memory struct {
	mu     sync.Mutex
	calls  []llm.Call
	stored map[string]*llm.Exchange
	failed map[string]error
}

func (m *memory) Govern(ctx context.Context, call llm.Call, send func(context.Context) (*llm.Exchange, error)) (*llm.Exchange, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stored == nil {
		m.stored, m.failed = map[string]*llm.Exchange{}, map[string]error{}
	}
	m.calls = append(m.calls, call)
	key := call.Name + " " + string(call.Body)
	if m.stored[key] != nil || m.failed[key] != nil {
		return m.stored[key], m.failed[key]
	}
	exchange, err := send(ctx)
	m.stored[key], m.failed[key] = exchange, err
	return exchange, err
}

// usage returns what the calls used that were made.
func (m *memory) usage() llm.Usage {
	var sum llm.Usage
	for _, x := range m.stored {
		if x != nil {
			sum = sum.Add(x.Usage)
		}
	}
	return sum
}

// failures returns the failures that it remembers.
func (m *memory) failures() []error {
	var all []error
	for _, err := range m.failed {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}
