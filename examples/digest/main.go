// Digest analyses the documents named on the command line and summarises them,
// each in two model calls of one conversation.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/sqlite"
)

type Document struct{ Text string }
type Points struct{ Items []string }
type Summary struct{ Text string }

var (
	Analyze   = pawl.Operation[Document, Points]{Name: "analyze"}
	Summarize = pawl.Operation[Points, Summary]{Name: "summarize", Priority: pawl.High} // finish what was begun
	Digest    = pawl.Then(Analyze, Summarize)                                           // a flow from Document to Summary; a mismatch does not compile
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	store, err := sqlite.Open(ctx, "agent.db") // or postgres.Open, redis.Open: the rest stays as it is
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	client := pawl.New(store, pawl.Config{
		Workers: 64,
		Limits:  map[string]limit.Config{"default": {Requests: 50, InputTokens: 30_000, OutputTokens: 8_000}},
	})
	claude := anthropic.New(anthropic.Config{
		APIKey:  os.Getenv("ANTHROPIC_API_KEY"),
		BaseURL: os.Getenv("ANTHROPIC_BASE_URL"), // empty for the provider itself
		Model:   "claude-haiku-4-5",
	})

	Analyze.Handle(client, func(ctx context.Context, t *pawl.Task[Document]) (Points, error) {
		reply, err := t.Ask(ctx, claude, "Extract the five most important points:\n\n"+t.Input.Text)
		if err != nil {
			return Points{}, err // classified: retried, waited out, or dead-lettered
		}
		return Points{strings.Split(reply.Text(), "\n")}, nil
	})
	Summarize.Handle(client, func(ctx context.Context, t *pawl.Task[Points]) (Summary, error) {
		// The conversation of the analysis came along: t.Ask continues it.
		reply, err := t.Ask(ctx, claude, "Now write a concise two-paragraph summary of those points.")
		if err != nil {
			return Summary{}, err
		}
		return Summary{reply.Text()}, nil
	})

	done := make(chan error)
	go func() { done <- client.Run(ctx) }() // works until ctx ends, then drains
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			log.Fatal(err)
		}
		run, err := Digest.Add(ctx, client, Document{string(text)}, pawl.User("me"))
		if err != nil {
			log.Fatal(err)
		}
		summary, err := run.Wait(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(summary.Text)
	}
	cancel()
	if err := <-done; err != nil {
		log.Fatal(err)
	}
}
