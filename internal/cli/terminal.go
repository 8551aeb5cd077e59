package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// terminal is where a command writes, and what it may do there.
type terminal struct {
	out, err io.Writer
	env      func(string) string
	live     bool // out is a terminal that can be redrawn
	palette  palette
	size     func() (width, height int)
}

// plainWidth is how wide the output is when it is no terminal, and mostWidth how
// wide it is at most: longer lines are hard to read.
const (
	plainWidth = 80
	leastWidth = 40
	mostWidth  = 120
)

func newTerminal(out, err *os.File, env func(string) string) *terminal {
	fd := int(out.Fd())
	t := &terminal{out: out, err: err, env: env}
	t.live = term.IsTerminal(fd) && env("TERM") != "dumb"
	t.palette = palette(t.live && env("NO_COLOR") == "")
	t.size = func() (int, int) {
		w, h, err := term.GetSize(fd)
		if err != nil || w <= 0 || h <= 0 {
			return plainWidth, 24
		}
		return w, h
	}
	return t
}

// width is how wide tables are.
func (t *terminal) width() int {
	if !t.live {
		return plainWidth
	}
	w, _ := t.size()
	return min(max(w, leastWidth), mostWidth)
}

// palette colours text, if it is true.
type palette bool

func (p palette) paint(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p palette) bold(s string) string   { return p.paint("1", s) }
func (p palette) dim(s string) string    { return p.paint("2", s) }
func (p palette) red(s string) string    { return p.paint("31", s) }
func (p palette) green(s string) string  { return p.paint("32", s) }
func (p palette) yellow(s string) string { return p.paint("33", s) }
func (p palette) cyan(s string) string   { return p.paint("36", s) }

// What is written to a terminal beside text.
const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
)

// interruptible returns a context that ends with the first interrupt. The second
// one ends the process at once. stop gives the signals back.
func interruptible(ctx context.Context, t *terminal) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			if _, open := <-signals; !open {
				return
			}
			if n > 0 {
				if t.live {
					_, _ = io.WriteString(t.out, showCursor+"\n")
				}
				os.Exit(exitInterrupted)
			}
			cancel(errInterrupted)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		<-done
		cancel(nil)
	}
}
