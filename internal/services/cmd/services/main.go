// Services runs a command while private instances of PostgreSQL, PgBouncer,
// Redis and Redis Cluster are up, and ends with the command's exit status:
//
//	services run -- go test ./...
//
// The command finds the instances through variables PAWL_TEST_…. Without a
// command, services run prints these and keeps the instances up until it is
// interrupted. What is missing on this machine is installed first.
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"

	"github.com/pawlhq/pawl/internal/services"
)

const usage = "usage: services run [-- command [argument ...]]"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	status, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "services:", err)
	}
	os.Exit(status)
}

// run returns the status to exit with.
func run(ctx context.Context, args []string) (status int, err error) {
	keep := len(args) == 1
	if len(args) == 0 || args[0] != "run" || !keep && (len(args) < 3 || args[1] != "--") {
		return 2, errors.New(usage)
	}
	if err := services.Install(ctx, os.Stderr); err != nil {
		return 1, err
	}
	all, err := services.StartAll(ctx)
	if err != nil {
		return 1, err
	}
	defer func() {
		if failed := all.Close(); failed != nil {
			status, err = max(status, 1), errors.Join(err, failed)
		}
	}()
	if !keep {
		return command(ctx, args[2:], all.Environment())
	}
	env := all.Environment()
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Printf("export %s='%s'\n", name, env[name])
	}
	fmt.Fprintln(os.Stderr, "services: up until interrupted")
	<-ctx.Done()
	return 0, nil
}

// command runs one with this process's input and output and returns its exit
// status. When ctx ends it is asked to end, and waited for.
func command(ctx context.Context, args []string, env services.Environment) (int, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = os.Environ()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err := cmd.Run()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(ended.ExitCode(), 1), nil // -1 when a signal ended it
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}
