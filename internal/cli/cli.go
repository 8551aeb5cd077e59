// Package cli is the command line of pawl.
package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
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
	Worker   workerCommand   `cmd:"" help:"Work on the demo's tasks, beside it or instead of it, until interrupted."`
	Simulate simulateCommand `cmd:"" help:"Run the simulated provider on its own until interrupted."`
	Runs     runsCommand     `cmd:"" help:"List runs, newest first."`
	Run      runCommand      `cmd:"" help:"Show a run: its tasks, their branches and steps, what each took and used, and what comes next."`
	Diff     diffCommand     `cmd:"" help:"Compare two runs, or a fork with the run that it was forked from."`
	Fork     forkCommand     `cmd:"" help:"Run a run again from one of its tasks or steps on, with another input, prompt or model."`
	Signal   signalCommand   `cmd:"" help:"Give a signal, such as an approval, to a task that waits for it."`
	Cancel   cancelCommand   `cmd:"" help:"Cancel runs and tasks, and what is below them."`
	Tasks    tasksCommand    `cmd:"" help:"List tasks."`
	Show     showCommand     `cmd:"" help:"Show everything about a task: its attempts, steps, conversation and input."`
	Why      whyCommand      `cmd:"" help:"Say what a task waits for, its place, and when it likely starts."`
	Dead     deadCommand     `cmd:"" help:"List dead letters and their causes, run them again, delete them."`
	Queues   queuesCommand   `cmd:"" help:"List the queues, pause and resume them."`
	Workers  workersCommand  `cmd:"" help:"List the workers that are alive: what they work on, and when they were last seen."`
	Limits   limitsCommand   `cmd:"" help:"List the limits, change, hold and resume them."`
	Usage    usageCommand    `cmd:"" help:"Say what calls used, cost and saved: by user, operation, model, day and others."`
	Budgets  budgetsCommand  `cmd:"" help:"List the budgets, set, raise and remove them."`
	Similar  similarCommand  `cmd:"" help:"List the near-duplicates that were found, and keep apart what was not alike."`
	Migrate  migrateCommand  `cmd:"" help:"Bring the schema of a database up to date, or show what there is to do."`
	Doctor   doctorCommand   `cmd:"" help:"Examine a store, and say what is wrong and how to mend it."`
	Bench    benchCommand    `cmd:"" help:"Measure a store."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
	Help     helpCommand     `cmd:"" help:"Print the help of pawl or of one of its commands."`

	PrintVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

const description = `Pawl is a task queue for AI agents. The demo shows what it does, on a simulated provider that needs no key and costs nothing; most other commands look after a store.`

// Main runs the command line and returns the exit code.
func Main(args []string) int {
	t := newTerminal(os.Stdout, os.Stderr, os.Getenv)
	ctx, stop := interruptible(context.Background(), t)
	defer stop()
	if os.Getenv(storeVariable) == "" {
		_ = os.Unsetenv(storeVariable) // what is empty is not set
	}
	level := new(slog.LevelVar)
	level.Set(slog.LevelWarn)
	slog.SetDefault(slog.New(newLines(os.Stderr, "pawl: ", level)))
	stores.LogTo(slog.Default())
	return run(ctx, t, calmly(level, openStore), args)
}

func run(ctx context.Context, t *terminal, open opener, args []string) int {
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:len(args):len(args)], "--help")
	}
	args = withNegatives(args)
	open, closeAll := closing(open)
	defer closeAll()
	code, exited := exitOK, false
	parser, err := kong.New(&commands{},
		kong.Name("pawl"), kong.Description(description),
		kong.Writers(t.out, t.err),
		kong.Exit(func(c int) { code, exited = c, true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, NoExpandSubcommands: true}),
		kong.Vars{"faults": faultKinds(), "mishaps": kinds(mishaps), "version": versionLine(), "states": names(pawl.States()), "classes": names(classes), "dimensions": names(pawl.Dimensions()), "scenarios": scenarioNames()},
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(t, open),
	)
	if err != nil {
		panic(err) // the struct above is wrong
	}
	if len(args) == 0 {
		_, _ = parser.Parse([]string{"--help"})
		return exitUsage
	}
	if err := checkText(args); err != nil {
		return t.explain(err) // the parser would change it
	}
	parsed, err := parser.Parse(args)
	if exited {
		return code // it was --help
	}
	if err != nil {
		t.complain(err)
		fmt.Fprintln(t.err, hint(parser.Model, args))
		return exitUsage
	}
	return t.explain(parsed.Run())
}

// checkText returns what is wrong with the first argument that is no text.
func checkText(args []string) error {
	for _, arg := range args {
		if !utf8.ValidString(arg) {
			return usagef("the argument %q is not UTF-8; want text in UTF-8", arg)
		}
	}
	return nil
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

// hint says where the flags of the command that args name are listed.
func hint(app *kong.Application, args []string) string {
	node, path := app.Node, app.Name
	for _, arg := range args {
		at := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == arg })
		if at < 0 {
			break
		}
		node, path = node.Children[at], path+" "+arg
	}
	return fmt.Sprintf("See: %s --help", path)
}

// explain prints why a command failed and returns the exit code.
func (t *terminal) explain(err error) int {
	var usage usageError
	code := exitFailed
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage):
		code = exitUsage
	}
	t.complain(err)
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
