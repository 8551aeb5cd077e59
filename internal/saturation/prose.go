package saturation

import (
	"fmt"
	"strings"

	"github.com/pawlhq/pawl/llmsim"
)

// prose gives texts of an exact number of tokens.
type prose struct {
	words  []string
	tokens []int // of each word
}

// newProse returns the words of a text, which has some.
func newProse(text string) *prose {
	p := &prose{words: strings.Fields(text)}
	for _, w := range p.words {
		p.tokens = append(p.tokens, llmsim.CountTokens(w))
	}
	return p
}

// take returns a text of n tokens that begins somewhere else for each seed. The
// space between words costs nothing; what is left for part of a word is filled up
// with words of one token.
func (p *prose) take(n, seed int) string {
	var b strings.Builder
	b.Grow(6 * n)
	for i := seed * 37 % len(p.words); n > 0; i = (i + 1) % len(p.words) {
		word, tokens := p.words[i], p.tokens[i]
		if tokens > n {
			word, tokens = "a", 1
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
		n -= tokens
	}
	return b.String()
}

// order is the first line of a prompt: which request it is, and how many tokens
// its answer is to have. The provider reads it; see [parseOrder].
func order(number, output int) string {
	return fmt.Sprintf("Request %d: answer in %d tokens.", number, output)
}

func parseOrder(prompt string) (number, output int, ok bool) {
	n, _ := fmt.Sscanf(prompt, "Request %d: answer in %d tokens.", &number, &output)
	return number, output, n == 2
}

// messageTokens is what a message costs beside its text.
const messageTokens = 3

// prompt returns the prompt of a request, which the provider counts as
// [Request.Input] tokens.
func (p *prose) prompt(number int, r Request) string {
	first := order(number, r.Output)
	rest := r.Input - messageTokens - llmsim.CountTokens(first)
	if rest <= 0 {
		return first
	}
	return first + " " + p.take(rest, number)
}
