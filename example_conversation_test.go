package pawl_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llmsim"
)

// echoing is a simulated provider that says what it was told last, and of how many
// messages.
func echoing() *llmsim.Server {
	return llmsim.New(llmsim.Config{Reply: func(c *llmsim.Call) string {
		return fmt.Sprintf("%q, of %d messages", c.Messages[len(c.Messages)-1].Text, len(c.Messages))
	}})
}

// Three drafts at the same time, each a branch of one conversation; the task goes
// on with the one that is best.
func ExampleTask_Branch() {
	op := pawl.Operation[string, string]{Name: "draft"}
	client := pawl.New(inmem.New(), pawl.Config{})
	claude := simulated(echoing())
	op.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		if _, err := t.Ask(ctx, claude, "Read this: "+t.Input); err != nil {
			return "", err
		}
		styles := []string{"A dry draft.", "A warm draft.", "A short draft."}
		branches := make([]*pawl.Conversation, len(styles))
		errs := make(chan error)
		for i, style := range styles {
			branches[i] = t.Branch() // in the same order in every attempt
			go func() {
				_, err := branches[i].Ask(ctx, claude, style)
				errs <- err
			}()
		}
		for range styles {
			if err := <-errs; err != nil {
				return "", err
			}
		}
		t.Follow(branches[1])
		reply, err := t.Ask(ctx, claude, "Polish it.")
		if err != nil {
			return "", err
		}
		talk, err := t.Conversation(ctx)
		return fmt.Sprintf("%s: %s", talk[2].Text(), reply.Text()), err
	})
	defer background(client)()

	ctx := context.Background()
	run, err := op.Add(ctx, client, report)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output: A warm draft.: "Polish it.", of 5 messages <nil>
}

// Only the newest messages are sent, and all are kept.
func ExampleDropOldest() {
	op := pawl.Operation[int, string]{Name: "chat"}
	client := pawl.New(inmem.New(), pawl.Config{})
	claude := simulated(echoing())
	op.Handle(client, func(ctx context.Context, t *pawl.Task[int]) (string, error) {
		t.Window(pawl.DropOldest(50)) // tokens: some 200 characters here
		last := ""
		for i := range t.Input {
			reply, err := t.Ask(ctx, claude, fmt.Sprintf("Question %d?", i+1))
			if err != nil {
				return "", err
			}
			last = reply.Text()
		}
		all, err := t.Conversation(ctx)
		return fmt.Sprintf("%s; %d are stored", last, len(all)), err
	})
	defer background(client)()

	ctx := context.Background()
	run, err := op.Add(ctx, client, 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output: "Question 20?", of 9 messages; 40 are stored <nil>
}

// What is no longer sent is summarized by an operation, whose tasks have a limit
// and a handler of their own.
func ExampleSummarize() {
	shorten := pawl.Operation[[]llm.Message, string]{Name: "shorten", Limit: pawl.NoLimit}
	op := pawl.Operation[int, string]{Name: "chat"}
	client := pawl.New(inmem.New(), pawl.Config{})
	claude := simulated(echoing())
	shorten.Handle(client, func(_ context.Context, t *pawl.Task[[]llm.Message]) (string, error) {
		return fmt.Sprintf("%d messages, from %q on.", len(t.Input), t.Input[0].Text()), nil // a model's work
	})
	op.Handle(client, func(ctx context.Context, t *pawl.Task[int]) (string, error) {
		t.Window(pawl.Summarize(shorten, 50))
		last := ""
		for i := range t.Input {
			reply, err := t.Ask(ctx, claude, fmt.Sprintf("Question %d?", i+1))
			if err != nil {
				return "", err
			}
			last = reply.Text()
		}
		return last, nil
	})
	defer background(client)()

	ctx := context.Background()
	run, err := op.Add(ctx, client, 10)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	summaries, err := client.List(ctx, pawl.Filter{Operation: "shorten"})
	fmt.Println(len(summaries), err)
	for _, s := range summaries {
		fmt.Println(string(s.Output))
	}
	// Unordered output:
	// "Question 10?", of 8 messages <nil>
	// 2 <nil>
	// "6 messages, from \"Question 1?\" on."
	// "7 messages, from \"Summary of the conversation until here:\\n\\n6 messages, from \\\"Question 1?\\\" on.\" on."
}

// A call that no other continues does not pay for the provider's cache.
func ExampleNoCache() {
	op := pawl.Operation[string, bool]{Name: "classify"}
	client := pawl.New(inmem.New(), pawl.Config{})
	claude := simulated(llmsim.New(llmsim.Config{}))
	rules := strings.Repeat("Say yes if the text is about wheels. ", 300)
	op.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (bool, error) {
		reply, err := t.Ask(ctx, claude, t.Input, pawl.System(rules), pawl.NoCache())
		if err != nil {
			return false, err
		}
		return reply.Usage.CacheWrite > 0, nil
	})
	defer background(client)()

	ctx := context.Background()
	run, err := op.Add(ctx, client, report)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output: false <nil>
}
