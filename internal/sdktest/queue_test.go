package sdktest

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/llmsim"
)

// agent is a loop of model calls as a user would write it with an SDK: it knows
// nothing of the queue, and streams every second call.
type agent func(ctx context.Context, question string, streamed bool) (string, error)

const turns = 4

// runAgent works as an agent in a queue whose provider fails the third call
// with fault; it returns the run's result and the provider's account.
func runAgent(t *testing.T, connect func(url string) agent, fault llmsim.Fault) (string, *pawl.TaskRow, llmsim.Stats) {
	t.Helper()
	sim := llmsim.New(llmsim.Config{Decide: failOnce("turn 2", fault)})
	server := httptest.NewServer(sim)
	defer server.Close()
	ask := connect(server.URL)

	store := inmem.New()
	client := pawl.New(store, pawl.Config{Workers: 2})
	loop := pawl.Operation[string, string]{Name: "loop", Backoff: pawl.Backoff{Base: 1, Max: 1}}
	loop.Handle(client, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
		var said []string
		for turn := range turns {
			answer, err := ask(ctx, fmt.Sprintf("%s (turn %d)", task.Input, turn), turn%2 == 1)
			if err != nil {
				return "", err // the SDK's own error
			}
			said = append(said, answer)
		}
		return strings.Join(said, "\n"), nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- client.Run(ctx) }()
	run, err := loop.Add(ctx, client, "How does a ratchet work?")
	if err != nil {
		t.Fatal(err)
	}
	result, err := run.Wait(ctx)
	if err != nil {
		t.Errorf("Wait = %v; want the result", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	row, err := client.Get(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	return result, row, sim.Stats()
}

// failOnce has the first call that says text suffer a fault.
func failOnce(text string, fault llmsim.Fault) func(*llmsim.Call) llmsim.Fault {
	failed := make(chan struct{}, 1)
	failed <- struct{}{}
	return func(c *llmsim.Call) llmsim.Fault {
		if !strings.Contains(c.Messages[0].Text, text) {
			return llmsim.None
		}
		select {
		case <-failed:
			return fault
		default:
			return llmsim.None
		}
	}
}

// TestAgentLoop runs an agent written with each SDK through the queue: a failed
// call costs a retry of the task, which gets every answered call from the store.
func TestAgentLoop(t *testing.T) {
	agents := map[string]func(t *testing.T) func(url string) agent{
		"anthropic": func(t *testing.T) func(string) agent { return anthropicAgent(t) },
		"openai":    func(t *testing.T) func(string) agent { return openaiAgent(t) },
	}
	for name, connect := range agents {
		for _, fault := range []llmsim.Fault{llmsim.ServerError, llmsim.RateLimited, llmsim.ResetAfter, llmsim.Overloaded} {
			t.Run(fmt.Sprint(name, "/", fault), func(t *testing.T) {
				result, row, stats := runAgent(t, connect(t), fault)
				if n := strings.Count(result, "\n"); n < turns-1 {
					t.Errorf("result has %d answers; want %d:\n%s", n+1, turns, result)
				}
				if stats.Requests != turns+1 || stats.PaidTwice != 0 {
					t.Errorf("the provider saw %d calls, %d paid twice; want %d and 0", stats.Requests, stats.PaidTwice, turns+1)
				}
				if len(row.Attempts) != 2 || row.Attempts[1].Saved != 2 {
					t.Errorf("attempts = %+v; want two, the second with 2 calls saved", row.Attempts)
				}
				if row.Attempts[0].Class == "" {
					t.Error("the first attempt has no class")
				}
			})
		}
	}
}

// TestAgentDeadLetter has the provider refuse for good, through an SDK.
func TestAgentDeadLetter(t *testing.T) {
	for name, connect := range map[string]func(string) agent{"anthropic": anthropicAgent(t), "openai": openaiAgent(t)} {
		t.Run(name, func(t *testing.T) {
			sim := llmsim.New(llmsim.Config{Decide: func(*llmsim.Call) llmsim.Fault { return llmsim.TooLong }})
			server := httptest.NewServer(sim)
			defer server.Close()
			ask := connect(server.URL)
			client := pawl.New(inmem.New(), pawl.Config{})
			op := pawl.Operation[string, string]{Name: "one"}
			op.Handle(client, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
				return ask(ctx, task.Input, false)
			})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- client.Run(ctx) }()
			run, err := op.Add(ctx, client, "Read this.")
			if err != nil {
				t.Fatal(err)
			}
			_, err = run.Wait(ctx)
			var dead *pawl.DeadError
			if !errors.As(err, &dead) || len(dead.Task.Attempts) != 1 {
				t.Errorf("Wait = %v; want a dead letter after one attempt", err)
			}
			cancel()
			<-done
			if n := sim.Stats().Requests; n != 1 {
				t.Errorf("the provider saw %d calls; want 1", n)
			}
		})
	}
}

func anthropicAgent(t *testing.T) func(url string) agent {
	return func(url string) agent {
		c := anthropicSDK(t, url)
		return func(ctx context.Context, question string, streamed bool) (string, error) {
			if streamed {
				return anthropicStreamed(ctx, c, question)
			}
			m, err := c.Messages.New(ctx, anthropicParams(question))
			if err != nil {
				return "", err
			}
			return m.Content[0].Text, nil
		}
	}
}

func openaiAgent(t *testing.T) func(url string) agent {
	return func(url string) agent {
		c := openaiSDK(t, url)
		return func(ctx context.Context, question string, streamed bool) (string, error) {
			if streamed {
				return openaiStreamed(ctx, c, question)
			}
			m, err := c.Chat.Completions.New(ctx, openaiParams(question))
			if err != nil {
				return "", err
			}
			return m.Choices[0].Message.Content, nil
		}
	}
}
