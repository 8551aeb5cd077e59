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
)

// A crew is the worker processes that are alive. One that is killed is replaced
// by a new one; one that ends by itself is a failure of the campaign.
type crew struct {
	job  job // of each, but for its name and its witness
	dir  string
	lost chan error // why members ended by themselves

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

func newCrew(dir string, j job) *crew {
	return &crew{job: j, dir: dir, lost: make(chan error, 1)}
}

// hire starts a worker.
func (c *crew) hire() error {
	name := fmt.Sprintf("worker-%02d", len(c.all)+1)
	m := &member{name: name, acks: filepath.Join(c.dir, name+".acks"), ready: make(chan struct{}), gone: make(chan struct{})}
	j := c.job
	j.Name, j.Acks = name, m.acks
	if err := m.start(filepath.Join(c.dir, name+".log"), j, c.lost); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	c.alive, c.all = append(c.alive, m), append(c.all, m)
	return nil
}

func (m *member) start(log string, j job, lost chan<- error) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	said, err := os.Create(log)
	if err != nil {
		return err
	}
	defer said.Close()
	m.cmd = exec.Command(self, workerCommand)
	m.cmd.Stderr = said
	out, err1 := m.cmd.StdoutPipe()
	in, err2 := m.cmd.StdinPipe()
	if err := errors.Join(err1, err2, m.cmd.Start()); err != nil {
		return err
	}
	m.line = in
	go m.attend(out, log, lost)
	return json.NewEncoder(in).Encode(j)
}

// attend waits for a member's end.
func (m *member) attend(out io.Reader, log string, lost chan<- error) {
	defer close(m.gone)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == readyLine {
			close(m.ready)
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
	case lost <- fmt.Errorf("%s ended by itself: %v; see %s", m.name, err, log):
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
func (c *crew) acks() ([]ack, error) {
	var all []ack
	for _, m := range c.all {
		acks, err := readAcks(m.acks)
		if err != nil {
			return nil, err
		}
		all = append(all, acks...)
	}
	return all, nil
}
