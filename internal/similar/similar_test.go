package similar_test

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pawlhq/pawl/internal/similar"
)

// pair is two prompts, and whether the answer to one is the answer to the other.
// Late is set for those that were written when the code was done.
type pair struct {
	ID   string `json:"id"`
	A    string `json:"a"`
	B    string `json:"b"`
	Same bool   `json:"same"`
	Kind string `json:"kind"`
	Late bool   `json:"late,omitempty"`
}

//go:embed testdata/pairs.json
var pairsJSON []byte

func pairs(tb testing.TB) []pair {
	tb.Helper()
	var out []pair
	if err := json.Unmarshal(pairsJSON, &out); err != nil {
		tb.Fatal(err)
	}
	return out
}

func byText(a, b string) (float64, string) {
	return similar.ByText(similar.Prepare(a), similar.Prepare(b), similar.DefaultThreshold)
}

// A wrong merge gives somebody the answer to another question: there is none, at any
// threshold.
func TestNoWrongMerge(t *testing.T) {
	for _, p := range pairs(t) {
		if p.Same {
			continue
		}
		for _, threshold := range []float64{similar.DefaultThreshold, 0} {
			if score, why := similar.ByText(similar.Prepare(p.A), similar.Prepare(p.B), threshold); why == "" {
				t.Errorf("%s (%s): ByText = %.2f, same; want a reason\n%q\n%q", p.ID, p.Kind, score, p.A, p.B)
			}
		}
	}
}

// What is written another way only is found; a paraphrase need not be.
func TestSameTexts(t *testing.T) {
	found, all := 0, 0
	for _, p := range pairs(t) {
		if !p.Same || p.Kind == "paraphrase" {
			continue
		}
		all++
		score, why := byText(p.A, p.B)
		if why == "" {
			found++
			continue
		}
		t.Logf("%s (%s): ByText = %.2f, %s\n%q\n%q", p.ID, p.Kind, score, why, p.A, p.B)
	}
	if found*100 < all*90 {
		t.Errorf("ByText finds %d of %d pairs that are the same but for how they are written; want 90 in 100", found, all)
	}
}

// group is a row of the table in docs/similar.md.
type group struct {
	name string
	has  func(p pair) bool
}

var groups = []group{
	{"not the same", func(p pair) bool { return !p.Same }},
	{"… written when the code was done", func(p pair) bool { return !p.Same && p.Late }},
	{"… of 150 words or more", func(p pair) bool { return !p.Same && len(strings.Fields(p.A)) >= 150 }},
	{"the same, written another way", func(p pair) bool { return p.Same && p.Kind != "paraphrase" }},
	{"the same, in other words", func(p pair) bool { return p.Same && p.Kind == "paraphrase" }},
}

// The page says what is measured here.
func TestTable(t *testing.T) {
	page, err := os.ReadFile("../../docs/similar.md")
	if err != nil {
		t.Fatal(err)
	}
	all := pairs(t)
	merged, stopped := make([]bool, len(all)), make([]bool, len(all))
	right, wrong := 0, 0
	for i, p := range all {
		a, b := similar.Prepare(p.A), similar.Prepare(p.B)
		_, why := similar.ByText(a, b, similar.DefaultThreshold)
		differs := similar.Differs(a, b)
		merged[i], stopped[i] = why == "", differs != ""
		switch {
		case stopped[i] && !p.Same:
			right++
		case stopped[i]:
			wrong++
		}
		if p.Same == stopped[i] {
			t.Logf("Differs = %q for %s (%s)\n%q\n%q", differs, p.ID, p.Kind, p.A, p.B)
		}
	}
	for _, g := range groups {
		n, m, s := 0, 0, 0
		for i, p := range all {
			if !g.has(p) {
				continue
			}
			n++
			if merged[i] {
				m++
			}
			if stopped[i] {
				s++
			}
		}
		row := fmt.Sprintf("| %s | %d | %d | %d |", g.name, n, m, s)
		t.Log(row)
		if !strings.Contains(string(page), row+"\n") {
			t.Errorf("docs/similar.md does not have the row\n%s", row)
		}
	}
	t.Logf("Differs stops %d pairs, %d of them rightly: precision %.3f", right+wrong, right, float64(right)/float64(right+wrong))
}

// The set is large enough, and no pair stands in it twice.
func TestPairs(t *testing.T) {
	seen := map[string]bool{}
	same, all := 0, pairs(t)
	for _, p := range all {
		for _, key := range []string{p.ID, p.A + "\x00" + p.B} {
			if seen[key] {
				t.Errorf("%s: a second time", p.ID)
			}
			seen[key] = true
		}
		if p.A == p.B || p.Kind == "" {
			t.Errorf("%s: the same text twice, or no kind", p.ID)
		}
		if p.Same {
			same++
		}
	}
	if len(all) < 400 || same*2 > len(all) {
		t.Errorf("%d pairs, %d of them the same; want 400, and at most half the same", len(all), same)
	}
}
