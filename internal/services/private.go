package services

import (
	"context"
	"errors"
	"maps"
	"os"
	"sync"
)

// private is the servers of this test process, for tests that are not run
// under cmd/services.
var private = privates{all: All{env: Environment{}}, errs: map[string]error{}}

type privates struct {
	mu   sync.Mutex // held while one starts
	all  All
	errs map[string]error // by variable; what could not be started is not tried again
}

// variable returns a variable of the environment in which the tests of this
// process run, and starts the server first that is to be found there. As root,
// which on Debian is nearly always in a container, it installs what is missing.
func (p *privates) variable(name string, start func(*All, context.Context) (Environment, error)) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v, err := p.all.env[name], p.errs[name]; v != "" || err != nil {
		return v, err
	}
	ctx := context.Background()
	var installed error
	if os.Geteuid() == 0 {
		installed = Install(ctx, os.Stderr)
	}
	env, err := start(&p.all, ctx)
	if err != nil {
		p.errs[name] = errors.Join(installed, err)
		return "", p.errs[name]
	}
	maps.Copy(p.all.env, env)
	return env[name], nil
}
