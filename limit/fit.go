package limit

import "math"

// Fit is what is learned of one operation's calls on one limit, so that their
// cost can be told from their size before they are sent. Its zero value has
// learned nothing; methods that only read take a nil Fit for that as well. It
// is a plain value that can be compared, and survives JSON exactly. As with a
// [State], whoever keeps it lets one call at a time change it.
//
// Nothing that a provider answers breaks it: one strange answer moves it a
// little, a lasting change of the calls is followed within about 50 of them.
// It is stored with each change, so its numbers are rounded to stay short.
type Fit struct {
	Calls  int     `json:"n,omitempty"` // answered calls that were learned from
	Input  line    `json:"i,omitzero"`  // input tokens by characters
	Charge line    `json:"c,omitzero"`  // tokens that the provider charges by characters
	Cache  float64 `json:"r,omitempty"` // share of input read from the provider's cache, 0 to 1
	Output float64 `json:"o,omitempty"` // mean logarithm of 1 + output tokens
	Spread float64 `json:"d,omitempty"` // from Output up to the 90th percentile
	Far    int     `json:"s,omitempty"` // outputs in a row that were far above Output; negative: far below
	Wrong  float64 `json:"e,omitempty"` // median relative error of estimated input
	Firsts int     `json:"k,omitempty"` // first calls of tasks that Extra was learned from, counted up to extraMemory
	Extra  float64 `json:"x,omitempty"` // characters that a task's first call has more than the task
}

// The memories are how many calls count in a mean: the latest ones most.
const (
	cacheMemory  = 16
	outputMemory = 16
	extraMemory  = 16
)

const (
	enoughOutputs = 5    // answers before learned output is preferred to what the call says
	maxOutput     = 1e6  // tokens: no model writes more in one answer
	startSpread   = 0.5  // e^0.5: the first answer and two thirds
	minStep       = 0.05 // of a median or percentile: about 100 calls are remembered
	maxStrange    = 2    // logarithm: one output counts as at most e² times more or less than usual
	maxSpread     = 8    // logarithm
	farOutput     = 1    // logarithm: e times more or less than usual is far
	minWrong      = 1e-3 // an error of 0 would never grow
	maxWrong      = 10
	maxCalls      = 1e9
	maxExtra      = 1e8  // characters
	strangeExtra  = 4000 // characters: what one task's first call may differ by and count in full
)

// Learn takes in an answered call of size s that used u. The estimate is
// judged by it before it is changed. A usage with no input or a negative
// number tells nothing.
func (f *Fit) Learn(s Size, u Usage) {
	if min(u.Input, u.Output, u.CacheRead, u.CacheWrite) < 0 {
		return
	}
	read := amount(float64(u.CacheRead))
	total := amount(amount(float64(u.Input)) + read + amount(float64(u.CacheWrite)))
	if total == 0 {
		return
	}
	f.Calls = min(f.Calls+1, maxCalls)
	expected := f.Input.learn(s.Chars, total, f.Wrong)
	f.judge(math.Abs(expected-total) / total)
	f.Cache = round4(f.Cache + (read/total-f.Cache)/float64(min(f.Calls+1, cacheMemory)))
	f.learnOutput(amount(float64(u.Output)))
}

// judge moves the median of relative errors one step to the error just seen:
// as many steps up as down balance at the median.
func (f *Fit) judge(wrong float64) {
	if f.Calls == 1 {
		f.Wrong = round6(within(wrong, minWrong, maxWrong))
		return
	}
	step := 1 + max(minStep, 0.5/float64(f.Calls))
	if wrong < f.Wrong {
		step = 1 / step
	}
	f.Wrong = round6(within(f.Wrong*step, minWrong, maxWrong))
}

// learnOutput follows the mean of the logarithms quickly, and the distance
// from it to the 90th percentile slowly: nine steps up for an answer above it,
// one down for one below, which balance at 90 %, whatever the distribution.
// Wider distributions take larger steps. After a lasting change the mean
// starts over, and the distance stays.
func (f *Fit) learnOutput(tokens float64) {
	seen := math.Log1p(min(tokens, maxOutput))
	if f.Calls == 1 {
		f.Output, f.Spread = round4(seen), startSpread
		return
	}
	step := max(minStep, 1/float64(f.Calls)) * max(1, f.Spread)
	if seen > f.Output+f.Spread {
		f.Spread += 0.9 * step
	} else {
		f.Spread -= 0.1 * step
	}
	f.Spread = round4(within(f.Spread, -maxSpread, maxSpread))
	f.Output = round4(f.Output + f.outputStep(seen-f.Output))
}

// outputStep returns by how much the mean moves for an output that is off by so much.
func (f *Fit) outputStep(off float64) float64 {
	f.Far = inARow(f.Far, off, max(farOutput, 3*f.Spread))
	if lasting(f.Far) {
		f.Far = 0
		return off
	}
	if f.Calls > enoughOutputs {
		off = within(off, -maxStrange, maxStrange)
	}
	return off * gain(f.Calls, outputMemory)
}

// Charged takes in how many tokens the provider said that it charges a call of
// size s up front. If that is its MaxTokens it tells nothing of the characters.
func (f *Fit) Charged(s Size, requested int64) {
	if requested > 0 && requested != int64(s.MaxTokens) {
		f.Charge.learn(s.Chars, amount(float64(requested)), 0)
	}
}

// First takes in the first call of a task, whose size was task when it was
// claimed: prompts and tools make the call larger, a cut history smaller.
func (f *Fit) First(task, call Size) {
	seen := within(amount(float64(call.Chars))-amount(float64(task.Chars)), -maxExtra, maxExtra)
	f.Firsts = min(f.Firsts+1, extraMemory)
	change := seen - f.Extra
	if f.Firsts > 2 {
		usual := strangeExtra + 2*math.Abs(f.Extra)
		change = within(change, -usual, usual)
	}
	f.Extra = math.Round(f.Extra + change/float64(f.Firsts))
}

// Claim returns the size to expect of the first call of a task of size s.
func (f *Fit) Claim(s Size) Size {
	if f == nil || f.Firsts == 0 {
		return s
	}
	s.Chars = int(amount(amount(float64(s.Chars)) + f.Extra))
	return s
}

// Task returns the size of a task whose first call is expected to have size s: what
// Claim undoes.
func (f *Fit) Task(s Size) Size {
	if f == nil || f.Firsts == 0 {
		return s
	}
	s.Chars = int(amount(amount(float64(s.Chars)) - f.Extra))
	return s
}

// InputTokens returns the input expected of a call of size s, in tokens, what
// may come from the provider's cache included. Before the first answer it is
// one for 4 characters.
func (f *Fit) InputTokens(s Size) float64 {
	if f == nil {
		return new(line).tokens(s.Chars)
	}
	return f.Input.tokens(s.Chars)
}

// Cached returns the share of input to expect from the provider's cache, 0 to 1.
func (f *Fit) Cached() float64 {
	if f == nil {
		return 0
	}
	return f.Cache
}

// OutputTokens returns the output to expect of a call of size s, in tokens:
// what nine in ten answers stay below, and never more than s.MaxTokens. Before
// 5 answers it is s.Output, and without that [DefaultOutput]: the maximum that calls
// set is far from what they use.
func (f *Fit) OutputTokens(s Size) float64 {
	most, expected := amount(float64(s.MaxTokens)), amount(float64(s.Output))
	switch {
	case f != nil && f.Calls >= enoughOutputs:
		expected = min(math.Ceil(max(math.Expm1(f.Output+f.Spread), 0)), maxOutput)
	case expected == 0:
		expected = DefaultOutput
	}
	if most > 0 {
		return min(expected, most)
	}
	return expected
}

// ChargedChars returns what [MaxOrChars] charges for the characters of a call
// of size s, in tokens. Before the provider told it is one for 4 characters.
func (f *Fit) ChargedChars(s Size) float64 {
	if f == nil {
		return new(line).tokens(s.Chars)
	}
	return f.Charge.tokens(s.Chars)
}

// Error returns the median of |estimated − actual| / actual over the input
// tokens of about the last 100 calls, and how many calls were learned from.
func (f *Fit) Error() (median float64, calls int) {
	if f == nil {
		return 0, 0
	}
	return f.Wrong, f.Calls
}

// gain returns what the n-th call weighs in a mean. Later calls weigh more from
// the start, so that strange first ones are soon forgotten.
func gain(n, memory int) float64 { return max(2/float64(n+1), 1/float64(memory)) }

// inARow counts calls in a row that are off by more than far, above 0 or below.
func inARow(before int, off, far float64) int {
	switch {
	case off > far:
		return max(before, 0) + 1
	case off < -far:
		return min(before, 0) - 1
	}
	return 0
}

// lasting reports that so many calls in a row are no accident.
func lasting(inARow int) bool { return inARow >= 3 || inARow <= -3 }

func within(v, low, high float64) float64 { return min(max(v, low), high) }

func round4(v float64) float64 { return math.RoundToEven(v*1e4) / 1e4 }
func round6(v float64) float64 { return math.RoundToEven(v*1e6) / 1e6 }
func round9(v float64) float64 { return math.RoundToEven(v*1e9) / 1e9 }
