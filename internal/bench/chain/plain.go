package main

import (
	"context"
	"sync"

	"github.com/pawlhq/pawl/llm"
)

// plainTries is how often a request is begun that is started over when a call fails.
const plainTries = 10

// plain makes the calls of each request one after the other, and begins the request so
// many times at most.
func plain(tries int) func(context.Context, setting, *provider) (*result, error) {
	return func(ctx context.Context, s setting, p *provider) (*result, error) {
		model := newModel(p.url)
		r := &result{done: map[int]bool{}}
		var mu sync.Mutex
		numbers := make(chan int)
		var callers sync.WaitGroup
		for range s.Callers {
			callers.Go(func() {
				for n := range numbers {
					for range tries {
						if converse(ctx, model, n, s.Steps) == nil {
							mu.Lock()
							r.done[n] = true
							mu.Unlock()
							break
						}
					}
				}
			})
		}
		for n := 1; n <= s.Requests; n++ {
			numbers <- n
		}
		close(numbers)
		callers.Wait()
		return r, ctx.Err()
	}
}

// converse makes all calls of a request, of which each continues the ones before.
func converse(ctx context.Context, model llm.Model, request, steps int) error {
	var said []llm.Message
	for step := 1; step <= steps; step++ {
		said = append(said, llm.Text("user", prompt(point{request, step})))
		body, err := model.Encode(llm.Request{Messages: said})
		if err != nil {
			return err
		}
		answer, err := model.Send(ctx, body)
		if err != nil {
			return err
		}
		said = append(said, llm.Text("assistant", answer.Text()))
	}
	return nil
}
