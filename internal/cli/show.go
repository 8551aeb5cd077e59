package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	redraw     = 100 * time.Millisecond // of the live view
	plainTitle = 30                     // columns
	plainLine  = time.Second            // between lines that say how the work stands, where there is no live view
)

// show does work and shows how it goes meanwhile.
func (s *session) show(ctx context.Context, work func() error) error {
	v := &view{s: s}
	done := make(chan error, 1)
	go func() { done <- work() }()
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	defer v.end()
	for {
		select {
		case err := <-done:
			<-tick.C // the last events are on their way
			v.last = true
			v.draw(ctx)
			return err
		case <-tick.C:
			v.draw(ctx)
		}
	}
}

// view draws a session's progress: in place on a terminal, else as lines.
type view struct {
	s       *session
	last    bool
	lines   int       // of the frame that stands on the terminal
	told    time.Time // when the last plain line of progress was written
	said    string
	noticed string // the kind of notice that was written last
	notes   []note
}

func (v *view) draw(ctx context.Context) {
	p, notes := v.s.board.snapshot()
	if v.s.t.live {
		v.notes = append(v.notes, notes...)
		v.notes = v.notes[max(len(v.notes)-recent, 0):]
		v.frame(p, gatesOf(ctx, v.s.client, time.Now()))
		return
	}
	for _, n := range notes {
		fmt.Fprintln(v.s.t.out, n.line(plainTitle))
	}
	if notice := p.notice(); notice == "" {
		v.noticed = ""
	} else if kind, _, _ := strings.Cut(notice, ":"); kind != v.noticed {
		v.noticed = kind
		fmt.Fprintf(v.s.t.out, "%9s  %s\n", seconds(time.Since(v.s.began)), notice)
	}
	if line := p.line(); line != v.said && (v.last || time.Since(v.told) >= plainLine) {
		v.told, v.said = time.Now(), line
		fmt.Fprintf(v.s.t.out, "%9s  %-9s  %s\n", seconds(time.Since(v.s.began)), "progress", line)
	}
}

// line is a note in one line, with so many columns for the title.
func (n note) line(title int) string {
	return fmt.Sprintf("%9s  %-9s  %s  %s", seconds(n.at), n.kind, pad(clip(n.title, title), title), n.text)
}

// line is the progress in one line.
func (p progress) line() string {
	var parts []string
	for _, o := range p.operations {
		parts = append(parts, fmt.Sprintf("%s %d/%d", o.name, o.succeeded, o.planned))
	}
	line := fmt.Sprintf("%s; answered %d, retried %d, throttled %d, joined %d, dead %d",
		strings.Join(parts, ", "), p.answered, p.retries, p.throttles, p.joins, p.dead())
	if n := p.blocked(); n > 0 {
		line += fmt.Sprintf(", blocked %d", n)
	}
	return line
}

// recent is how many notes stand below the live view.
const recent = 4

// frame draws over the last frame.
func (v *view) frame(p progress, g gates) {
	width, height := v.s.t.size()
	lines := p.frame(g, v.notes, time.Since(v.s.began), min(width, mostWidth)-1, v.s.t.palette)
	lines = lines[:min(len(lines), max(height-1, 1))]
	var b strings.Builder
	b.WriteString(hideCursor)
	if v.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.lines)
	}
	b.WriteString("\r")
	for _, line := range lines {
		b.WriteString(line + clearLine + "\n")
	}
	b.WriteString(clearBelow)
	v.lines = len(lines)
	_, _ = io.WriteString(v.s.t.out, b.String())
}

// end leaves the last frame where it is.
func (v *view) end() {
	if v.s.t.live {
		_, _ = io.WriteString(v.s.t.out, showCursor)
	}
}

// frame is the live view: lines of at most width columns, painted.
func (p progress) frame(g gates, notes []note, elapsed time.Duration, width int, c palette) []string {
	bar := min(max(width-54, 6), 40)
	var lines []string
	for _, o := range p.operations {
		lines = append(lines, o.row(bar, width, c))
	}
	lines = append(lines, "")
	for _, l := range g.levels {
		text := fmt.Sprintf("%s of %s ready", decimals(max(l.Level, 0)), decimals(l.Capacity))
		lines = append(lines, " "+pad(l.Name, 10)+c.cyan(strings.Repeat("▰", share(l.Level, l.Capacity, bar)))+
			c.dim(strings.Repeat("▱", bar-share(l.Level, l.Capacity, bar)))+"  "+clip(text, width-13-bar))
	}
	gate := c.green("open")
	if closed := cmp.Or(p.notice(), g.closed); closed != "" {
		gate = c.yellow(clip(closed, width-11))
	}
	lines = append(lines, " "+pad("limit", 10)+gate)
	for _, text := range p.budgets {
		lines = append(lines, " "+pad("budget", 10)+c.yellow(clip(text, width-11)))
	}
	lines = append(lines, "")
	counts := fmt.Sprintf(" %s   %s   %s   %s   %d joined   ",
		seconds(elapsed), plural(p.answered, "call"), plural(p.retries, "retry"), plural(p.throttles, "throttle"), p.joins)
	lines = append(lines, c.bold(clip(counts, width))+c.red(clip(plural(p.dead(), "dead letter"), width-columns(counts))), "")
	for i := range recent {
		line := ""
		if i < len(notes) {
			line = clip(notes[i].line(max(width/4, 12)), width)
		}
		lines = append(lines, c.dim(line))
	}
	return lines
}

// row is one operation's bar and counts.
func (o operation) row(bar, width int, c palette) string {
	good := share(float64(o.succeeded), float64(o.planned), bar)
	bad := min(share(float64(o.dead), float64(o.planned), bar), bar-good)
	if o.dead > 0 && o.name == analyze.Name {
		bad = min(max(bad, 1), bar-good)
	}
	counts := fmt.Sprintf("%d of %d", o.succeeded, o.planned)
	var more []string
	for _, m := range []struct {
		n    int
		what string
	}{{o.running, "running"}, {o.due, "to retry"}, {o.blocked, "blocked"}, {o.dead, "dead"}} {
		if m.n > 0 {
			more = append(more, fmt.Sprintf("%d %s", m.n, m.what))
		}
	}
	text := clip(pad(counts, 9)+"  "+strings.Join(more, ", "), width-13-bar)
	return " " + c.bold(pad(o.name, 10)) + c.green(strings.Repeat("━", good)) + c.red(strings.Repeat("━", bad)) +
		c.dim(strings.Repeat("─", bar-good-bad)) + "  " + text
}

// share is how much of size stands for part of whole.
func share(part, whole float64, size int) int {
	if whole <= 0 {
		return 0
	}
	return min(max(int(part/whole*float64(size)), 0), size)
}

func decimals(x float64) string {
	if x < 100 {
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return thousands(int64(x))
}
