package cli

import (
	"errors"
	"hash/crc32"
	"sync"
)

// shelf is where the demo's handlers file points: it stands for a database of
// the user's. It fails the first time for some, which is when it shows that a
// retry does not pay for the model's answer again.
type shelf struct {
	oneIn uint32 // it fails for one text in this many; 0 for none

	mu     sync.Mutex
	failed map[uint32]bool
	filed  int
}

var errShelf = errors.New("the demo's shelf was jammed on purpose")

func newShelf(oneIn uint32) *shelf { return &shelf{oneIn: oneIn, failed: map[uint32]bool{}} }

func (s *shelf) put(text string, points []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := crc32.ChecksumIEEE([]byte(text))
	if s.oneIn > 0 && sum%s.oneIn == 0 && !s.failed[sum] {
		s.failed[sum] = true
		return errShelf
	}
	s.filed += len(points)
	return nil
}
