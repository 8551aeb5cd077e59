// Package loop is an agent loop: many calls of a model, each of which continues
// the ones before. Campaigns kill the processes that work on loops.
package loop

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// The kinds of loop, by how they make their calls.
const (
	Ask  = "ask"  // through Task.Ask, with the tool as a step between two calls
	Step = "step" // inside a step each, with the provider's plain client, of which the queue knows nothing
	SDK  = "sdk"  // with the provider's own SDK over llm.Transport; the loop knows nothing of the queue
)

// Kinds returns every kind of loop.
func Kinds() []string { return []string{Ask, Step, SDK} }

// What every call is made with.
const (
	Model     = "sim-1"
	MaxTokens = 100
)

// Loop is what a task works on.
type Loop struct {
	Number int
	Turns  int // calls that it makes
}

// Report is the result of a loop.
type Report struct {
	Number  int
	Answers int
	Tools   []string // what the tool said after each turn, if the loop has one
}

// Operation is a loop's. It has attempts enough for whatever is done to it.
var Operation = pawl.Operation[Loop, Report]{
	Name: "loop", Duplicates: pawl.Keep, Attempts: 10,
	Backoff: pawl.Backoff{Base: 100 * time.Millisecond, Max: time.Second},
}

// The names of steps.
const (
	ToolStep = "tool" // what a tool did
	TurnStep = "turn" // that holds a call
)

// Handle makes c work on loops of a kind that needs no SDK.
func Handle(c *pawl.Client, kind string, model llm.Model) error {
	switch kind {
	case Ask:
		Operation.Handle(c, func(ctx context.Context, t *pawl.Task[Loop]) (Report, error) { return ask(ctx, t, model) })
	case Step:
		Operation.Handle(c, func(ctx context.Context, t *pawl.Task[Loop]) (Report, error) { return step(ctx, t.Input, model) })
	default:
		return fmt.Errorf("no kind of loop %q that this program works on", kind)
	}
	return nil
}

// ask has a tool, whose word goes into the next call. It says another one each
// time that it is used: done twice, it is found in the result.
func ask(ctx context.Context, t *pawl.Task[Loop], model llm.Model) (Report, error) {
	report := Report{Number: t.Input.Number}
	said := "nothing yet"
	for turn := 1; turn <= t.Input.Turns; turn++ {
		reply, err := t.Ask(ctx, model, Prompt(report.Number, turn, said))
		if err != nil {
			return report, err
		}
		if err := report.Add(turn, reply.Text()); err != nil {
			return report, err
		}
		said, err = pawl.Step(ctx, ToolStep, func(context.Context) (string, error) { return rand.Text(), nil })
		if err != nil {
			return report, err
		}
		report.Tools = append(report.Tools, said)
	}
	return report, nil
}

// step makes each call inside a step, and keeps the conversation by itself.
func step(ctx context.Context, in Loop, model llm.Model) (Report, error) {
	report := Report{Number: in.Number}
	var talk []llm.Message
	for turn := 1; turn <= in.Turns; turn++ {
		talk = append(talk, llm.Text("user", Prompt(in.Number, turn, "nothing")))
		answer, err := pawl.Step(ctx, TurnStep, func(ctx context.Context) (string, error) {
			body, err := model.Encode(llm.Request{Messages: talk})
			if err != nil {
				return "", err
			}
			r, err := model.Send(ctx, body)
			if err != nil {
				return "", err
			}
			return r.Text(), nil
		})
		if err != nil {
			return report, err
		}
		if err := report.Add(turn, answer); err != nil {
			return report, err
		}
		talk = append(talk, llm.Text("assistant", answer))
	}
	return report, nil
}

// Add counts the answer of a turn. It returns an error for an answer that belongs
// to another turn.
func (r *Report) Add(turn int, answer string) error {
	if want := Answer(r.Number, turn); answer != want {
		return pawl.Permanent(fmt.Errorf("turn %d of loop %d was answered %q; want %q", turn, r.Number, answer, want))
	}
	r.Answers++
	return nil
}
