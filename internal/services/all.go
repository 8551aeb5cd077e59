package services

import (
	"context"
	"errors"
	"io"
	"maps"
	"sync"
)

// An Environment is the variables that tell tests where the servers are.
type Environment map[string]string

// The names of the variables.
const (
	varPostgres    = "PAWL_TEST_POSTGRES"
	varPostgresTLS = "PAWL_TEST_POSTGRES_TLS" // names the file of its certificate itself
	varPgBouncer   = "PAWL_TEST_PGBOUNCER"
	varRedis       = "PAWL_TEST_REDIS"
	varRedisTLS    = "PAWL_TEST_REDIS_TLS"
	varRedisCA     = "PAWL_TEST_REDIS_CA" // the file of the certificate to trust
	varCluster     = "PAWL_TEST_REDIS_CLUSTER"
)

// All is one server of each kind, as the tests of the stores need them.
type All struct {
	mu   sync.Mutex
	open []io.Closer
	env  Environment
}

// StartAll starts them side by side. PostgreSQL does not sync, because tests of
// what is stored need no disk that survives a power cut.
func StartAll(ctx context.Context) (*All, error) {
	a := &All{env: Environment{}}
	starts := []func(context.Context) (Environment, error){a.sql, a.redis, a.cluster}
	errs := make([]error, len(starts))
	var wg sync.WaitGroup
	for i, start := range starts {
		wg.Go(func() {
			env, err := start(ctx)
			a.mu.Lock()
			defer a.mu.Unlock()
			maps.Copy(a.env, env)
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Environment returns the variables that the test functions of this package read.
func (a *All) Environment() Environment { return maps.Clone(a.env) }

// Close ends the servers and removes their data.
func (a *All) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for _, c := range a.open {
		errs = append(errs, c.Close())
	}
	a.open = nil
	return errors.Join(errs...)
}

func (a *All) keep(c io.Closer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open = append(a.open, c)
}

// sql starts PostgreSQL and a PgBouncer before it.
func (a *All) sql(ctx context.Context) (Environment, error) {
	env, err := a.postgres(ctx)
	if err != nil {
		return nil, err
	}
	more, err := a.pgbouncer(ctx, env[varPostgres])
	maps.Copy(env, more)
	return env, err
}

func (a *All) postgres(ctx context.Context) (Environment, error) {
	s, err := StartPostgres(ctx, Options{NoSync: true, TLS: true})
	if err != nil {
		return nil, err
	}
	a.keep(s)
	tls, _ := s.TLS()
	return Environment{varPostgres: s.URL(), varPostgresTLS: tls}, nil
}

func (a *All) pgbouncer(ctx context.Context, postgres string) (Environment, error) {
	s, err := StartPgBouncer(ctx, Options{}, postgres)
	if err != nil {
		return nil, err
	}
	a.keep(s)
	return Environment{varPgBouncer: s.URL()}, nil
}

func (a *All) redis(ctx context.Context) (Environment, error) {
	s, err := StartRedis(ctx, Options{TLS: true})
	if err != nil {
		return nil, err
	}
	a.keep(s)
	tls, ca := s.TLS()
	return Environment{varRedis: s.URL(), varRedisTLS: tls, varRedisCA: ca}, nil
}

func (a *All) cluster(ctx context.Context) (Environment, error) {
	c, err := StartCluster(ctx, Options{})
	if err != nil {
		return nil, err
	}
	a.keep(c)
	return Environment{varCluster: c.URL()}, nil
}
