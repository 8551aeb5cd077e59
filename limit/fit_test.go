package limit_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pawlhq/pawl/limit"
)

// calls makes up calls of one operation, the same ones each time.
type calls struct {
	*rand.Rand
	base, ratio, noise float64
	low, high          int // characters
}

func newCalls(base, ratio, noise float64, low, high int) *calls {
	return &calls{rand.New(rand.NewPCG(1, 2)), base, ratio, noise, low, high}
}

// next returns a call's size, spread evenly over the magnitudes, and its input.
func (c *calls) next() (limit.Size, int64) {
	span := math.Log(float64(c.high) / float64(c.low))
	chars := int(float64(c.low) * math.Exp(span*c.Float64()))
	tokens := (c.base + c.ratio*float64(chars)) * (1 + c.noise*c.NormFloat64())
	return limit.Size{Chars: chars}, int64(max(tokens, 1))
}

// learn lets f learn n calls and returns the median relative error of its
// estimates over them.
func (c *calls) learn(f *limit.Fit, n int) (median float64) {
	var errs []float64
	for range n {
		s, tokens := c.next()
		errs = append(errs, math.Abs(f.InputTokens(s)-float64(tokens))/float64(tokens))
		f.Learn(s, limit.Usage{Input: tokens, Output: 100})
	}
	slices.Sort(errs)
	return errs[len(errs)/2]
}

func wantNear(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*want) {
		t.Errorf("%s = %v; want %v within %v %%", what, got, want, tolerance*100)
	}
}

func TestInputIsLearned(t *testing.T) {
	for _, tt := range []struct {
		name               string
		base, ratio, noise float64
		low, high          int
		most               float64 // median error over calls 101 to 200
	}{
		{"prose", 40, 0.27, 0.04, 200, 20_000, 0.05},
		{"exact", 40, 0.27, 0, 200, 20_000, 0.01},
		{"one token a character", 10, 1, 0.04, 200, 20_000, 0.05},
		{"a long prompt that is not counted", 3000, 0.25, 0.04, 200, 20_000, 0.05},
		{"short calls", 40, 0.27, 0.04, 5, 100, 0.05},
		{"long calls", 40, 0.3, 0.04, 50_000, 800_000, 0.05},
		{"all of one size", 40, 0.3, 0.04, 2000, 2001, 0.05},
		{"no characters", 500, 0, 0.04, 1, 2, 0.05},
		{"much scatter", 40, 0.27, 0.4, 200, 20_000, 0.35},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCalls(tt.base, tt.ratio, tt.noise, tt.low, tt.high)
			var f limit.Fit
			c.learn(&f, 100)
			median := c.learn(&f, 100)
			if median > tt.most {
				t.Errorf("median error of calls 101 to 200 = %.3f; want at most %v", median, tt.most)
			}
			told, calls := f.Error()
			if calls != 200 || math.Abs(told-median) > 0.01+median/2 {
				t.Errorf("Error() = %.3f, %d; want about %.3f, 200", told, calls, median)
			}
		})
	}
}

func TestErrorFollows(t *testing.T) {
	c := newCalls(40, 0.27, 0, 200, 20_000)
	var f limit.Fit
	for _, noise := range []float64{0, 0.2, 0.02} {
		c.noise = noise
		c.learn(&f, 200)
		median := c.learn(&f, 100)
		if told, _ := f.Error(); math.Abs(told-median) > 0.002+median/2 {
			t.Errorf("noise %v: Error() = %.4f; want about %.4f", noise, told, median)
		}
	}
}

func TestFirstCallHelps(t *testing.T) {
	var f limit.Fit
	f.Learn(limit.Size{Chars: 4000}, limit.Usage{Input: 4000, Output: 10})
	wantNear(t, "estimate after one call", f.InputTokens(limit.Size{Chars: 4000}), 4000, 0.1)
	wantNear(t, "estimate of half the size", f.InputTokens(limit.Size{Chars: 2000}), 2000, 0.1)
	wantNear(t, "estimate of ten times the size", f.InputTokens(limit.Size{Chars: 40_000}), 40_000, 0.15)
}

func TestSizesAlikeAreAPureRatio(t *testing.T) {
	c := newCalls(0, 0.4, 0.04, 2000, 2020)
	var f limit.Fit
	c.learn(&f, 64)
	wantNear(t, "estimate of ten times the size", f.InputTokens(limit.Size{Chars: 20_000}), 8000, 0.1)
	wantNear(t, "estimate of a tenth of the size", f.InputTokens(limit.Size{Chars: 200}), 80, 0.4)
}

func TestChangeOfLanguageIsFollowed(t *testing.T) {
	prose, chinese := newCalls(40, 0.27, 0.04, 200, 20_000), newCalls(40, 1, 0.04, 200, 20_000)
	var f limit.Fit
	prose.learn(&f, 200)
	for _, c := range []*calls{chinese, prose} {
		c.learn(&f, 20)
		if median := c.learn(&f, 30); median > 0.05 {
			t.Errorf("%v tokens a character: median error of calls 21 to 50 = %.3f; want at most 0.05", c.ratio, median)
		}
	}
}

// Calls that scatter widely, a few of them far off in a row, are no change.
func TestScatterIsNoChange(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	size := limit.Size{Chars: 4000}
	mean := 1000 * math.Exp(0.6*0.6/2)
	var f limit.Fit
	var off float64
	for i := range 2100 {
		if i >= 100 {
			off += math.Abs(math.Log(f.InputTokens(size)/mean)) / 2000
		}
		f.Learn(size, limit.Usage{Input: int64(1000 * math.Exp(0.6*r.NormFloat64()))})
	}
	if off > 0.12 {
		t.Errorf("estimates are %.3f off the mean; want at most 0.12", off)
	}
}

func TestSlowChangeIsFollowed(t *testing.T) {
	c := newCalls(40, 0.27, 0.04, 200, 20_000)
	var f limit.Fit
	c.learn(&f, 200)
	c.ratio = 0.33 // too little to be a surprise
	c.learn(&f, 150)
	if median := c.learn(&f, 50); median > 0.05 {
		t.Errorf("median error = %.3f; want at most 0.05", median)
	}
}

func TestOneStrangeAnswerDoesNoHarm(t *testing.T) {
	size := limit.Size{Chars: 2000}
	for _, tt := range []struct {
		name string
		s    limit.Size
		u    limit.Usage
	}{
		{"an image that was not counted", limit.Size{Chars: 20}, limit.Usage{Input: 5000, Output: 100}},
		{"an image that was counted", limit.Size{Chars: 1_000_000}, limit.Usage{Input: 1500, Output: 100}},
		{"no usage", size, limit.Usage{}},
		{"no input", size, limit.Usage{Output: 100}},
		{"no output", size, limit.Usage{Input: 580}},
		{"negative input", size, limit.Usage{Input: -5000, Output: 100}},
		{"negative cache", size, limit.Usage{Input: 580, CacheRead: -1, Output: 100}},
		{"negative output", size, limit.Usage{Input: 580, Output: math.MinInt64}},
		{"most input", size, limit.Usage{Input: math.MaxInt64, Output: 100}},
		{"most of all", size, limit.Usage{Input: math.MaxInt64, CacheRead: math.MaxInt64, CacheWrite: math.MaxInt64, Output: math.MaxInt64}},
		{"size 0", limit.Size{}, limit.Usage{Input: 580, Output: 100}},
		{"largest size", limit.Size{Chars: math.MaxInt}, limit.Usage{Input: 580, Output: 100}},
		{"smallest size", limit.Size{Chars: math.MinInt}, limit.Usage{Input: 580, Output: 100}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f limit.Fit
			newCalls(40, 0.27, 0.04, 200, 20_000).learn(&f, 100)
			before := f
			f.Learn(tt.s, tt.u)
			for _, chars := range []int{200, 2000, 20_000} {
				s := limit.Size{Chars: chars}
				if got, want := f.InputTokens(s), before.InputTokens(s); math.Abs(got-want) > 20+want/20 {
					t.Errorf("input of %d characters = %v; want %v within 20 and 5 %%", chars, got, want)
				}
			}
			wantNear(t, "output", f.OutputTokens(size), before.OutputTokens(size), 0.25)
			if f.Cached() > 0.07 {
				t.Errorf("Cached() = %v; want at most 0.07", f.Cached())
			}
		})
	}
}

func TestStrangeFirstAnswersAreOvercome(t *testing.T) {
	for name, u := range map[string]limit.Usage{
		"most":  {Input: math.MaxInt64, Output: math.MaxInt64},
		"least": {Input: 1},
	} {
		var f limit.Fit
		f.Learn(limit.Size{Chars: 2000}, u)
		c := newCalls(40, 0.27, 0.04, 200, 20_000)
		c.learn(&f, 50)
		if median := c.learn(&f, 50); median > 0.05 {
			t.Errorf("%s: median error of calls 51 to 100 = %.3f; want at most 0.05", name, median)
		}
		if out := f.OutputTokens(limit.Size{}); out < 90 || out > 250 {
			t.Errorf("%s: OutputTokens = %v; want between 90 and 250", name, out)
		}
	}
}

func TestCacheIsLearned(t *testing.T) {
	var f limit.Fit
	size := limit.Size{Chars: 4000}
	f.Learn(size, limit.Usage{Input: 100, CacheWrite: 900, Output: 10})
	if f.Cached() != 0 {
		t.Errorf("Cached() after a write = %v; want 0", f.Cached())
	}
	for range 50 {
		f.Learn(size, limit.Usage{Input: 100, CacheRead: 900, Output: 10})
	}
	wantNear(t, "Cached()", f.Cached(), 0.9, 0.05)
	wantNear(t, "InputTokens, what is cached included", f.InputTokens(size), 1000, 0.02)
	for range 50 {
		f.Learn(size, limit.Usage{Input: 1000, Output: 10})
	}
	if f.Cached() > 0.05 {
		t.Errorf("Cached() = %v after 50 calls without a cache; want at most 0.05", f.Cached())
	}
}

// learnOutputs lets f learn n outputs, and returns what share of them was
// expected or less.
func learnOutputs(f *limit.Fit, n int, next func() float64) (covered float64) {
	for range n {
		tokens := next()
		if tokens <= f.OutputTokens(limit.Size{}) {
			covered += 1 / float64(n)
		}
		f.Learn(limit.Size{Chars: 400}, limit.Usage{Input: 100, Output: int64(tokens)})
	}
	return covered
}

func TestOutputIsAHighPercentile(t *testing.T) {
	for name, next := range map[string]func(*rand.Rand) float64{
		"bell":        func(r *rand.Rand) float64 { return math.Floor(400 * math.Exp(0.5*r.NormFloat64())) },
		"even":        func(r *rand.Rand) float64 { return float64(1 + r.IntN(1000)) },
		"two kinds":   func(r *rand.Rand) float64 { return float64(20 + 1980*(r.IntN(4)/3)) },
		"exponential": func(r *rand.Rand) float64 { return math.Floor(300 * r.ExpFloat64()) },
	} {
		r := rand.New(rand.NewPCG(3, 4))
		next := func() float64 { return next(r) }
		var f limit.Fit
		learnOutputs(&f, 50, next)
		if covered := learnOutputs(&f, 500, next); covered < 0.85 || covered > 0.95 {
			t.Errorf("%s: %.3f of the outputs were expected or less; want about 0.9", name, covered)
		}
	}
}

func TestConstantOutputIsLearned(t *testing.T) {
	var f limit.Fit
	learnOutputs(&f, 5, func() float64 { return 300 })
	if got := f.OutputTokens(limit.Size{}); got < 290 || got > 500 {
		t.Errorf("OutputTokens after 5 answers of 300 = %v; want 290 to 500", got)
	}
	learnOutputs(&f, 95, func() float64 { return 300 })
	wantNear(t, "OutputTokens after 100 answers of 300", f.OutputTokens(limit.Size{}), 300, 0.1)
}

func TestChangeOfOutputIsFollowed(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var f limit.Fit
	for _, median := range []float64{400, 4000, 400, 20, 400} {
		next := func() float64 { return math.Floor(median * math.Exp(0.3*r.NormFloat64())) }
		learnOutputs(&f, 50, next)
		wantNear(t, fmt.Sprintf("OutputTokens 50 calls after a change to %v", median),
			f.OutputTokens(limit.Size{}), median*math.Exp(1.28*0.3), 0.35)
	}
}

func TestOutputBeforeItIsLearned(t *testing.T) {
	var learned limit.Fit
	learnOutputs(&learned, 50, func() float64 { return 900 })
	var few limit.Fit
	learnOutputs(&few, 4, func() float64 { return 900 })
	for _, tt := range []struct {
		s                 limit.Size
		before, low, high float64
	}{
		{limit.Size{}, limit.DefaultOutput, 850, 1100},
		{limit.Size{Output: 50}, 50, 850, 1100},
		{limit.Size{MaxTokens: 700}, limit.DefaultOutput, 700, 700},
		{limit.Size{MaxTokens: 200}, 200, 200, 200},
		{limit.Size{MaxTokens: 4000}, limit.DefaultOutput, 850, 1100},
		{limit.Size{MaxTokens: 4000, Output: 50}, 50, 850, 1100},
		{limit.Size{MaxTokens: 30, Output: 50}, 30, 30, 30},
		{limit.Size{MaxTokens: -1, Output: -1}, limit.DefaultOutput, 850, 1100},
	} {
		for name, f := range map[string]*limit.Fit{"nil": nil, "zero": {}, "4 calls": &few} {
			if got := f.OutputTokens(tt.s); got != tt.before {
				t.Errorf("%s: OutputTokens(%+v) = %v; want %v", name, tt.s, got, tt.before)
			}
		}
		if got := learned.OutputTokens(tt.s); got < tt.low || got > tt.high {
			t.Errorf("learned: OutputTokens(%+v) = %v; want %v to %v", tt.s, got, tt.low, tt.high)
		}
	}
}

func TestProvidersOwnChargeIsLearned(t *testing.T) {
	var f limit.Fit
	size := limit.Size{Chars: 3200, MaxTokens: 1000}
	if got := f.ChargedChars(size); got != 800 {
		t.Errorf("ChargedChars before it is known = %v; want 800", got)
	}
	f.Charged(size, 1000)
	f.Charged(size, 0)
	f.Charged(size, -5)
	if f != (limit.Fit{}) {
		t.Errorf("learned from a charge that tells nothing: %+v", f)
	}
	for range 3 {
		f.Charged(size, 1250)
	}
	wantNear(t, "ChargedChars", f.ChargedChars(size), 1250, 0.05)
	if got := f.InputTokens(size); got != 800 {
		t.Errorf("InputTokens = %v; want 800: a charge is no usage", got)
	}
}

func TestFirstCallIsLargerThanItsTask(t *testing.T) {
	var f limit.Fit
	task := limit.Size{Chars: 500, MaxTokens: 7, Output: 9}
	if got := f.Claim(task); got != task {
		t.Errorf("Claim before it is known = %+v; want %+v", got, task)
	}
	learn := func(n, chars int) {
		for range n {
			f.First(task, limit.Size{Chars: chars})
		}
	}
	want := func(low, high int) {
		t.Helper()
		got := f.Claim(task)
		if got.Chars < low || got.Chars > high || got.MaxTokens != 7 || got.Output != 9 {
			t.Errorf("Claim = %+v; want %d to %d characters, and the rest as in the task", got, low, high)
		}
	}
	learn(1, 6500)
	want(6500, 6500)
	learn(20, 6500)
	learn(1, math.MaxInt)
	want(6500, 7700)
	learn(50, 60_500)
	want(54_000, 60_500)
	learn(100, 100)
	want(0, 500)
	if got := f.Claim(limit.Size{Chars: 1}); got.Chars != 0 {
		t.Errorf("Claim = %+v; want no less than 0", got)
	}
}

func TestNilFitKnowsNothing(t *testing.T) {
	var none *limit.Fit
	s := limit.Size{Chars: 4001, MaxTokens: 50}
	if in, charged, cached := none.InputTokens(s), none.ChargedChars(s), none.Cached(); in != 1001 || charged != 1001 || cached != 0 {
		t.Errorf("InputTokens, ChargedChars, Cached = %v, %v, %v; want 1001, 1001, 0", in, charged, cached)
	}
	if median, calls := none.Error(); median != 0 || calls != 0 {
		t.Errorf("Error() = %v, %v; want 0, 0", median, calls)
	}
	if got := none.Claim(s); got != s {
		t.Errorf("Claim(%+v) = %+v; want the same", s, got)
	}
}

func TestLearningAllocatesNothing(t *testing.T) {
	var f limit.Fit
	s := limit.Size{Chars: 4000, MaxTokens: 500}
	n := testing.AllocsPerRun(100, func() {
		f.Learn(s, limit.Usage{Input: 1100, Output: 300})
		f.Charged(s, 1200)
		f.First(s, s)
		f.InputTokens(f.Claim(s))
		f.OutputTokens(s)
		(*limit.Fit)(nil).InputTokens(s)
	})
	if n != 0 {
		t.Errorf("%v allocations; want 0", n)
	}
}

func BenchmarkFitLearn(b *testing.B) {
	b.ReportAllocs()
	var f limit.Fit
	c := newCalls(40, 0.27, 0.04, 200, 20_000)
	var sizes [256]limit.Size
	var usages [256]limit.Usage
	for i := range sizes {
		s, tokens := c.next()
		sizes[i], usages[i] = s, limit.Usage{Input: tokens, Output: 200 + int64(i)}
	}
	for i := 0; b.Loop(); i++ {
		f.Learn(sizes[i%256], usages[i%256])
	}
}

func BenchmarkFitEstimate(b *testing.B) {
	b.ReportAllocs()
	var f limit.Fit
	newCalls(40, 0.27, 0.04, 200, 20_000).learn(&f, 100)
	s := limit.Size{Chars: 4000}
	for b.Loop() {
		f.InputTokens(f.Claim(s))
		f.OutputTokens(s)
	}
}

func ExampleFit() {
	var f limit.Fit
	size := limit.Size{Chars: 3000, MaxTokens: 1000}
	fmt.Println("before:", f.InputTokens(size), "in,", f.OutputTokens(size), "out")

	for range 50 { // Japanese, answered briefly
		f.Learn(size, limit.Usage{Input: 2100, Output: 120})
	}
	fmt.Println("after:", f.InputTokens(size), "in,", f.OutputTokens(size), "out")
	// Output:
	// before: 750 in, 256 out
	// after: 2099 in, 132 out
}
