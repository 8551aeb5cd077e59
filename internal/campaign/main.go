// Campaign runs a whole agent on a durable store, in real processes that are
// killed with SIGKILL at random moments, and checks that the promise holds: no
// accepted task is lost, none has two outcomes, and no stored answer is paid for
// again.
//
//	go run ./internal/campaign -store sqlite|postgres|redis|cluster -kills 25
//	go run ./internal/campaign -store postgres -kills 0 -server-kills 5
//	go run ./internal/campaign loops -kind ask       # agent loops of 200 calls; step and sdk are others
//	go run ./internal/campaign ledger -store sqlite  # the ledger against the provider's own, call for call
//	go run ./internal/campaign full -store sqlite    # the disk fills up, and has room again
//	go run ./internal/campaign fsync                 # strace sees each acknowledged write synced
//
// A kind of store is started privately. A URL names one that is there already,
// which must be empty, and which is not killed.
//
// A run prints its seed. One that fails prints how to repeat it, and keeps its
// files: the store's, and what each worker logged and had acknowledged.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "campaign:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	command := "kills"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		command, args = args[0], args[1:]
	}
	switch command {
	case "kills":
		return kills(ctx, args, out)
	case "ledger":
		return audit(ctx, args, out)
	case "full":
		return full(ctx, args, out)
	case fsyncCommand:
		return fsync(ctx, args, out)
	case writesCommand: // how fsync starts this program
		return writesProcess(ctx, args)
	case "loops":
		return loops(ctx, args, out)
	case workerCommand: // how this program starts itself
		return workerProcess(ctx, in, out)
	}
	return fmt.Errorf("no command %q; want kills (the default), loops, ledger, full or fsync", command)
}

// progress tells the person who waits; figures go to the standard output.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
