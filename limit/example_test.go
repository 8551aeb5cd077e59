package limit_test

import (
	"fmt"
	"time"

	"github.com/pawlhq/pawl/limit"
)

func Example() {
	c := limit.Config{InputTokens: 30_000, OutputTokens: 6_000} // a minute
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var s limit.State // full, never used

	size := limit.Size{Chars: 16_000, Output: 500}
	reserved, _, ok := s.Admit(now, c, limit.Call{Cost: c.Estimate(size, nil)})
	fmt.Println("first call:", ok)

	_, gate, ok := s.Admit(now, c, limit.Call{Cost: c.Estimate(size, nil)})
	fmt.Println("second call:", ok, "until", gate.Until.Sub(now), "for", gate.Name)

	// The first call's prompt was mostly read from the cache, which is free.
	s.Settle(now, c, reserved, c.Actual(size, limit.Usage{Input: 300, CacheRead: 3_700, Output: 450}, nil))
	_, _, ok = s.Admit(now, c, limit.Call{Cost: c.Estimate(size, nil)})
	fmt.Println("second call:", ok)
	// Output:
	// first call: true
	// second call: false until 6s for input tokens
	// second call: true
}
