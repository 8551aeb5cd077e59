package turns_test

import (
	"math/rand/v2"
	"testing"

	"github.com/pawlhq/pawl/internal/turns"
)

// What is foretold is what happens, if every task uses as much as was assumed and
// nobody comes or goes.
func TestBefore(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		var l turns.Line[int]
		users := make([]*turns.Turn[int], 1+r.IntN(6))
		left := make([]int, len(users))
		for i := range users {
			users[i] = &turns.Turn[int]{Of: i, Charged: float64(r.IntN(4) * 50)}
			left[i] = 1 + r.IntN(8)
			l.Enter(users[i])
		}
		who := r.IntN(len(users))
		own := r.IntN(left[who])
		got := own + l.Before(users[who], own, 100, func(u int) int { return left[u] })
		if all := l.Sum(func(u int) int { return left[u] }); got >= all {
			t.Errorf("seed %d: %d tasks before one of %d", seed, got, all)
		}
		for started := 0; ; started++ {
			first := l.First()
			if first == users[who] {
				if own == 0 {
					if got != started {
						t.Errorf("seed %d: Before = %d; %d started first", seed, got, started)
					}
					break
				}
				own--
			}
			l.Begin(first, 100)
			if left[first.Of]--; left[first.Of] == 0 {
				l.Leave(first)
			}
		}
	}
}

func TestBeforeOfWhoDoesNotWait(t *testing.T) {
	var l turns.Line[int]
	l.Enter(&turns.Turn[int]{Of: 1})
	if got := l.Before(&turns.Turn[int]{Of: 2}, 3, 100, func(int) int { return 5 }); got != 0 {
		t.Errorf("Before = %d; want 0", got)
	}
}
