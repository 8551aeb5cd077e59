package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/pawlhq/pawl/bench/engines"
	"github.com/pawlhq/pawl/bench/trial"
)

// trialMost is how long one trial may take, beside the seconds that it asks for.
const trialMost = 30 * time.Minute

// runTrial measures an engine in a process of its own.
func runTrial(ctx context.Context, e engines.Engine, job trial.Job) (trial.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, trialMost+time.Duration(job.Seconds*float64(time.Second)))
	defer cancel()
	var r trial.Result
	command, err := trialCommand(ctx, e)
	if err != nil {
		return r, err
	}
	memory, err := converse(command, job, &r)
	if err != nil {
		return r, fmt.Errorf("measure %s: %w", e.Name, err)
	}
	r.Memory = memory
	return r, nil
}

func trialCommand(ctx context.Context, e engines.Engine) (*exec.Cmd, error) {
	if e.Node {
		return nodeCommand(ctx)
	}
	return selfCommand(ctx, "trial")
}

// selfCommand runs this program again.
func selfCommand(ctx context.Context, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return exec.CommandContext(ctx, self, args...), nil
}

// converse gives a process its question, and reads its answer. It returns how
// many bytes the process had resident at its peak.
func converse(c *exec.Cmd, question, answer any) (peak int64, err error) {
	asked, err := json.Marshal(question)
	if err != nil {
		return 0, err
	}
	c.Stdin, c.Stderr = bytes.NewReader(asked), os.Stderr
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 10 * time.Second
	said, err := c.Output()
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(said, answer); err != nil {
		return 0, fmt.Errorf("read what %s said: %w: %.200q", c.Path, err, said)
	}
	return peakMemory(c.ProcessState), nil
}

func peakMemory(ended *os.ProcessState) int64 {
	usage, ok := ended.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return usage.Maxrss
	}
	return usage.Maxrss * 1024 // elsewhere it is in KiB
}

// trialProcess is the other side of runTrial: it reads a job and writes a result.
func trialProcess(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	var job trial.Job
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	e, ok := engines.Named(job.Store, job.Engine)
	if !ok || e.Open == nil {
		return fmt.Errorf("no engine %q on %q in this program", job.Engine, job.Store)
	}
	q, err := e.Open(ctx, job.URL)
	if err != nil {
		return fmt.Errorf("open %s: %w", e.Name, err)
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	r, err := trial.Run(ctx, q, job)
	if err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	r.Version = e.Version()
	return json.NewEncoder(out).Encode(r)
}
