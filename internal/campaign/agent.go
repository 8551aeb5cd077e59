package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// notes is what the first task of a flow hands on.
type notes struct {
	document
	Stamps  []string
	Answers int
}

// summary is the result of a flow.
type summary struct {
	Number  int
	Stamps  []string // of the steps of both tasks
	Answers int      // of both tasks
}

// quick makes retries come soon, since faults are many.
var quick = pawl.Backoff{Base: 200 * time.Millisecond, Max: 2 * time.Second}

var (
	read   = pawl.Operation[document, notes]{Name: "read", Attempts: 10, Backoff: quick, Reuse: time.Hour}
	write  = pawl.Operation[notes, summary]{Name: "write", Attempts: 10, Backoff: quick}
	digest = pawl.Then(read, write)
)

// errDoomed is the failure of the tasks that are to die.
var errDoomed = pawl.Permanent(errors.New("this document cannot be worked on"))

// question is what a task asks, of whom, and how.
type question struct {
	model  llm.Model
	prompt string
	with   []pawl.AskOption
}

// An asker says what a task asks about a document; n counts its questions from 1.
type asker func(task pawl.ID, number, n int) question

// asking asks one model the same about each document.
func asking(model llm.Model) asker {
	return func(_ pawl.ID, number, n int) question {
		return question{model: model, prompt: fmt.Sprintf(beginning+"Question %d?", number, n)}
	}
}

// refusals are why answers end that the model declined to give. They say nothing that a
// conversation could go on from.
var refusals = []string{"refusal", "content_filter"}

var errRefused = pawl.Permanent(errors.New("the model refused"))

// handle makes c work on digests.
func handle(c *pawl.Client, ask asker) {
	read.Handle(c, func(ctx context.Context, t *pawl.Task[document]) (notes, error) {
		stamp, err := converse(ctx, t, ask, t.Input.Number, t.Input.Reads)
		if err == nil && t.Input.Dies == 1 {
			err = errDoomed
		}
		return notes{t.Input, []string{stamp}, t.Input.Reads}, err
	})
	write.Handle(c, func(ctx context.Context, t *pawl.Task[notes]) (summary, error) {
		in := t.Input
		stamp, err := converse(ctx, t, ask, in.Number, in.Writes)
		if err == nil && in.Dies == 2 {
			err = errDoomed
		}
		return summary{in.Number, append(slices.Clip(in.Stamps), stamp), in.Answers + in.Writes}, err
	})
}

// stampStep is the name of the step that is no call.
const stampStep = "stamp"

// converse asks some questions, and does a step that gives another
// result each time it is done: the result tells whether it was done again.
func converse[In any](ctx context.Context, t *pawl.Task[In], ask asker, number, questions int) (stamp string, err error) {
	for i := range questions {
		q := ask(t.ID, number, i+1)
		reply, err := t.Ask(ctx, q.model, q.prompt, q.with...)
		if err == nil && slices.Contains(refusals, reply.StopReason) {
			err = errRefused
		}
		if err != nil {
			return "", err
		}
		if i > 0 {
			continue
		}
		stamp, err = pawl.Step(ctx, stampStep, func(context.Context) (string, error) { return rand.Text(), nil })
		if err != nil {
			return "", err
		}
	}
	return stamp, nil
}
