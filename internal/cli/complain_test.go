package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/pawlhq/pawl"
)

// Whatever wraps an error, and in however many lines, the command says its name once for
// each that it prints.
func TestErrorsSayWhoseTheyAreOnce(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"of the library":      {pawl.ErrClosed, "pawl: store is closed\n"},
		"wrapped":             {fmt.Errorf("list tasks: %w", pawl.ErrClosed), "pawl: list tasks: store is closed\n"},
		"wrapped by itself":   {fmt.Errorf("pawl: fork x: %w", pawl.ErrNotFound), "pawl: fork x: task not found\n"},
		"twice in a row":      {fmt.Errorf("pawl: %w", pawl.ErrConflict), "pawl: somebody else changed it meanwhile\n"},
		"several":             {errors.Join(pawl.ErrClosed, errors.New("no space left"), fmt.Errorf("pawl: signal: %w", pawl.ErrNotFound)), "pawl: store is closed\npawl: no space left\npawl: signal: task not found\n"},
		"in several lines":    {errors.New("failed to connect:\n\ta: refused\n\tb: refused"), "pawl: failed to connect: a: refused b: refused\n"},
		"a name like it":      {errors.New(`budget "user/pawl: x" is not there`), "pawl: budget \"user/pawl: x\" is not there\n"},
		"on the command line": {usagef("--per: %w", errors.New("want day or month")), "pawl: --per: want day or month\n"},
	} {
		var errs bytes.Buffer
		term := &terminal{err: &errs}
		if term.explain(c.err); errs.String() != c.want {
			t.Errorf("%s: %q; want %q", name, errs.String(), c.want)
		}
	}
}

// A store that cannot be opened is told in one line, whichever it is.
func TestAStoreThatCannotBeOpened(t *testing.T) {
	folder := t.TempDir()
	for _, url := range []string{
		"postgres://u@127.0.0.1:1/x", "postgres://u@localhost:1,127.0.0.1:1/x", "redis://127.0.0.1:1", "redis://127.0.0.1:1,127.0.0.1:2",
		"sqlite:" + folder, "sqlite:" + folder + "/none/x.db", "sqlite:complain.go", "bogus://x", "",
	} {
		for _, command := range []string{"tasks", "doctor", "demo", "budgets set all --calls 1", "why " + pawl.NewID().String()} {
			var out, errs bytes.Buffer
			term := &terminal{out: &out, err: &errs, env: func(string) string { return "" }}
			code := run(t.Context(), term, openStore, append(strings.Fields(command), "--store", url))
			text := errs.String()
			if code == exitOK || strings.Count(text, "pawl: ") != 1 || !strings.HasPrefix(text, "pawl: ") || strings.Count(text, "\n") != 1 {
				t.Errorf("pawl %s --store %s: exit code %d, stderr %q; want it to fail, and one line with the name in front", command, url, code, text)
			}
			if strings.Contains(out.String(), "pawl: ") {
				t.Errorf("pawl %s --store %s: stdout %q; want no name of the library's", command, url, out.String())
			}
		}
	}
}

// The log's lines begin with the name, or the time: the errors in them do not again.
func TestErrorsInTheLogDoNotSayWhoseTheyAre(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newLines(&out, "pawl: ", slog.LevelWarn)).With("error", context.DeadlineExceeded)
	log.Error("claim tasks", "error", fmt.Errorf("pawl: claim: %w", pawl.ErrClosed))
	if want := "pawl: error: claim tasks error=\"context deadline exceeded\" error=\"claim: store is closed\"\n"; out.String() != want {
		t.Errorf("log = %q; want %q", out.String(), want)
	}
}
