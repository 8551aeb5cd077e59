package saturation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"sync"

	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/stores"
)

// shift is what a process of its own is told to work on.
type shift struct {
	Store    string       `json:"store"`
	Limit    string       `json:"limit"`
	Config   limit.Config `json:"config"`
	Scale    float64      `json:"scale"`
	Provider string       `json:"provider"` // its base URL
}

// Serve works in a process of its own until ctx or r ends. What to do is the
// first thing that r says.
func Serve(ctx context.Context, r io.Reader) error {
	in := json.NewDecoder(r)
	var s shift
	if err := in.Decode(&s); err != nil {
		return fmt.Errorf("read what to work on: %w", err)
	}
	store, err := stores.Open(ctx, s.Store)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // ends with r, or with the process
		_, _ = io.Copy(io.Discard, r)
		stop()
	}()
	model := anthropic.New(anthropic.Config{Model: "simulated", MaxTokens: maxTokens, BaseURL: s.Provider})
	e := engine{store: store, name: s.Limit, config: s.Config, scale: s.Scale}
	return errors.Join(e.work(ctx, model), store.Close())
}

// workElsewhere has processes of their own make the calls of tasks until ctx ends.
func (e *engine) workElsewhere(ctx context.Context, st *stage, w Workers) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("open a port for the simulated provider: %w", err)
	}
	serving, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- st.sim.Run(serving, l) }()
	todo, err := json.Marshal(shift{e.url, e.name, e.config, e.scale, "http://" + l.Addr().String()})
	if err != nil {
		panic(err) // it has only plain values
	}
	failed := make([]error, w.Processes)
	var processes sync.WaitGroup
	for i := range w.Processes {
		processes.Go(func() { failed[i] = employ(ctx, w.Command, todo) })
	}
	processes.Wait()
	hangUp()
	return errors.Join(append(failed, <-served)...)
}

// employ runs one process until ctx ends.
func employ(ctx context.Context, command []string, todo []byte) error {
	cmd := exec.Command(command[0], command[1:]...)
	var says bytes.Buffer
	cmd.Stderr = &says
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a worker: %w", err)
	}
	_, err = in.Write(todo)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ctx.Done():
		err = errors.Join(err, in.Close())
		err = errors.Join(err, <-ended)
	case stopped := <-ended:
		err = errors.Join(err, stopped, errors.New("a worker ended before the play did"))
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(says.Bytes()))
	}
	return nil
}
