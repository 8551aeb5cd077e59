// Loop is a worker of a campaign, whose agent loop is written with Anthropic's own
// SDK. Over llm.Transport it is durable, and has not a line for it.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/campaign/loop"
	"github.com/pawlhq/pawl/internal/campaign/worker"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
)

func main() {
	if err := worker.Run(context.Background(), os.Stdin, os.Stdout, handle); err != nil {
		fmt.Fprintln(os.Stderr, "loop:", err)
		os.Exit(1)
	}
}

func handle(c *pawl.Client, j worker.Job) error {
	if j.Kind != loop.SDK {
		return fmt.Errorf("no kind of loop %q that this program works on", j.Kind)
	}
	claude := sdk.NewClient(option.WithAPIKey("key"), option.WithBaseURL(j.Provider),
		option.WithHTTPClient(&http.Client{Transport: &llm.Transport{API: anthropic.API{}}}))
	loop.Operation.Handle(c, func(ctx context.Context, t *pawl.Task[loop.Loop]) (loop.Report, error) {
		return converse(ctx, claude, t.Input)
	})
	return nil
}

// converse is the agent's loop. It streams every second call.
func converse(ctx context.Context, claude sdk.Client, in loop.Loop) (loop.Report, error) {
	report := loop.Report{Number: in.Number}
	var talk []sdk.MessageParam
	for turn := 1; turn <= in.Turns; turn++ {
		talk = append(talk, sdk.NewUserMessage(sdk.NewTextBlock(loop.Prompt(in.Number, turn, "nothing"))))
		call := claude.Messages.New
		if turn%2 == 0 {
			call = streamed(claude)
		}
		reply, err := call(ctx, sdk.MessageNewParams{Model: loop.Model, MaxTokens: loop.MaxTokens, Messages: talk})
		if err != nil {
			return report, err
		}
		if len(reply.Content) != 1 {
			return report, errors.New("the answer is not one block of text")
		}
		if err := report.Add(turn, reply.Content[0].Text); err != nil {
			return report, err
		}
		talk = append(talk, reply.ToParam())
	}
	return report, nil
}

// streamed returns a function that makes a call as a stream, and reads it whole.
func streamed(claude sdk.Client) func(context.Context, sdk.MessageNewParams, ...option.RequestOption) (*sdk.Message, error) {
	return func(ctx context.Context, params sdk.MessageNewParams, opts ...option.RequestOption) (*sdk.Message, error) {
		stream := claude.Messages.NewStreaming(ctx, params, opts...)
		defer stream.Close()
		var m sdk.Message
		for stream.Next() {
			if err := m.Accumulate(stream.Current()); err != nil {
				return nil, err
			}
		}
		return &m, stream.Err()
	}
}
