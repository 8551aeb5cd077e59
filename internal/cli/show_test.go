package cli

import (
	"bytes"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl/limit"
)

var escape = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

func TestFrameFits(t *testing.T) {
	p := progress{answered: 1000, retries: 100, throttles: 10, joins: 3, operations: []operation{
		{name: "analyze", planned: 13, succeeded: 9, dead: 1, running: 3, due: 12},
		{name: "summarize", planned: 0},
	}}
	g := gates{
		levels: []limit.Level{{Name: "requests", Limit: 50, Level: -1, Capacity: 8.3}, {Name: "tokens", Limit: 40_000, Level: 6_666, Capacity: 6_666}},
		closed: strings.Repeat("paused ", 40),
	}
	notes := []note{{time.Second, "retry", strings.Repeat("日本語", 20), strings.Repeat("why ", 60)}}
	for _, width := range []int{20, 39, 79, 119} {
		for _, colours := range []palette{false, true} {
			for _, line := range p.frame(g, notes, time.Minute, width, colours) {
				if n := columns(escape.ReplaceAllString(line, "")); n > width {
					t.Errorf("at width %d a line has %d columns: %q", width, n, line)
				}
				if !bool(colours) && strings.Contains(line, "\x1b") {
					t.Errorf("without colours a line is %q", line)
				}
			}
		}
	}
}

// TestLive runs the demo on a terminal that is a buffer.
func TestLive(t *testing.T) {
	var out, errs bytes.Buffer
	term := &terminal{out: &out, err: &errs, env: func(string) string { return "" }, live: true, palette: true}
	term.size = func() (int, int) { return 60, 20 }
	if code := run(t.Context(), term, openStore, []string{"demo", "--store", "memory:", "--speed", "60", "--faults", "0", "show.go", "show_test.go"}); code != exitOK {
		t.Fatalf("exit code %d; want 0; stderr:\n%s", code, &errs)
	}
	if !strings.Contains(out.String(), hideCursor) || !strings.HasSuffix(lastOf(out.String(), hideCursor, showCursor), showCursor) {
		t.Error("the cursor was not hidden, or is hidden still")
	}
	for line := range strings.Lines(escape.ReplaceAllString(out.String(), "")) {
		if n := columns(strings.TrimRight(line, "\r\n")); n > 60 {
			t.Errorf("a line has %d columns; want 60 at most: %q", n, line)
		}
	}
}

// lastOf returns whichever of two strings comes last in s.
func lastOf(s, a, b string) string {
	if strings.LastIndex(s, a) > strings.LastIndex(s, b) {
		return a
	}
	return b
}

func TestVersion(t *testing.T) {
	stamped := &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}}}
	tagged := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}
	for _, c := range []struct {
		info *debug.BuildInfo
		want string
	}{{nil, "devel"}, {&debug.BuildInfo{}, "devel"}, {stamped, "devel-0123456789ab+dirty"}, {tagged, "v1.2.3"}} {
		if got := version(c.info); got != c.want {
			t.Errorf("version = %q; want %q", got, c.want)
		}
	}
}
