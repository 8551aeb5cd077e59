package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// articleQueue is the task queue of many articles on agents: a line in memory, some
// workers, tasks that are told apart by a hash of their context, whole tasks tried
// again with exponential backoff, and dead letters after three attempts.
type articleQueue struct {
	model llm.Model
	steps int

	mu    sync.Mutex
	tasks map[[sha256.Size]byte]*articleTask
	line  chan *articleTask
	left  sync.WaitGroup
	ended func(number int, err error) // of a task
}

type articleTask struct {
	number, attempts int
}

const (
	articleAttempts = 3
	articleBackoff  = time.Second
)

// add puts a task into the line, unless an identical one is known.
func (q *articleQueue) add(ctx context.Context, number int) {
	hash := sha256.Sum256([]byte(prompt(point{number, 1})))
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.tasks[hash] != nil {
		return
	}
	t := &articleTask{number: number}
	q.tasks[hash] = t
	q.left.Add(1)
	go q.push(ctx, t)
}

func (q *articleQueue) push(ctx context.Context, t *articleTask) {
	select {
	case q.line <- t:
	case <-ctx.Done():
		q.left.Done()
	}
}

// work takes tasks out of the line until ctx ends.
func (q *articleQueue) work(ctx context.Context) {
	for {
		select {
		case t := <-q.line:
			q.attempt(ctx, t)
		case <-ctx.Done():
			return
		}
	}
}

// attempt does all of a task, or has it come back after some time.
func (q *articleQueue) attempt(ctx context.Context, t *articleTask) {
	err := converse(ctx, q.model, t.number, q.steps)
	if t.attempts++; err != nil && t.attempts < articleAttempts && ctx.Err() == nil {
		time.AfterFunc(articleBackoff<<(t.attempts-1), func() { q.push(ctx, t) })
		return
	}
	q.ended(t.number, err)
	q.left.Done()
}

// workArticle is the process that has the queue: it adds requests to itself, whose
// numbers are the first line of its input, works on them and says which are done.
func (c *child) workArticle(ctx context.Context, s setting) error {
	var numbers []int
	if err := json.NewDecoder(os.Stdin).Decode(&numbers); err != nil {
		return fmt.Errorf("read the requests: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	q := &articleQueue{model: newModel(c.provider), steps: s.Steps, tasks: map[[sha256.Size]byte]*articleTask{}, line: make(chan *articleTask)}
	var mu sync.Mutex
	q.ended = func(number int, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			fmt.Println(number)
		}
	}
	for _, n := range numbers {
		q.add(ctx, n)
	}
	var workers sync.WaitGroup
	for range s.Callers {
		workers.Go(func() { q.work(ctx) })
	}
	q.left.Wait()
	stop()
	workers.Wait()
	return nil
}

// What befalls the process that has the queue.
const (
	neverKilled    = iota
	killed         // it takes with it what waits and what it has half done
	killedAndAdded // and who waits for that adds it again
)

// memory has a process work that has the queue.
func memory(fate int) func(context.Context, setting, *provider) (*result, error) {
	return func(ctx context.Context, s setting, p *provider) (*result, error) {
		r := &result{done: map[int]bool{}}
		first, err := s.startArticle(p, r)
		if err != nil {
			return nil, err
		}
		if fate == neverKilled {
			return r, first.end()
		}
		if err := errors.Join(p.half(ctx), first.kill()); err != nil || fate == killed {
			return r, err
		}
		second, err := s.startArticle(p, r)
		if err != nil {
			return nil, err
		}
		return r, second.end()
	}
}

// startArticle starts the process with all requests that are not done.
func (s setting) startArticle(p *provider, r *result) (*process, error) {
	numbers := []int{}
	for n := 1; n <= s.Requests; n++ {
		if !r.done[n] {
			numbers = append(numbers, n)
		}
	}
	c := child{way: "memory", provider: p.url}
	w, err := c.start(s, func(number int) { r.done[number] = true })
	if err != nil {
		return nil, err
	}
	return w, json.NewEncoder(w.line).Encode(numbers)
}
