package pawl

import "sync"

// crew runs attempts, each as soon as a processor is free, whatever the others
// do: a handler that waits keeps nobody waiting. One goroutine runs handlers one
// after another, on a stack that has grown once, for as long as they end
// quickly; while there is more to do, another one is always on its way.
type crew struct {
	run func(*attempt)

	mu      sync.Mutex
	waiting []*attempt
	coming  bool // a goroutine has been started and has not taken anything yet
}

// add runs attempts, in their order.
func (c *crew) add(attempts []*attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, attempts...)
	c.call()
}

// call has a goroutine come if there is something to do and none is coming.
func (c *crew) call() {
	if len(c.waiting) > 0 && !c.coming {
		c.coming = true
		go c.work()
	}
}

func (c *crew) work() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.coming = false
	for len(c.waiting) > 0 {
		a := c.waiting[0]
		c.waiting[0] = nil
		c.waiting = c.waiting[1:]
		c.call()
		c.mu.Unlock()
		c.run(a)
		c.mu.Lock()
	}
}
