package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/pawlhq/pawl/llmsim"
)

// faults are those of a provider on a bad day that neither refuse a call nor
// stop the account: a call may or may not have been done, and may be billed.
var faults = llmsim.Faults{
	llmsim.ServerError: 0.02, llmsim.ResetBefore: 0.02, llmsim.ResetAfter: 0.02,
	llmsim.CutStream: 0.02, llmsim.StreamError: 0.02, llmsim.Slow: 0.02,
}

// badDay is a provider with these faults.
func badDay(seed uint64) llmsim.Config {
	return llmsim.Config{
		Latency: llmsim.Latency{FirstToken: 100 * time.Millisecond, TokensPerSecond: 400, Spread: 0.8, Slow: 1500 * time.Millisecond},
		Faults:  faults, Seed: seed,
		Reply: func(c *llmsim.Call) string {
			return strings.Repeat(fmt.Sprintf("This is noted, after %d messages. ", len(c.Messages)), 3)
		},
	}
}

// provider is the simulated provider, which outlives all workers, and knows
// which document each body is about.
type provider struct {
	sim   *llmsim.Server
	url   string
	stop  func() error
	about func(*llmsim.Call) (number int, ok bool) // tells the document of a call

	mu     sync.Mutex
	number map[uint64]int // the document of a body, by the body's hash
}

// startProvider serves on a free port of the loopback interface.
func startProvider(cfg llmsim.Config, about func(*llmsim.Call) (int, bool)) (*provider, error) {
	p := &provider{about: about, number: map[uint64]int{}}
	cfg.Log, cfg.Decide = 1<<20, p.note
	p.sim = llmsim.New(cfg)
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

// note writes down what a call is about. It has no opinion on its fate.
func (p *provider) note(c *llmsim.Call) llmsim.Fault {
	if number, ok := p.about(c); ok {
		p.mu.Lock()
		p.number[c.Hash] = number
		p.mu.Unlock()
	}
	return llmsim.None
}

// bill is what the provider has about one document.
type bill struct {
	Sent   int // calls that were neither refused nor answered with an error, delivered or not
	Billed int // of these, the ones that were billed
	Bodies map[uint64][]llmsim.Record
}

// bills returns what was asked and paid, by document. No call may be open.
func (p *provider) bills() map[int]*bill {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[int]*bill{}
	for r := range p.sim.Calls() {
		number, ok := p.number[r.Hash]
		if !ok || r.Status >= 400 {
			continue
		}
		b := all[number]
		if b == nil {
			b = &bill{Bodies: map[uint64][]llmsim.Record{}}
			all[number] = b
		}
		b.Sent++
		if r.Billed {
			b.Billed++
		}
		b.Bodies[r.Hash] = append(b.Bodies[r.Hash], r)
	}
	return all
}
