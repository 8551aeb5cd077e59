package pawl

import (
	"runtime"
	"sync"
)

// group commits the items of concurrent callers together: while one batch is
// being committed, the next one gathers. A caller on its own waits for nothing.
type group[In, Out any] struct {
	commit func([]In) []Out // one answer for each item, in order
	most   int              // items in one batch

	mu      sync.Mutex
	waiting []waiting[In, Out]
	busy    bool
}

type waiting[In, Out any] struct {
	item In
	done func(Out)
}

// do has item committed and calls done with the answer, in a goroutine that
// ends when nothing is waiting: no caller is kept by those who come after it.
func (g *group[In, Out]) do(item In, done func(Out)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, waiting[In, Out]{item, done})
	if !g.busy {
		g.busy = true
		go g.lead()
	}
}

// lead commits one batch after the other until nothing is waiting.
func (g *group[In, Out]) lead() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.waiting) > 0 {
		batch := g.take()
		g.mu.Unlock()
		g.run(batch)
		runtime.Gosched() // those who got an answer often have the next item ready
		g.mu.Lock()
	}
	g.busy = false
}

// wait has item committed and returns the answer. A caller on its own commits it
// itself: a goroutine for it, whose stack must grow, costs a fifth of what a commit
// of SQLite does.
func (g *group[In, Out]) wait(item In) Out {
	answer := make(chan Out, 1)
	own := waiting[In, Out]{item, func(out Out) { answer <- out }}
	if g.enter(own) {
		g.alone(own)
	}
	return <-answer
}

// enter reports whether nothing is being committed, so that the caller is to
// commit its item; else it has the item wait.
func (g *group[In, Out]) enter(own waiting[In, Out]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy {
		g.waiting = append(g.waiting, own)
		return false
	}
	g.busy = true
	return true
}

// alone commits one item, and leaves those that came meanwhile to a goroutine,
// even if the commit panics.
func (g *group[In, Out]) alone(own waiting[In, Out]) {
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.waiting) == 0 {
			g.busy = false
			return
		}
		go g.lead()
	}()
	g.run([]waiting[In, Out]{own})
}

func (g *group[In, Out]) take() []waiting[In, Out] {
	n := min(len(g.waiting), g.most)
	batch := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	return batch
}

func (g *group[In, Out]) run(batch []waiting[In, Out]) {
	items := make([]In, len(batch))
	for i := range batch {
		items[i] = batch[i].item
	}
	for i, out := range g.commit(items) {
		batch[i].done(out)
	}
}
