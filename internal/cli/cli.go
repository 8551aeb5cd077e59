// Package cli is the command line of pawl.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1   // something did not end as it should
	exitUsage       = 2   // the command line cannot be understood
	exitInterrupted = 130 // ended by an interrupt, as shells count it
)

// errInterrupted ends a command that was interrupted and has said so.
var errInterrupted = errors.New("interrupted")

type commands struct {
	Demo     demoCommand     `cmd:"" help:"Analyse and summarise documents through the queue: those that it brings along, or yours."`
	Simulate simulateCommand `cmd:"" help:"Run the simulated provider on its own until interrupted."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
	Help     helpCommand     `cmd:"" help:"Print the help of pawl or of one of its commands."`

	PrintVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

const description = `Pawl is a task queue for AI agents. This command shows what it does, on a simulated provider that needs no key and costs nothing.`

// Main runs the command line and returns the exit code.
func Main(args []string) int {
	t := newTerminal(os.Stdout, os.Stderr, os.Getenv)
	ctx, stop := interruptible(context.Background(), t)
	defer stop()
	return run(ctx, t, args)
}

func run(ctx context.Context, t *terminal, args []string) int {
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:len(args):len(args)], "--help")
	}
	args = withNegatives(args)
	code, exited := exitOK, false
	parser, err := kong.New(&commands{},
		kong.Name("pawl"), kong.Description(description),
		kong.Writers(t.out, t.err),
		kong.Exit(func(c int) { code, exited = c, true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, NoExpandSubcommands: true}),
		kong.Vars{"faults": faultKinds(), "mishaps": kinds(mishaps), "version": versionLine()},
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(t),
	)
	if err != nil {
		panic(err) // the struct above is wrong
	}
	if len(args) == 0 {
		_, _ = parser.Parse([]string{"--help"})
		return exitUsage
	}
	parsed, err := parser.Parse(args)
	if exited {
		return code // it was --help
	}
	if err != nil {
		fmt.Fprintf(t.err, "pawl: %v\n%s\n", err, hint(args))
		return exitUsage
	}
	return t.explain(parsed.Run())
}

var negative = regexp.MustCompile(`^-[0-9.]`)

// withNegatives ties a negative number to the flag before it: alone it would be
// taken for a flag.
func withNegatives(args []string) []string {
	var tied []string
	for _, arg := range args {
		last := len(tied) - 1
		if negative.MatchString(arg) && last >= 0 && strings.HasPrefix(tied[last], "--") && !strings.Contains(tied[last], "=") {
			tied[last] += "=" + arg
		} else {
			tied = append(tied, arg)
		}
	}
	return tied
}

// hint says where the allowed flags are listed.
func hint(args []string) string {
	for _, name := range []string{"demo", "simulate", "version"} {
		if args[0] == name {
			return fmt.Sprintf("See: pawl %s --help", name)
		}
	}
	return "See: pawl --help"
}

// explain prints why a command failed and returns the exit code.
func (t *terminal) explain(err error) int {
	var usage usageError
	code := exitFailed
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.As(err, &usage):
		code = exitUsage
	}
	fmt.Fprintf(t.err, "pawl: %s\n", strings.ReplaceAll(err.Error(), "\n", "\npawl: "))
	return code
}

// usageError is something on the command line that cannot be used.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// helpCommand is there to be listed; run turns it into a flag.
type helpCommand struct {
	Command string `arg:"" optional:"" help:"The command to explain."`
}

// Run implements a command of kong.
func (helpCommand) Run() error { return nil }
