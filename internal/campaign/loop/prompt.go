package loop

import (
	"fmt"
	"strings"

	"github.com/pawlhq/pawl/llmsim"
)

const (
	prompt = "Loop %d, turn %d. "
	answer = "This is what comes next in loop %d after turn %d: look at the wheel, lift the pawl, and turn on."
)

// Prompt is what a loop says in a turn, counted from 1, after a tool has said
// something.
func Prompt(number, turn int, said string) string {
	return fmt.Sprintf(prompt+"The tool said %s. What is to be done next?", number, turn, said)
}

// Answer is what the model says in that turn.
func Answer(number, turn int) string { return fmt.Sprintf(answer, number, turn) }

// Turn returns what a call is about: the loop, and its turn. It is not ok if the
// call is no loop's.
func Turn(c *llmsim.Call) (number, turn int, ok bool) {
	last := c.Messages[len(c.Messages)-1].Text
	n, err := fmt.Sscanf(last, prompt, &number, &turn)
	return number, turn, err == nil && n == 2 && strings.Contains(last, "The tool said")
}

// Reply answers a call as the provider.
func Reply(c *llmsim.Call) string {
	number, turn, _ := Turn(c)
	return Answer(number, turn)
}
