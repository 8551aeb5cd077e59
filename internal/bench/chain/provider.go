package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llmsim"
)

// The times of the provider, and how long a caller waits for an answer.
const (
	firstToken = 20 * time.Millisecond
	speed      = 2000 // tokens a second
	tooSlow    = 20 * time.Second
	patience   = 3 * time.Second
)

// failures are those that an agent sees of a provider that has room for it. The last
// two are billed.
var failures = [...]llmsim.Fault{llmsim.ServerError, llmsim.ResetAfter, llmsim.Slow}

// A point is one call of one request.
type point struct{ request, step int }

// prompt is what a request says in a step, both counted from 1.
func prompt(p point) string {
	s := fmt.Sprintf(promptHead+"Look at what was said so far, and say what is to be done next.", p.request, p.step)
	if p.step == 1 {
		s += "\n\n" + strings.Repeat(fmt.Sprintf("This is what request %d is about: a wheel, and what keeps it from turning back. ", p.request), 20)
	}
	return s
}

const promptHead = "Request %d, step %d. "

// pointOf returns what a call is about.
func pointOf(c *llmsim.Call) (p point, ok bool) {
	last := c.Messages[len(c.Messages)-1].Text
	n, err := fmt.Sscanf(last, promptHead, &p.request, &p.step)
	return p, err == nil && n == 2
}

// provider is the simulated provider and its bill.
type provider struct {
	setting
	sim  *llmsim.Server
	url  string
	stop func() error

	mu    sync.Mutex
	about map[uint64]point // what a body is about, by its hash
	times map[point]int    // how often each call was sent
}

func startProvider(s setting) (*provider, error) {
	p := &provider{setting: s, about: map[uint64]point{}, times: map[point]int{}}
	p.sim = llmsim.New(llmsim.Config{
		Latency: llmsim.Latency{FirstToken: firstToken, TokensPerSecond: speed, Spread: 0.5, Slow: tooSlow},
		Decide:  p.decide, Log: 1 << 20,
		Reply: func(c *llmsim.Call) string {
			return strings.Repeat(fmt.Sprintf("Lift the pawl %d times, and turn the wheel on. ", len(c.Messages)), 4)
		},
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the provider: %w", err)
	}
	p.url = "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.sim.Run(ctx, l) }()
	p.stop = func() error { cancel(); return <-ended }
	return p, nil
}

// decide fails a call by chance, which depends on the seed, on what the call is about
// and on how often that was sent before.
func (p *provider) decide(c *llmsim.Call) llmsim.Fault {
	at, ok := pointOf(c)
	if !ok {
		return llmsim.None
	}
	p.mu.Lock()
	nth := p.times[at]
	p.times[at]++
	p.about[c.Hash] = at
	p.mu.Unlock()
	r := rand.New(rand.NewPCG(p.Seed, uint64(at.request)<<32|uint64(at.step)<<16|uint64(nth)))
	if r.Float64() >= p.Failures {
		return llmsim.None
	}
	return failures[r.IntN(len(failures))]
}

// half returns once half of all calls are answered, or with ctx's error.
func (p *provider) half(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for p.sim.Stats().Answered < int64(p.Requests*p.Steps/2) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// newModel is the model that every way asks.
func newModel(url string) llm.Model {
	return anthropic.New(anthropic.Config{Model: "sim-1", BaseURL: url, MaxTokens: 200, Timeout: patience})
}
