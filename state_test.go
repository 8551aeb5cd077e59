package pawl_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
)

func TestTheStatesPageIsTheTable(t *testing.T) {
	page, err := os.ReadFile("docs/states.md")
	must(t, err)
	var table, diagram []string
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.Contains(line, "-->"):
			diagram = append(diagram, line)
		case strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| From"):
			table = append(table, line)
		}
	}
	var wantTable, wantDiagram []string
	for _, tr := range pawl.Transitions() {
		from, begin := string(tr.From)+" ", string(tr.From)
		if tr.From == "" {
			from, begin = "", "[*]"
		}
		wantTable = append(wantTable, fmt.Sprintf("| %s| %s | %s |", from, tr.To, tr.Why))
		wantDiagram = append(wantDiagram, fmt.Sprintf("%s --> %s", begin, tr.To))
	}
	if diff := cmp.Diff(wantTable, table); diff != "" {
		t.Errorf("the table of docs/states.md differs from Transitions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantDiagram, diagram); diff != "" {
		t.Errorf("the diagram of docs/states.md differs from Transitions (-want +got):\n%s", diff)
	}
}

func TestTransitions(t *testing.T) {
	for _, tr := range pawl.Transitions() {
		if tr.From != "" && !slices.Contains(pawl.States(), tr.From) || !slices.Contains(pawl.States(), tr.To) || tr.Why == "" {
			t.Errorf("transition %+v; want states and a reason", tr)
		}
		if !tr.From.CanBecome(tr.To) {
			t.Errorf("%q.CanBecome(%q) = false; want true", tr.From, tr.To)
		}
	}
	for _, s := range pawl.States() {
		ends := s == pawl.Succeeded || s == pawl.Dead || s == pawl.Cancelled
		if s.Ended() != ends {
			t.Errorf("%s.Ended = %v; want %v", s, s.Ended(), ends)
		}
		if s.CanBecome(s) || pawl.Succeeded.CanBecome(s) {
			t.Errorf("%s can become itself, or come after succeeded", s)
		}
	}
}

func TestIDsAndPrioritiesAsText(t *testing.T) {
	a, b := pawl.NewID(), pawl.NewID()
	if a.String() >= b.String() || len(a.String()) != 31 {
		t.Errorf("ids %s, %s; want 31 characters that sort by time", a, b)
	}
	var back pawl.ID
	if err := back.UnmarshalText([]byte(strings.Replace(strings.ToUpper(a.String()), "TASK_", "task_", 1))); err != nil || back != a {
		t.Errorf("UnmarshalText = %v, %v; want %v", back, err, a)
	}
	for _, s := range []string{"", "task_", "job_" + a.String()[5:], a.String() + "0", strings.Replace(a.String(), a.String()[30:], "u", 1)} {
		if id, err := pawl.ParseID(s); err == nil {
			t.Errorf("ParseID(%q) = %v; want an error", s, id)
		}
	}
	for _, p := range pawl.Priorities() {
		text, err := p.MarshalText()
		must(t, err)
		var back pawl.Priority
		if err := back.UnmarshalText(text); err != nil || back != p {
			t.Errorf("%s: UnmarshalText = %v, %v", text, back, err)
		}
	}
	var p pawl.Priority
	if err := p.UnmarshalText([]byte("urgent")); err == nil || pawl.Priority(5).String() != "Priority(5)" {
		t.Errorf("UnmarshalText(urgent) = %v, Priority(5) is %s; want an error and the number", err, pawl.Priority(5))
	}
	h := pawl.Hash{1, 2, 3}
	var hash pawl.Hash
	if err := hash.UnmarshalText([]byte(h.String())); err != nil || hash != h {
		t.Errorf("UnmarshalText = %v, %v; want %v", hash, err, h)
	}
	if err := hash.UnmarshalText(nil); err != nil || !hash.IsZero() || hash.String() != "" {
		t.Errorf("UnmarshalText of nothing = %v, %v; want the zero Hash", hash, err)
	}
	if err := hash.UnmarshalText([]byte("abc")); err == nil {
		t.Error("UnmarshalText(abc) = nil; want an error")
	}
}
