package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
)

// child is this program as a process that may be killed.
type child struct {
	way      string
	provider string
	store    string
}

// run is the child's work.
func (c *child) run(ctx context.Context, s setting) error {
	switch c.way {
	case "memory":
		return c.workArticle(ctx, s)
	case "pawl":
		return c.workPawl(ctx, s)
	}
	return fmt.Errorf("-child is %q; want memory or pawl", c.way)
}

// process is a child that was started.
type process struct {
	cmd  *exec.Cmd
	line io.WriteCloser // its standard input; closed, it ends when it has nothing to do
	read chan struct{}  // closed when all that it said is read
}

// start starts a child. done is told of each number that it prints.
func (c *child) start(s setting, done func(number int)) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-child", c.way, "-provider", c.provider, "-store", c.store,
		"-requests", fmt.Sprint(s.Requests), "-steps", fmt.Sprint(s.Steps), "-callers", fmt.Sprint(s.Callers))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	p := &process{cmd: cmd, line: in, read: make(chan struct{})}
	go func() {
		defer close(p.read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if n, err := strconv.Atoi(lines.Text()); err == nil {
				done(n)
			}
		}
	}()
	return p, nil
}

// end has the child end when it has nothing to do, and returns when it has.
func (p *process) end() error {
	p.line.Close()
	<-p.read
	return p.cmd.Wait()
}

// kill ends the child as a crash does. What it has said is read to its end.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	<-p.read
	_ = p.cmd.Wait() // it says that it was killed
	return err
}
