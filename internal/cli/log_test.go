package cli

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/pawlhq/pawl"
)

func TestLogLines(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newLines(&out, "pawl: ", slog.LevelWarn))
	log.Info("not this")
	log.With("task", "task_1").Warn("it\x1b[31m waits", "why", "no place", "n", 3, "empty", "")
	log.WithGroup("g").Error("it failed", "error", errors.New("a=b"))
	want := "pawl: warning: it [31m waits task=task_1 why=\"no place\" n=3 empty=\"\"\npawl: error: it failed error=\"a=b\"\n"
	if out.String() != want {
		t.Errorf("the log is %q; want %q", out.String(), want)
	}

	out.Reset()
	slog.New(newLines(&out, "", slog.LevelInfo)).Info("started", "user", "u")
	if !regexp.MustCompile(`^\d\d:\d\d:\d\d  started user=u\n$`).MatchString(out.String()) {
		t.Errorf("a line with its time is %q", out.String())
	}
}

// A store that warns when it is opened is heard when work is put into it, and not
// each time that somebody looks.
func TestStoresWarnWhereItMatters(t *testing.T) {
	var out bytes.Buffer
	level := new(slog.LevelVar)
	level.Set(slog.LevelWarn)
	log := slog.New(newLines(&out, "pawl: ", level))
	open := calmly(level, func(context.Context, string, bool) (pawl.Store, error) {
		log.Warn("fsync is off")
		return nil, nil
	})
	if _, err := open(t.Context(), "", true); err != nil || !strings.Contains(out.String(), "warning: fsync is off") {
		t.Errorf("the log is %q; want the warning", out.String())
	}
	out.Reset()
	if _, err := open(t.Context(), "", false); err != nil || out.Len() > 0 {
		t.Errorf("the log is %q; want nothing", out.String())
	}
}
