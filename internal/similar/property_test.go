package similar_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/pawlhq/pawl/internal/similar"
)

// A text is the same as itself, unless there is nothing in it; and whoever comes
// first makes no difference.
func TestSameAsItselfAndSymmetric(t *testing.T) {
	for _, p := range pairs(t) {
		checkPair(t, p.A, p.B)
		checkPair(t, p.B, p.A)
	}
	for _, s := range []string{"", " \n\t", "\u200b", "..."} {
		if score, why := byText(s, s); why == "" || score != 0 {
			t.Errorf("ByText(%q, itself) = %v, %q; want 0 and a reason", s, score, why)
		}
	}
}

func checkPair(t *testing.T, a, b string) {
	t.Helper()
	x, y := similar.Prepare(a), similar.Prepare(b)
	for _, threshold := range []float64{0, similar.DefaultThreshold, 1} {
		s1, w1 := similar.ByText(x, y, threshold)
		s2, w2 := similar.ByText(y, x, threshold)
		if s1 != s2 || (w1 == "") != (w2 == "") {
			t.Errorf("ByText = %v, %q one way and %v, %q the other\n%q\n%q", s1, w1, s2, w2, a, b)
		}
		if s1 < 0 || s1 > 1 {
			t.Errorf("ByText = %v; want 0 to 1\n%q\n%q", s1, a, b)
		}
	}
	d1, d2 := similar.Differs(x, y), similar.Differs(y, x)
	if (d1 == "") != (d2 == "") {
		t.Errorf("Differs = %q one way and %q the other\n%q\n%q", d1, d2, a, b)
	}
	if _, why := similar.ByText(x, y, 0); why == "" && d1 != "" && a != b {
		t.Errorf("ByText merges what Differs keeps apart for %q\n%q\n%q", d1, a, b)
	}
	again := similar.Prepare(a)
	if why := similar.Differs(x, again); why != "" {
		t.Errorf("Differs(x, x) = %q\n%q", why, a)
	}
	if score, why := similar.ByText(x, again, 1); !x.Empty() && (score != 1 || why != "") {
		t.Errorf("ByText(x, x) = %v, %q; want 1\n%q", score, why, a)
	}
	if x.Sketch() != again.Sketch() {
		t.Errorf("Sketch differs between two preparations of %q", a)
	}
}

// Each of these makes another text of any text, however long it is.
func TestChangedTexts(t *testing.T) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 1))
	digits := func(w string) string {
		return strings.Map(func(c rune) rune {
			if c >= '0' && c <= '9' {
				return '0' + (c-'0'+1)%10
			}
			return c
		}, w)
	}
	changes := map[string]func(words []string, i int) []string{
		"a word that nobody knows": func(ws []string, i int) []string { ws[i] = "zebroid"; return ws },
		"a word left out": func(ws []string, i int) []string {
			if len(bare(ws[i])) < 4 || polite(ws[i]) {
				return nil
			}
			return append(ws[:i], ws[i+1:]...)
		},
		"not put in": func(ws []string, i int) []string {
			return append(ws[:i], append([]string{"not"}, ws[i:]...)...)
		},
		"other digits": func(ws []string, i int) []string { ws[i] = digits(ws[i]); return ws },
		"two neighbours changed": func(ws []string, i int) []string {
			if i+1 == len(ws) || len(bare(ws[i])) < 4 || len(bare(ws[i+1])) < 4 || strings.EqualFold(bare(ws[i]), bare(ws[i+1])) {
				return nil
			}
			if polite(ws[i]) || polite(ws[i+1]) {
				return nil
			}
			ws[i], ws[i+1] = ws[i+1], ws[i]
			return ws
		},
	}
	for name, change := range changes {
		tried := 0
		for _, p := range pairs(t) {
			if strings.Contains(p.A, "\n") || strings.ContainsAny(p.A, "`\"“") || p.Kind == "other language" {
				continue
			}
			words := strings.Fields(p.A)
			for range min(3, len(words)) {
				changed := change(append([]string(nil), words...), r.IntN(len(words)))
				b := strings.Join(changed, " ")
				if changed == nil || b == strings.Join(words, " ") {
					continue
				}
				tried++
				if score, why := similar.ByText(similar.Prepare(p.A), similar.Prepare(b), 0); why == "" {
					t.Errorf("seed %d, %s: ByText = %.2f, same\n%q\n%q", seed, name, score, p.A, b)
				}
			}
		}
		if tried < 50 {
			t.Errorf("%s: tried %d times", name, tried)
		}
	}
}

// polite reports whether a word may be courtesy, which may come and go.
func polite(w string) bool {
	return slices.Contains([]string{"please", "kindly", "hello", "thank", "thanks", "very", "much"}, strings.ToLower(bare(w)))
}

func bare(w string) string {
	return strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) })
}

// Courtesy, white space and the last full stop say nothing, in any text that is not
// about how it is written.
func TestUnchangedTexts(t *testing.T) {
	tried := 0
	for _, p := range pairs(t) {
		if p.Kind == "quote" || p.Kind == "code" || p.Kind == "payload" || strings.Contains(p.A, "\n") {
			continue
		}
		tried++
		for _, b := range []string{"  " + p.A, p.A + "\n\n", p.A + " \n"} {
			if score, why := byText(p.A, b); why != "" || score != 1 {
				t.Errorf("ByText = %v, %q\n%q\n%q", score, why, p.A, b)
			}
		}
	}
	if tried < 400 {
		t.Errorf("tried %d texts", tried)
	}
}

func FuzzByText(f *testing.F) {
	for _, p := range pairs(f) {
		f.Add(p.A, p.B)
	}
	f.Add("\xff\xfe", "\xff")
	f.Add("```", "``")
	f.Add("a\u0301", "\u00e1")
	f.Fuzz(func(t *testing.T, a, b string) { checkPair(t, a, b) })
}

// FuzzChanged puts "not" before a word of any text: that is another text.
func FuzzChanged(f *testing.F) {
	for _, p := range pairs(f) {
		f.Add(p.A, 3)
	}
	f.Fuzz(func(t *testing.T, a string, at int) {
		words := strings.Fields(a)
		if len(words) == 0 {
			return
		}
		at = int(uint(at) % uint(len(words)))
		b := strings.Join(words[:at], " ") + " not " + strings.Join(words[at:], " ")
		if score, why := similar.ByText(similar.Prepare(strings.Join(words, " ")), similar.Prepare(b), 0); why == "" {
			t.Errorf("ByText = %v, same\n%q\n%q", score, a, b)
		}
	})
}

// Texts that are made to be slow take time in proportion to their length, too: the time
// for a byte is the same for a long one.
func BenchmarkHostile(b *testing.B) {
	pieces := []string{
		"word ", "“a ", "\"", "' ", "` ", "``` ", "```\n", "‘a", "please ", "how do in ", "1, ", "two hundred and ", "( ", ")", "Anna ",
		"not ", "\n", "\n\n", "  a\n", "a\n", "the a ", "March 4 ", "in ", "x=1 ", "- ", "日", "é ", "\xff", "un", "a.", "? ", "at least ",
	}
	for _, piece := range pieces {
		for _, bytes := range []int{2 << 10, 32 << 10} {
			b.Run(fmt.Sprintf("%q/%dKB", piece, bytes>>10), func(b *testing.B) {
				text := "how " + strings.Repeat(piece, bytes/len(piece))
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					x, y := similar.Prepare(text), similar.Prepare(text+" do")
					similar.Differs(x, y)
					similar.ByText(x, y, 0)
				}
			})
		}
	}
}
