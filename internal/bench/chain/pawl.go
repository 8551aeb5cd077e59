package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
)

// request is the operation: all defaults, its calls by Ask.
var request = pawl.Operation[int, int]{Name: "request"}

// workPawl is the worker's process. It ends with its standard input.
func (c *child) workPawl(ctx context.Context, s setting) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // an error is an end too
		stop()
	}()
	store, err := stores.Open(ctx, c.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	client := pawl.New(store, pawl.Config{Workers: s.Callers, Logger: slog.New(slog.DiscardHandler)})
	model := newModel(c.provider)
	request.Handle(client, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
		for step := 1; step <= s.Steps; step++ {
			// Without the provider's cache, as in the other ways.
			if _, err := t.Ask(ctx, model, prompt(point{t.Input, step}), pawl.NoCache()); err != nil {
				return 0, err
			}
		}
		return t.Input, nil
	})
	return client.Run(ctx)
}

// pawlKilled has a process work on the requests, kills it when half of the calls are
// answered, and starts another one.
func pawlKilled(ctx context.Context, s setting, p *provider) (r *result, err error) {
	dir, err := os.MkdirTemp("", "pawl-chain-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	c := child{way: "pawl", provider: p.url, store: "sqlite:" + filepath.Join(dir, "chain.db")}
	store, err := stores.Open(ctx, c.store)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	client := pawl.New(store, pawl.Config{Logger: slog.New(slog.DiscardHandler)})
	numbers := make([]int, s.Requests)
	for i := range numbers {
		numbers[i] = i + 1
	}
	runs, err := request.AddMany(ctx, client, numbers)
	if err != nil {
		return nil, err
	}
	if err := s.killOnce(ctx, &c, p, func() error { return ended(ctx, runs) }); err != nil {
		return nil, err
	}
	return s.read(ctx, client, runs)
}

// killOnce has one process after another work until wait returns.
func (s setting) killOnce(ctx context.Context, c *child, p *provider, wait func() error) error {
	first, err := c.start(s, func(int) {})
	if err != nil {
		return err
	}
	if err := errors.Join(p.half(ctx), first.kill()); err != nil {
		return err
	}
	second, err := c.start(s, func(int) {})
	if err != nil {
		return err
	}
	return errors.Join(wait(), second.end())
}

// ended waits until all runs have ended, in whatever way.
func ended(ctx context.Context, runs []*pawl.Run[int]) error {
	for _, run := range runs {
		if _, err := run.Wait(ctx); err != nil {
			if _, dead := errors.AsType[*pawl.DeadError](err); !dead {
				return err
			}
		}
	}
	return nil
}

// read asks the store which requests are done, and its ledger which calls are unknown.
func (s setting) read(ctx context.Context, client *pawl.Client, runs []*pawl.Run[int]) (*result, error) {
	rows, err := client.List(ctx, pawl.Filter{Steps: true})
	if err != nil {
		return nil, err
	}
	l := &record{possibly: map[point]int{}}
	r := &result{done: map[int]bool{}, record: l}
	steps := map[string]point{} // of calls, by what their keys in the ledger begin with
	numbers := map[pawl.ID]int{}
	for i, run := range runs {
		numbers[run.ID] = i + 1
	}
	for _, row := range rows {
		number := numbers[row.ID]
		if row.State == pawl.Succeeded {
			r.done[number] = true
		}
		for i, step := range row.Steps {
			steps[row.ID.String()+step.Key] = point{number, i + 1}
		}
	}
	answered := map[point]bool{}
	for e, err := range client.Entries(ctx, pawl.LedgerFilter{}) {
		if err != nil {
			return nil, err
		}
		at := steps[e.Task.String()+e.Key[:max(strings.LastIndexByte(e.Key, '/'), 0)]]
		sum := pawl.Sum{Calls: e.Calls, Usage: e.Usage}
		switch e.Kind {
		case pawl.EntryUnknown:
			l.possibly[at]++
			l.unknown = l.unknown.Plus(sum)
		case pawl.EntryFailed:
			l.failed = l.failed.Plus(sum)
		case pawl.EntryAnswered:
			if answered[at] {
				return nil, fmt.Errorf("the ledger has two answers to %+v", at)
			}
			answered[at] = true
			l.answered = l.answered.Plus(sum)
		}
	}
	return r, nil
}
