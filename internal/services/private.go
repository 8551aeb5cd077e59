package services

import (
	"context"
	"maps"
	"os"
	"sync"
)

// private is the servers of this test process, for tests that are not run
// under cmd/services.
var private = privates{all: All{env: Environment{}}}

type privates struct {
	mu  sync.Mutex // held while one starts
	all All
	err error // of the first that could not be started: no test tries again
}

// variable returns a variable of the environment in which the tests of this
// process run, and starts the server first that is to be found there. As root,
// which on Debian is nearly always in a container, it installs what is missing.
func (p *privates) variable(name string, start func(*All, context.Context) (Environment, error)) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v := p.all.env[name]; v != "" || p.err != nil {
		return v, p.err
	}
	ctx := context.Background()
	if os.Geteuid() == 0 {
		if p.err = Install(ctx, os.Stderr); p.err != nil {
			return "", p.err
		}
	}
	env, err := start(&p.all, ctx)
	maps.Copy(p.all.env, env)
	p.err = err
	return env[name], err
}
