package limit_test

import (
	"encoding/json"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/pawlhq/pawl/limit"
)

// fitSteps draws whatever may be learned, sane or not.
func fitSteps(t *rapid.T) []func(*limit.Fit) {
	chars := rapid.OneOf(rapid.IntRange(0, 20_000), rapid.Int())
	tokens := rapid.OneOf(rapid.Int64Range(0, 5000), rapid.Int64(), rapid.Just(int64(math.MaxInt64)))
	size := rapid.Custom(func(t *rapid.T) limit.Size {
		return limit.Size{Chars: chars.Draw(t, "chars"), MaxTokens: chars.Draw(t, "max"), Output: chars.Draw(t, "output")}
	})
	step := rapid.Custom(func(t *rapid.T) func(*limit.Fit) {
		s, n := size.Draw(t, "size"), tokens.Draw(t, "n")
		switch rapid.IntRange(0, 5).Draw(t, "step") {
		case 0:
			return func(f *limit.Fit) { f.Charged(s, n) }
		case 1:
			first := size.Draw(t, "first")
			return func(f *limit.Fit) { f.First(s, first) }
		}
		u := limit.Usage{Input: n, Output: tokens.Draw(t, "out"), CacheRead: tokens.Draw(t, "read"), CacheWrite: tokens.Draw(t, "write")}
		times := rapid.SampledFrom([]int{1, 1, 3, 100}).Draw(t, "times")
		return func(f *limit.Fit) {
			for range times {
				f.Learn(s, u)
			}
		}
	})
	return rapid.SliceOfN(step, 1, 100).Draw(t, "steps")
}

func TestFitProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := fitSteps(t)
		probe := limit.Size{Chars: rapid.IntRange(0, 1e9).Draw(t, "chars"), MaxTokens: rapid.IntRange(0, 1e6).Draw(t, "max")}
		var f, again limit.Fit
		for _, step := range steps {
			step(&f)
			step(&again)
			again = throughJSON(t, again)
			if f != again {
				t.Fatalf("with JSON in between %+v; without %+v", again, f)
			}
			wantWithinBounds(t, &f, probe)
		}
	})
}

func throughJSON(t *rapid.T, f limit.Fit) (back limit.Fit) {
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) >= 250 {
		t.Fatalf("%d bytes of JSON, %s; want less than 250", len(text), text)
	}
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

func wantWithinBounds(t *rapid.T, f *limit.Fit, s limit.Size) {
	least, most := math.Floor(0.02*float64(s.Chars)), 4*float64(s.Chars)+1e6+1
	for name, v := range map[string]float64{"InputTokens": f.InputTokens(s), "ChargedChars": f.ChargedChars(s)} {
		if !(v >= least && v <= most) {
			t.Fatalf("%s(%+v) = %v; want %v to %v", name, s, v, least, most)
		}
	}
	longer := limit.Size{Chars: 2 * s.Chars}
	if f.InputTokens(longer) < f.InputTokens(s) {
		t.Fatalf("%d characters are %v tokens, and %d are %v", s.Chars, f.InputTokens(s), longer.Chars, f.InputTokens(longer))
	}
	if v := f.OutputTokens(s); !(v >= 0 && v <= 1e6) || s.MaxTokens > 0 && v > float64(s.MaxTokens) {
		t.Fatalf("OutputTokens(%+v) = %v; want 0 to the least of 1e6 and MaxTokens", s, v)
	}
	if v := f.Cached(); !(v >= 0 && v <= 1) {
		t.Fatalf("Cached() = %v; want 0 to 1", v)
	}
	if v := f.Claim(s); v.Chars < 0 || v.Chars > s.Chars+1e8 || v.MaxTokens != s.MaxTokens {
		t.Fatalf("Claim(%+v) = %+v; want 0 to 1e8 characters more", s, v)
	}
	if v, _ := f.Error(); !(v >= 0 && v <= 10) {
		t.Fatalf("Error() = %v; want 0 to 10", v)
	}
}
