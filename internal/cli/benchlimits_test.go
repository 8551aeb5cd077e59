package cli

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBenchLimits(t *testing.T) {
	w := newWard(t)
	pictures := t.TempDir()
	a := w.pawl("bench", "limits", "--scenario", "share,estimate", "--minutes", "5", "--scale", "100", "--svg", pictures)
	if a.code != exitOK {
		t.Fatalf("exit code %d, stderr %q; want 0", a.code, a.err)
	}
	for _, say := range []string{"SHARE: ", "Pawl", "cookbook script", "USED, %", "ESTIMATE: ", "MEDIAN ERROR, %"} {
		if !strings.Contains(a.out, say) {
			t.Errorf("it prints\n%s\nwant it to say %q", a.out, say)
		}
	}
	f, err := os.Open(filepath.Join(pictures, "share.svg"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := xml.NewDecoder(f); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
	}
}

func TestBenchLimitsAsJSON(t *testing.T) {
	w := newWard(t)
	trace := filepath.Join(t.TempDir(), "trace.csv")
	var lines strings.Builder
	lines.WriteString("TIMESTAMP,ContextTokens,GeneratedTokens\n")
	for i := range 100 {
		fmt.Fprintf(&lines, "2023-11-16 18:%02d:%02d,%d,100\n", i/10, i%10*6, 100+10*i)
	}
	if err := os.WriteFile(trace, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	a := w.pawl("bench", "limits", "--scenario", "estimate", "--minutes", "5", "--trace", trace, "-o", "json")
	var got limitsReport
	if err := json.Unmarshal([]byte(a.out), &got); a.code != exitOK || err != nil {
		t.Fatalf("exit code %d, %v, stderr %q; want 0 and a document", a.code, err, a.err)
	}
	if len(got.Results) != 1 || got.Results[0].Scenario != "estimate" || len(got.Results[0].Rows) != 2 || got.Trace != trace {
		t.Errorf("the report is %+v; want the one scenario, with its rows", got)
	}
}

func TestBenchLimitsFlags(t *testing.T) {
	w := newWard(t)
	w.refused("bench limits --scenario shares", exitUsage, `no scenario "shares"`, "share, unknown")
	w.refused("bench limits --minutes 1", exitUsage, "--minutes is 1", "5 to 1440")
	w.refused("bench limits --scale 0", exitUsage, "--scale is 0", "1 to 100")
	w.refused("bench limits --processes=-1", exitUsage, "--processes is -1", "0 to 100")
	w.refused("bench limits --processes 2", exitUsage, "--processes needs a --store")
	w.refused("bench limits --trace nowhere.csv", exitFailed, "nowhere.csv")
}
