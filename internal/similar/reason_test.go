package similar_test

import (
	"fmt"
	"testing"

	"github.com/pawlhq/pawl/internal/similar"
)

func TestReasons(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"List five ideas.", "List 6 ideas.", "number 5 against 6"},
		{"Is 5 mg safe?", "Is 5 g safe?", "number 5 mg against 5 g"},
		{"Write at least 3 lines.", "Write at most 3 lines.", "number >= 3 line against <= 3 line"},
		{"Call on 3 May 2025.", "Call on May 4, 2025.", "date 2025-05-03 against 2025-05-04"},
		{"What is on tomorrow?", "What is on?", "date tomorrow in one only"},
		{"Is Berlin big?", "Is Paris big?", `name "berlin" against "paris"`},
		{"Translate 'x y' now", "Translate 'x z' now", `quoted "x y" against "x z"`},
		{"Run `ls -l`", "Run `ls -a`", `code "ls -l" against "ls -a"`},
		{"See https://example.com/a", "See https://example.com/b", `text "https://example.com/a" against "https://example.com/b"`},
		{"Do you take cards?", "Do you not take cards?", `negation "not" in one only`},
		{"How do I increase it?", "How do I decrease it?", `opposite "increase" against "decrease"`},
		{"Is it feasible?", "Is it infeasible?", `opposite "infeasible" against "feasible"`},
		{"Where did he sign it?", "When did he sign it?", `question "where" against "when"`},
		{"Describe the copper pot.", "Describe the iron pot.", `element "copper" against "iron"`},
		{"Pay the firm for the house.", "Pay the house for the firm.", `order of "firm" and "house" around "for"`},
		{"How do I boil rice?", "How do I fry rice?", `word "boil" against "fry"`},
		{"Ou est la gare la plus proche", "Ou est la poste la plus proche", "language: cannot be read, and is not the same"},
		{"Is the grammar fine: I go.", "Is the grammar fine: I go", "asks how a text is written, and is not written the same"},
		{"How do I boil rice?", "What do I need to boil rice?", ""},
	} {
		if got := similar.Differs(similar.Prepare(c.a), similar.Prepare(c.b)); got != c.want {
			t.Errorf("Differs = %q; want %q\n%q\n%q", got, c.want, c.a, c.b)
		}
	}
}

// No threshold makes two texts the same that differ; a high one keeps texts apart
// that are badly typed.
func TestThreshold(t *testing.T) {
	for _, c := range []struct {
		a, b      string
		threshold float64
		want      string
	}{
		{"Sumarize the contract.", "Summarize the contract.", 0.7, ""},
		{"Sumarize the contract.", "Summarize the contract.", 0.8, "score 0.70 below 0.80"},
		{"Summarize the contract.", "summarize the contract", 1, ""},
		{"How do I boil rice?", "How do I fry rice?", 0, `word "boil" against "fry"`},
		{"", "", 0, "empty"},
	} {
		if _, got := similar.ByText(similar.Prepare(c.a), similar.Prepare(c.b), c.threshold); got != c.want {
			t.Errorf("ByText(%q, %q, %v) = %q; want %q", c.a, c.b, c.threshold, got, c.want)
		}
	}
}

// Sketches of a long text and of nearly the same are close, those of others are not.
func TestSketch(t *testing.T) {
	var long []pair
	for _, p := range pairs(t) {
		if len(p.A) > 800 {
			long = append(long, p)
		}
	}
	sketches := map[string]uint64{}
	for _, p := range long {
		sketches[p.A], sketches[p.B] = similar.Prepare(p.A).Sketch(), similar.Prepare(p.B).Sketch()
	}
	for _, p := range long {
		if d := similar.Distance(sketches[p.A], sketches[p.B]); d > 10 {
			t.Errorf("%s: distance %d; want 10 at most", p.ID, d)
		}
		for _, q := range long {
			if p.A == q.A {
				continue
			}
			if d := similar.Distance(sketches[p.A], sketches[q.A]); d < 14 {
				t.Errorf("%s and %s: distance %d; want 14 at least", p.ID, q.ID, d)
			}
		}
	}
}

func Example() {
	texts := []string{
		"Could you please summarise the contract in 5 points?",
		"summarize the contract in five points",
		"Summarize the contract in six points.",
	}
	first := similar.Prepare(texts[0])
	for _, text := range texts[1:] {
		score, why := similar.ByText(first, similar.Prepare(text), similar.DefaultThreshold)
		fmt.Printf("%.2f %q\n", score, why)
	}
	// Output:
	// 1.00 ""
	// 0.67 "number 5 against 6"
}
