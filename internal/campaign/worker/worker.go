// Package worker is the worker process of a campaign. It may be killed at any
// moment, and what its store acknowledged to it by then is in a file.
package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/stores"
)

// The lines that a worker prints.
const (
	Ready   = "ready"   // once, when it is at work
	Claimed = "claimed" // each time that it was given tasks
)

// Job is what a worker is told.
type Job struct {
	Name     string
	URL      string // of the store
	Provider string // where its provider listens
	Acks     string // the file of its witness
	Lease    time.Duration
	Places   int      // handlers that it may run at once
	Queues   []string // that it works on; empty for all
	Kind     string   // of what it works on; "" for documents
	Limits   []string // that are always open and count the calls in flight, besides "default"
}

// limits returns the limits that are always open and count the calls in flight.
func (j Job) limits() map[string]limit.Config {
	all := map[string]limit.Config{}
	for _, name := range append(j.Limits, "default") {
		all[name] = limit.Config{Requests: 1e6, InFlight: 1000}
	}
	return all
}

// Run works until in ends, with the handlers that handle gives its client. The
// first line of in is the job.
func Run(ctx context.Context, in io.Reader, out io.Writer, handle func(*pawl.Client, Job) error) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	var j Job
	if err := json.Unmarshal(line, &j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		io.Copy(io.Discard, lines) // an error is an end too
		stop()
	}()
	return j.work(ctx, out, handle)
}

func (j Job) work(ctx context.Context, out io.Writer, handle func(*pawl.Client, Job) error) (err error) {
	acks, err := os.OpenFile(j.Acks, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer acks.Close()
	store, err := stores.Open(ctx, j.URL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	seen := &witness{Store: store, file: acks, say: func(line string) { fmt.Fprintln(out, line) }}
	client := pawl.New(seen, pawl.Config{
		Name: j.Name, Workers: j.Places, Queues: j.Queues, Lease: j.Lease, Limits: j.limits(),
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err := handle(client, j); err != nil {
		return err
	}
	return client.Run(ctx)
}
