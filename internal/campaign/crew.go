package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/campaign/loop"
	"github.com/pawlhq/pawl/internal/campaign/worker"
	"github.com/pawlhq/pawl/llm/anthropic"
)

// workerCommand makes this program a worker. Its standard input is one line, its
// job, and then stays open: its end is the end of the work.
const workerCommand = "worker"

// workerProcess works on documents, by themselves or as an audit has them, or on loops,
// as the kind of its job says.
func workerProcess(ctx context.Context, in io.Reader, out io.Writer) error {
	return worker.Run(ctx, in, out, func(c *pawl.Client, j worker.Job) error {
		model := anthropic.New(anthropic.Config{Model: loop.Model, BaseURL: j.Provider, MaxTokens: loop.MaxTokens})
		switch j.Kind {
		case "":
			handle(c, asking(model))
		case auditKind:
			handle(c, audited(j.Provider))
		default:
			return loop.Handle(c, j.Kind, model)
		}
		return nil
	})
}

// A crew is the worker processes that are alive. One that is killed is replaced
// by a new one; one that ends by itself is a failure of the campaign.
type crew struct {
	job     worker.Job // of each, but for its witness; its name is how those of the members begin
	program []string   // that a member is, with its arguments; this one by default
	dir     string
	lost    chan error      // why members ended by themselves
	claims  chan<- struct{} // told of members' claims, if it has room; nil for nobody

	alive []*member
	all   []*member
}

// A member is one worker process.
type member struct {
	name   string
	acks   string
	cmd    *exec.Cmd
	line   io.Closer     // its standard input; closed, it drains and ends
	ready  chan struct{} // closed when it is at work
	gone   chan struct{} // closed when it has ended
	killed time.Time     // when it was sent SIGKILL; zero if it was not

	mu      sync.Mutex
	leaving bool // whether it has been told to end, or killed
}

func newCrew(dir string, j worker.Job) *crew {
	return &crew{job: j, dir: dir, lost: make(chan error, 1)}
}

// hire starts a worker.
func (c *crew) hire() error {
	name := fmt.Sprintf("%sworker-%02d", c.job.Name, len(c.all)+1)
	m := &member{name: name, acks: filepath.Join(c.dir, name+".acks"), ready: make(chan struct{}), gone: make(chan struct{})}
	j := c.job
	j.Name, j.Acks = name, m.acks
	if err := c.start(m, j, filepath.Join(c.dir, name+".log")); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	c.alive, c.all = append(c.alive, m), append(c.all, m)
	return nil
}

func (c *crew) start(m *member, j worker.Job, log string) error {
	program := c.program
	if len(program) == 0 {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		program = []string{self, workerCommand}
	}
	said, err := os.Create(log)
	if err != nil {
		return err
	}
	defer said.Close()
	m.cmd = exec.Command(program[0], program[1:]...)
	m.cmd.Stderr = said
	out, err1 := m.cmd.StdoutPipe()
	in, err2 := m.cmd.StdinPipe()
	if err := errors.Join(err1, err2, m.cmd.Start()); err != nil {
		return err
	}
	m.line = in
	go c.attend(m, out, log)
	return json.NewEncoder(in).Encode(j)
}

// attend waits for a member's end.
func (c *crew) attend(m *member, out io.Reader, log string) {
	defer close(m.gone)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch lines.Text() {
		case worker.Ready:
			close(m.ready)
		case worker.Claimed:
			select {
			case c.claims <- struct{}{}:
			default:
			}
		}
	}
	err := m.cmd.Wait()
	m.mu.Lock()
	leaving := m.leaving
	m.mu.Unlock()
	if leaving {
		return
	}
	select {
	case c.lost <- fmt.Errorf("%s ended by itself: %v; see %s", m.name, err, log):
	default: // one is enough
	}
}

func (m *member) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leaving = true
}

// settled returns when all members are at work.
func (c *crew) settled(ctx context.Context) error {
	for _, m := range c.alive {
		select {
		case <-m.ready:
		case err := <-c.lost:
			return err
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", m.name, context.Cause(ctx))
		}
	}
	return nil
}

// kill kills one of the members and starts another in its place.
func (c *crew) kill(r *rand.Rand) error {
	i := r.IntN(len(c.alive))
	m := c.alive[i]
	m.leave()
	m.killed = time.Now()
	if err := m.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", m.name, err)
	}
	<-m.gone
	m.line.Close()
	c.alive = slices.Delete(c.alive, i, i+1)
	return c.hire()
}

// dismiss has the members drain, and returns when they have ended. Whoever does
// not end in time is killed, which is an error.
func (c *crew) dismiss(within time.Duration) error {
	late := time.NewTimer(within)
	defer late.Stop()
	for _, m := range c.alive {
		m.leave()
		m.line.Close()
	}
	var errs []error
	for _, m := range c.alive {
		select {
		case <-m.gone:
			if code := m.cmd.ProcessState.ExitCode(); code != 0 {
				errs = append(errs, fmt.Errorf("%s drained with exit code %d", m.name, code))
			}
		case <-late.C:
			late.Reset(0)
			errs = append(errs, fmt.Errorf("%s did not drain within %v", m.name, within), m.cmd.Process.Kill())
			<-m.gone
		}
	}
	c.alive = nil
	return errors.Join(errs...)
}

// deaths returns when members were killed, by their names.
func (c *crew) deaths() map[string]time.Time {
	times := map[string]time.Time{}
	for _, m := range c.all {
		if !m.killed.IsZero() {
			times[m.name] = m.killed
		}
	}
	return times
}

// acks returns all that stores acknowledged to members.
func (c *crew) acks() ([]worker.Ack, error) {
	var all []worker.Ack
	for _, m := range c.all {
		acks, err := worker.ReadAcks(m.acks)
		if err != nil {
			return nil, err
		}
		all = append(all, acks...)
	}
	return all, nil
}
