// Inflight measures what running tasks cost in memory: handlers that wait on
// something in this process, and model calls in flight to a simulated provider
// in another one.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llmsim"
)

func main() {
	handlers := flag.Int("handlers", 100_000, "handlers that wait in this process")
	calls := flag.Int("calls", 10_000, "calls in flight to a simulated provider in another process")
	serve := flag.Bool("serve", false, "be that provider, until standard input ends")
	flag.Parse()
	if err := run(*handlers, *calls, *serve); err != nil {
		fmt.Fprintln(os.Stderr, "inflight:", err)
		os.Exit(1)
	}
}

func run(handlers, calls int, serve bool) error {
	if serve {
		return provide()
	}
	if calls > 0 {
		if err := measureCalls(calls); err != nil {
			return err
		}
	}
	if handlers > 0 {
		return measureHandlers(handlers)
	}
	return nil
}

var (
	hold = pawl.Operation[int, int]{Name: "hold", Limit: pawl.NoLimit}
	ask  = pawl.Operation[int, string]{Name: "ask"}
)

// measureHandlers has n handlers wait on one channel, all at once.
func measureHandlers(n int) error {
	client := pawl.New(inmem.New(), pawl.Config{Workers: n})
	var inside atomic.Int64
	full, open := make(chan struct{}), make(chan struct{})
	hold.Handle(client, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
		if inside.Add(1) == int64(n) {
			close(full)
		}
		<-open
		return t.Input, nil
	})
	return measure("handlers", client, n, full, open, func(ctx context.Context, ins []int) error {
		_, err := hold.AddMany(ctx, client, ins)
		return err
	})
}

// measureCalls has n calls wait for their answer at the provider.
func measureCalls(n int) error {
	url, stop, err := startProvider()
	if err != nil {
		return err
	}
	defer stop()
	model := anthropic.New(anthropic.Config{BaseURL: url, Model: "sim", APIKey: "none", MaxTokens: 64})
	client := pawl.New(inmem.New(), pawl.Config{Workers: n})
	var inside atomic.Int64
	full := make(chan struct{})
	ask.Handle(client, func(ctx context.Context, t *pawl.Task[int]) (string, error) {
		if inside.Add(1) == int64(n) {
			time.AfterFunc(latency/4, func() { close(full) }) // all are sent by then
		}
		reply, err := t.Ask(ctx, model, fmt.Sprintf("Question %d: how does a ratchet work?", t.Input))
		if err != nil {
			return "", err
		}
		return reply.Text(), nil
	})
	return measure("calls", client, n, full, nil, func(ctx context.Context, ins []int) error {
		_, err := ask.AddMany(ctx, client, ins)
		return err
	})
}

// measure adds n tasks, waits until all are inside their handlers, and reads how
// much memory is resident. Then it opens the gate and waits for their outcomes.
func measure(what string, client *pawl.Client, n int, full <-chan struct{}, open chan struct{}, add func(context.Context, []int) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ins := make([]int, n)
	for i := range ins {
		ins[i] = i
	}
	if err := add(ctx, ins); err != nil {
		return err
	}
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- client.Run(ctx) }()
	<-full
	at, peak, err := resident()
	if err != nil {
		return err
	}
	fmt.Printf("%d %s in flight: %d MiB resident, %d MiB at most, after %v\n", n, what, at, peak, time.Since(began).Round(time.Millisecond))
	if open != nil {
		close(open)
	}
	if err := ended(ctx, client, n); err != nil {
		return err
	}
	cancel()
	return <-done
}

// ended waits until n tasks have succeeded.
func ended(ctx context.Context, client *pawl.Client, n int) error {
	events := client.Events(ctx, pawl.EventEnded)
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	counts := status.Queues[0].Counts
	left := n - counts[pawl.Succeeded] - counts[pawl.Dead]
	if left > 0 {
		for _, err := range events {
			if left--; left == 0 || err != nil {
				break
			}
		}
	}
	if status, err = client.Status(ctx); err != nil {
		return err
	}
	if counts = status.Queues[0].Counts; counts[pawl.Succeeded] != n {
		return fmt.Errorf("%d of %d tasks succeeded: %v", counts[pawl.Succeeded], n, counts)
	}
	return nil
}

// resident reads this process's resident memory, now and at most, in MiB.
func resident() (now, peak int, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, fmt.Errorf("memory is measured on Linux: %w", err)
	}
	for line := range bytes.Lines(status) {
		fields := strings.Fields(string(line))
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.Atoi(fields[1])
		switch fields[0] {
		case "VmRSS:":
			now = kib >> 10
		case "VmHWM:":
			peak = kib >> 10
		}
	}
	return now, peak, nil
}

// latency is how long the provider takes: long enough to have every call in
// flight at once.
const latency = 20 * time.Second

func provide() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	fmt.Printf("http://%s\n", listener.Addr())
	return llmsim.New(llmsim.Config{Latency: llmsim.Latency{FirstToken: latency}}).Run(ctx, listener)
}

// startProvider starts this program as the provider; stop ends it.
func startProvider() (url string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(self, "-serve")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		in.Close()
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("start the provider: %w", err)
	}
	return strings.TrimSpace(line), stop, nil
}
