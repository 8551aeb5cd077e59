package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// lines is a slog.Handler that writes a record as one line for people: the time or
// a prefix, the message, and key=value.
type lines struct {
	out    io.Writer
	prefix string // in place of the time; "" for the time
	least  slog.Leveler
	with   string // attributes that every line has
	mu     *sync.Mutex
}

func newLines(out io.Writer, prefix string, least slog.Leveler) *lines {
	return &lines{out: out, prefix: prefix, least: least, mu: &sync.Mutex{}}
}

// Enabled implements slog.Handler.
func (l *lines) Enabled(_ context.Context, level slog.Level) bool { return level >= l.least.Level() }

// Handle implements slog.Handler.
func (l *lines) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	if b.WriteString(l.prefix); l.prefix == "" {
		b.WriteString(r.Time.Format(time.TimeOnly) + "  ")
	}
	switch {
	case r.Level >= slog.LevelError:
		b.WriteString("error: ")
	case r.Level >= slog.LevelWarn:
		b.WriteString("warning: ")
	}
	b.WriteString(printable(r.Message) + l.with)
	r.Attrs(func(a slog.Attr) bool {
		b.WriteString(attribute(a))
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := fmt.Fprintln(l.out, b.String())
	return err
}

// attribute writes " key=value", the value quoted where it is not one word.
func attribute(a slog.Attr) string {
	v := a.Value.Resolve()
	value := v.String()
	if err, ok := v.Any().(error); ok {
		value = saying(err)
	}
	value = printable(value)
	if value == "" || strings.ContainsAny(value, ` "=`) {
		value = fmt.Sprintf("%q", value)
	}
	return " " + a.Key + "=" + value
}

// WithAttrs implements slog.Handler.
func (l *lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	more := *l
	for _, a := range attrs {
		more.with += attribute(a)
	}
	return &more
}

// WithGroup implements slog.Handler; names of groups are not shown.
func (l *lines) WithGroup(string) slog.Handler { return l }
