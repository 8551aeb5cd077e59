package main

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
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/stores"
)

// workerCommand makes this program a worker. Its standard input is one line, its
// job, and then stays open: its end is the end of the work.
const workerCommand = "worker"

// readyLine is what a worker prints when it is at work.
const readyLine = "ready"

// job is what a worker is told.
type job struct {
	Name     string
	URL      string // of the store
	Provider string // where its provider listens
	Acks     string // the file of its witness
	Lease    time.Duration
}

// generous is a limit that is always open and counts the calls in flight.
var generous = map[string]limit.Config{"default": {Requests: 1e6, InFlight: 1000}}

// places is how many handlers a worker runs at once: more than there is to do, so
// that a task that may run again does not wait for others.
const places = 48

// workerProcess works until in ends.
func workerProcess(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	var j job
	if err := json.Unmarshal(line, &j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		io.Copy(io.Discard, lines) // an error is an end too
		stop()
	}()
	return j.work(ctx, out)
}

func (j job) work(ctx context.Context, out io.Writer) (err error) {
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
	seen := &witness{Store: store, file: acks, ready: func() { fmt.Fprintln(out, readyLine) }}
	client := pawl.New(seen, pawl.Config{
		Name: j.Name, Workers: places, Lease: j.Lease, Limits: generous,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	handle(client, anthropic.New(anthropic.Config{Model: "sim-1", BaseURL: j.Provider, MaxTokens: 100}))
	return client.Run(ctx)
}
