package limit

import "math"

// line is a straight line, tokens = base + ratio · characters, fitted to the
// calls it has seen. Its zero value is one token for 4 characters.
//
// Providers' numbers scatter in proportion, so it is relative errors that are
// to be small. Both sides are therefore divided by the size: with
//
//	q = short / (characters + short)   from 1, no characters, down to 0, very many
//	r = tokens / (characters + short)
//
// the line is r = ratio · (1-q) + base/short · q. Means, variance and
// covariance of q and r are all that is kept; the least squares follow from
// them. Every q weighs alike, so a giant call has no more say than a small one.
//
//  1. A prior, worth less than one call, is one token for 4 characters and no
//     base. It decides what the calls leave open: while all sizes are alike,
//     that is the base, and the fit is a pure ratio.
//  2. A call far off the line counts as if it were twice, or half, of what was
//     expected. One image or one wrong number does little.
//  3. Three calls in a row, all far above or all far below, are a change of
//     the calls: what was learned is forgotten and learning starts over.
type line struct {
	Calls int     `json:"n,omitempty"` // counted up to lineCalls
	Far   int     `json:"s,omitempty"` // calls in a row that were far above the line; negative: far below
	Q     float64 `json:"q,omitempty"` // mean of q
	R     float64 `json:"r,omitempty"` // mean of r
	QQ    float64 `json:"v,omitempty"` // variance of q
	QR    float64 `json:"c,omitempty"` // covariance of q and r
}

const (
	lineMemory = 64             // calls
	lineCalls  = 2 * lineMemory // from there on the gain is 1/lineMemory
	short      = 256            // characters; calls much shorter than this all tell of the base

	defaultRatio       = 0.25 // tokens a character
	minRatio, maxRatio = 0.02, 4
	maxBase            = 1e6 // tokens

	// What the prior weighs, in calls: the variance of r over that of what is
	// to be found. Ratios lie between 0.1 and 1, bases below a few hundred.
	priorRatio, priorBase = 0.06, 0.01

	enoughCalls = 4   // before that a call may be off by farAtFirst
	farAtFirst  = 8   // times more or less than one token for 4 characters: no language is
	farLater    = 2   // times
	nearTokens  = 16  // less than this is never far
	leastFar    = 0.5 // half more, or a third less, is far
)

// tokens returns the whole tokens expected of so many characters.
func (l *line) tokens(chars int) float64 {
	return amount(math.Ceil(l.at(amount(float64(chars)))))
}

func (l *line) at(chars float64) float64 {
	base, ratio := l.solve()
	return base + ratio*chars
}

// solve returns the least squares with the prior, within the bounds.
func (l *line) solve() (base, ratio float64) {
	if l.Calls == 0 {
		return 0, defaultRatio
	}
	p, q := 1-l.Q, l.Q
	ratioWeight, baseWeight := priorRatio/float64(l.Calls), priorBase/float64(l.Calls)
	pp, pq, qq := p*p+l.QQ+ratioWeight, p*q-l.QQ, q*q+l.QQ+baseWeight
	pr, qr := p*l.R-l.QR+ratioWeight*defaultRatio, q*l.R+l.QR

	// Without bounds the first line is the answer and the others agree with it.
	ratio = within((pr*qq-pq*qr)/(pp*qq-pq*pq), minRatio, maxRatio)
	base = within((qr-pq*ratio)/qq, 0, maxBase/short)
	ratio = within((pr-pq*base)/pp, minRatio, maxRatio)
	return base * short, ratio
}

// learn takes in a call and returns what was expected of it before. Wrong is
// the usual relative error: where much scatter is usual, little is far off.
func (l *line) learn(chars int, tokens, wrong float64) (expected float64) {
	x := amount(float64(chars))
	expected = l.at(x)
	l.notice(tokens, expected, 1+max(leastFar, 3*wrong))
	reach := float64(farLater)
	if l.Calls < enoughCalls {
		reach = farAtFirst
	}
	tokens = within(tokens, expected/reach, expected*reach+nearTokens)

	l.Calls = min(l.Calls+1, lineCalls)
	g := gain(l.Calls, lineMemory)
	dq, dr := short/(x+short)-l.Q, tokens/(x+short)-l.R
	l.QQ = round9((1 - g) * (l.QQ + g*dq*dq))
	l.QR = round9((1 - g) * (l.QR + g*dq*dr))
	l.Q = round6(l.Q + g*dq)
	l.R = round6(l.R + g*dr)
	return expected
}

// notice counts calls that are far off, and forgets all once that has become
// the rule.
func (l *line) notice(tokens, expected, times float64) {
	far := expected*(times-1) + nearTokens
	if tokens < expected {
		far = expected*(1-1/times) + nearTokens
	}
	l.Far = inARow(l.Far, tokens-expected, far)
	if lasting(l.Far) {
		l.Calls, l.Far = 0, 0
	}
}
