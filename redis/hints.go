package redis

import (
	"sync"

	"github.com/pawlhq/pawl/internal/durable"
)

// hints are the bins that claims of this process asked for lately. The next claim
// asks for the same ones, mostly, and gets them together with the book.
type hints struct {
	mu   sync.Mutex
	bins []durable.HeadAsk // the latest first
}

// mostHints is how many bins are read ahead, and mostAhead how many tasks of them.
const (
	mostHints = 16
	mostAhead = 1000
)

func (h *hints) get() []durable.HeadAsk {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]durable.HeadAsk{}, h.bins...)
}

func (h *hints) asked(asks []durable.HeadAsk) {
	h.mu.Lock()
	defer h.mu.Unlock()
	bins := make([]durable.HeadAsk, 0, mostHints)
	left, seen := mostAhead, map[int64]bool{}
	for _, all := range [][]durable.HeadAsk{asks, h.bins} {
		for _, ask := range all {
			if len(bins) < mostHints && !seen[ask.Bin] && ask.Most > 0 && ask.Most <= left {
				bins, left = append(bins, ask), left-ask.Most
				seen[ask.Bin] = true
			}
		}
	}
	h.bins = bins
}

// heads are the first members of a bin, as many as were asked for or all.
type heads struct {
	members []string
	most    int
}

func headsOf(asks []durable.HeadAsk, answers []any) (map[int64]heads, error) {
	found := make(map[int64]heads, len(asks))
	for i, ask := range asks {
		members, err := texts(answers[i])
		if err != nil {
			return nil, err
		}
		found[ask.Bin] = heads{members, ask.Most}
	}
	return found, nil
}
