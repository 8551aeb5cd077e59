package redis

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/*.lua
var sources embed.FS

// script is a script by the name of its file.
type script struct {
	name string
	*redis.Script
}

func newScript(name string) script {
	source, err := sources.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(err) // it is embedded
	}
	return script{name, redis.NewScript(string(source))}
}

var (
	scriptCommit       = newScript("commit")
	scriptOpen         = newScript("open")
	scriptUnlock       = newScript("unlock")
	scriptTurn         = newScript("turn")
	scriptRead         = newScript("read")
	scriptInterest     = newScript("interest")
	scriptConversation = newScript("conversation")
	scriptSweep        = newScript("sweep")
	scriptDrop         = newScript("drop")
	scriptLedger       = newScript("ledger")
)

// patience is how long a script is tried again that the server does not take at
// the moment: while a replica takes over, a slot moves or a server loads its file.
const (
	patience = 10 * time.Second
	retryMin = 5 * time.Millisecond
	retryMax = 200 * time.Millisecond
)

// run runs a script and returns its answer. It may have run even if there is an
// error, unless that is the server's own.
func (d *database) run(ctx context.Context, s script, keys []string, args ...any) (any, error) {
	var answer any
	err := d.retry(ctx, func() error {
		cmd := s.sha(ctx, keys, args...)
		_ = d.client.Process(ctx, cmd) // the command has the error
		err := cmd.Err()
		answer, err = d.answer(ctx, cmd, err, s, keys, args)
		return err
	})
	return answer, err
}

// answer returns the answer of a script, which is sent whole if the server does not
// know it by its hash.
func (d *database) answer(ctx context.Context, cmd once, err error, s script, keys []string, args []any) (any, error) {
	if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
		cmd = s.whole(ctx, keys, args...)
		_ = d.client.Process(ctx, cmd)
		err = cmd.Err()
	}
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	}
	return cmd.Val(), nil
}

// retry does something again while it is certain that it was not done, and that it
// may work in a moment.
func (d *database) retry(ctx context.Context, do func() error) error {
	var began time.Time
	cluster, many := d.client.(*redis.ClusterClient)
	for pause := retryMin; ; pause = min(2*pause, retryMax) {
		err := do()
		if err == nil || !passes(err) && !(many && unreached(err)) {
			return explain(err)
		}
		if many {
			cluster.ReloadState(ctx) // another node may be the master by now
		}
		if began.IsZero() {
			began = time.Now()
		}
		if time.Since(began) > patience {
			return explain(err)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// sha returns the command that runs a script by its hash, and whole the one that
// brings the script along.
func (s script) sha(ctx context.Context, keys []string, args ...any) once {
	return command(ctx, "evalsha", s.Hash(), keys, args)
}

func (s script) whole(ctx context.Context, keys []string, args ...any) once {
	source, _ := sources.ReadFile("lua/" + s.name + ".lua") // it was read before
	return command(ctx, "eval", string(source), keys, args)
}

func command(ctx context.Context, name, what string, keys []string, args []any) once {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, name, what, len(keys))
	for _, k := range keys {
		all = append(all, k)
	}
	cmd := once{redis.NewCmd(ctx, append(all, args...)...)}
	if len(keys) > 0 {
		cmd.SetFirstKeyPos(3)
	}
	return cmd
}

// once is a command that is sent once. The client would send it again when a
// connection breaks, and a transaction that took place would be taken for one that
// met another.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

// passes reports whether an error says that nothing was done, and that the same
// may work in a moment.
func passes(err error) bool {
	for _, prefix := range []string{"TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "NOREPLICAS", "BUSY "} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}

// unreached reports whether an error says that no connection could be made.
func unreached(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && failed.Op == "dial"
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// remedies are what to do about the errors of a server, by how they begin.
var remedies = []struct{ prefix, remedy string }{
	{"NOAUTH", "the server wants a password: redis://user:password@host:port/db"},
	{"WRONGPASS", "the user or the password in the URL is wrong"},
	{"AUTH", "the user or the password in the URL is wrong"},
	{"NOPERM", "the user lacks a right: it needs all commands but administrative ones on the store's keys and its channel (ACL SETUSER)"},
	{"MISCONF", "the server cannot write its file, mostly because the disk is full: make room, and it takes writes again"},
	{"OOM", "the server's memory is full: raise maxmemory, or delete ended tasks; nothing was changed"},
	{"READONLY", "the address is that of a replica: name the master, or several nodes of the Cluster"},
	{"NOREPLICAS", "fewer replicas are connected than min-replicas-to-write asks for: start them, or lower it"},
	{"LOADING", "the server is still reading its file: try again in a moment"},
	{"CLUSTERDOWN", "slots of the Cluster have no master: see CLUSTER INFO; start the missing nodes or fail over"},
	{"MOVED", nodeRemedy},
	{"MASTERDOWN", "the replica has lost its master: fail over, or name the master"},
	{"invalid DB index", "the server has no database of this number: take a lower one in the URL, or raise databases in its configuration"},
	{"DB index", "the server has no database of this number: take a lower one in the URL, or raise databases in its configuration"},
}

const nodeRemedy = "the server is a node of a Cluster: name two of its nodes, redis://host1:port,host2:port, or one with redis+cluster://"

// explain adds to an error of the server what to do about it.
func explain(err error) error {
	if err == nil {
		return nil
	}
	for _, r := range remedies {
		if redis.HasErrorPrefix(err, r.prefix) {
			return fmt.Errorf("%w (%s)", err, r.remedy)
		}
	}
	if strings.Contains(err.Error(), "connection refused") {
		return fmt.Errorf("%w (no server listens there: is Redis running, and are host and port right?)", err)
	}
	return err
}
