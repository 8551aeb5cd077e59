// Bench measures Pawl beside its peers, all of them in one run on the same
// machine and the same server, interleaved: A B C, A B C, and so on.
//
//	go run . -store sqlite|postgres|redis   # each engine, with the targets
//	go run . backlog -store …               # Pawl's drain with few and with many waiting tasks
//	go run . held                           # Pawl beside a transaction that is held open
//
// It is a module of its own, so that nobody who imports Pawl gets its peers too.
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
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	command := "peers"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		command, args = args[0], args[1:]
	}
	switch command {
	case "peers":
		return peers(ctx, args, out)
	case "backlog":
		return backlog(ctx, args, out)
	case "held":
		return held(ctx, args, out)
	case "trial": // how this program starts itself
		return trialProcess(ctx, in, out)
	case "drain": // likewise
		return drainProcess(ctx, in, out)
	}
	return fmt.Errorf("no command %q; want peers (the default), backlog or held", command)
}

// progress tells the person who waits; figures go to the standard output.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
