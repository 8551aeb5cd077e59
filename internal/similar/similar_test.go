package similar_test

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
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

// The table is the one in docs/similar.md.
func TestTable(t *testing.T) {
	type row struct{ pairs, text, guards int }
	rows := map[string]*row{}
	count := func(kind string, text, guards bool) {
		r := rows[kind]
		if r == nil {
			r = &row{}
			rows[kind] = r
		}
		r.pairs++
		if text {
			r.text++
		}
		if guards {
			r.guards++
		}
	}
	for _, p := range pairs(t) {
		a, b := similar.Prepare(p.A), similar.Prepare(p.B)
		_, why := similar.ByText(a, b, similar.DefaultThreshold)
		differs := similar.Differs(a, b)
		group := map[bool]string{true: "same", false: "not same"}[p.Same]
		if p.Same && p.Kind != "paraphrase" {
			count(group+" ~written", why == "", differs == "")
		}
		count(group+" "+p.Kind, why == "", differs == "")
		count(group, why == "", differs == "")
		if p.Same == (differs != "") && testing.Verbose() {
			t.Logf("Differs = %q for %s (%v, %s)\n%q\n%q", differs, p.ID, p.Same, p.Kind, p.A, p.B)
		}
	}
	var out strings.Builder
	var names []string
	for name := range rows {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		r := rows[name]
		fmt.Fprintf(&out, "| %s | %d | %d | %d |\n", name, r.pairs, r.text, r.guards)
	}
	t.Logf("| kind | pairs | merged by ByText | not stopped by Differs |\n%s", out.String())
}
