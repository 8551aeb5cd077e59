package main

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// The workers of a campaign are this program, started again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workerCommand {
		main()
		return
	}
	os.Exit(m.Run())
}

// small is a campaign of some seconds. How quickly tasks run again is not judged:
// other tests run beside it.
var small = plan{
	Workers: 2, Kills: 3, Every: 700 * time.Millisecond, Rate: 15,
	Lease: 2 * time.Second, Slack: time.Minute, Sync: "always", Patience: time.Minute,
}

// keepsThePromise carries a plan out, and fails the test if it breaks the promise
// or has proved nothing.
func keepsThePromise(t *testing.T, p plan) {
	t.Helper()
	p.Seed = rand.Uint64()
	t.Log("repeat:", p.repeat())
	r, err := p.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.counts.Adds < 20 || r.stored < 40 {
		t.Errorf("%d documents were added and %d answers stored; want more, or it proves nothing", r.counts.Adds, r.stored)
	}
	if r.lost == 0 {
		t.Errorf("no attempt was lost with its worker; want some, or it proves nothing")
	}
}

// on returns the small campaign on a kind of store, with a number of crashes of
// its server.
func on(store string, serverKills int) plan {
	p := small
	p.Store, p.ServerKills = store, serverKills
	return p
}

func TestSQLiteKeepsThePromise(t *testing.T)   { keepsThePromise(t, on("sqlite", 0)) }
func TestPostgresKeepsThePromise(t *testing.T) { keepsThePromise(t, on("postgres", 1)) }
func TestRedisKeepsThePromise(t *testing.T)    { keepsThePromise(t, on("redis", 1)) }
func TestClusterKeepsThePromise(t *testing.T)  { keepsThePromise(t, on("cluster", 0)) }
