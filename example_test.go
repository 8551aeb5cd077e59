package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llmsim"
)

// background runs c until the returned function is called.
func background(c *pawl.Client) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			fmt.Println(err)
		}
	}
}

// simulated returns a model of a simulated provider: no key, no network.
func simulated(sim *llmsim.Server) llm.Model {
	return anthropic.New(anthropic.Config{Model: "sim-1", BaseURL: "http://sim", HTTPClient: sim.Client()})
}

const report = `The pawl is a catch that lets a wheel turn one way only. It rains today.
The catch falls into the teeth of the wheel by its own weight. A wheel with a catch holds its load when the worker lets go.`

func Example() {
	type Document struct{ Text string }
	type Points struct{ Items []string }
	type Summary struct{ Text string }
	var (
		Analyze   = pawl.Operation[Document, Points]{Name: "analyze", Priority: pawl.High}
		Summarize = pawl.Operation[Points, Summary]{Name: "summarize"}
		Digest    = pawl.Then(Analyze, Summarize) // a mismatch does not compile
	)
	client := pawl.New(inmem.New(), pawl.Config{})
	claude := simulated(llmsim.New(llmsim.Config{}))
	Analyze.Handle(client, func(ctx context.Context, t *pawl.Task[Document]) (Points, error) {
		reply, err := t.Ask(ctx, claude, "Extract the two most important points:\n\n"+t.Input.Text)
		if err != nil {
			return Points{}, err // classified: retried, waited out, or dead-lettered
		}
		return Points{strings.Split(reply.Text(), "\n")}, nil
	})
	Summarize.Handle(client, func(ctx context.Context, t *pawl.Task[Points]) (Summary, error) {
		// The conversation of the analysis came along: Ask continues it.
		reply, err := t.Ask(ctx, claude, "Now summarize those points in one sentence.")
		if err != nil {
			return Summary{}, err
		}
		return Summary{fmt.Sprintf("%d points: %s", len(t.Input.Items), reply.Text())}, nil
	})
	defer background(client)()

	ctx := context.Background()
	run, err := Digest.Add(ctx, client, Document{report}, pawl.User("user_1"))
	if err != nil {
		fmt.Println(err)
		return
	}
	summary, err := run.Wait(ctx)
	fmt.Println(summary.Text, err)
	// Output:
	// 2 points: The pawl is a catch that lets a wheel turn one way only. <nil>
}

func ExampleOperation() {
	type Point struct{ X, Y int }
	Sum := pawl.Operation[Point, int]{Name: "sum", Limit: pawl.NoLimit}
	client := pawl.New(inmem.New(), pawl.Config{})
	Sum.Handle(client, func(ctx context.Context, t *pawl.Task[Point]) (int, error) {
		return t.Input.X + t.Input.Y, nil
	})
	defer background(client)()

	ctx := context.Background()
	runs, err := Sum.AddMany(ctx, client, []Point{{1, 2}, {3, 4}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, run := range runs {
		fmt.Println(run.Wait(ctx))
	}
	// Output:
	// 3 <nil>
	// 7 <nil>
}

func ExampleThen() {
	Split := pawl.Operation[string, []string]{Name: "split", Limit: pawl.NoLimit}
	Count := pawl.Operation[[]string, int]{Name: "count", Limit: pawl.NoLimit}
	client := pawl.New(inmem.New(), pawl.Config{})
	Split.Handle(client, func(ctx context.Context, t *pawl.Task[string]) ([]string, error) {
		return strings.Fields(t.Input), t.SetData("language", "en")
	})
	Count.Handle(client, func(ctx context.Context, t *pawl.Task[[]string]) (int, error) {
		fmt.Printf("%q, language %s\n", t.Input, t.Data()["language"])
		return len(t.Input), nil
	})
	defer background(client)()

	ctx := context.Background()
	run, err := pawl.Then(Split, Count).Add(ctx, client, "one way only")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output:
	// ["one" "way" "only"], language "en"
	// 3 <nil>
}

// An answer that is stored is not paid for again.
func ExampleTask_Ask() {
	sim := llmsim.New(llmsim.Config{})
	claude := simulated(sim)
	Answer := pawl.Operation[string, string]{Name: "answer", Backoff: pawl.Backoff{Base: time.Millisecond}}
	client := pawl.New(inmem.New(), pawl.Config{})
	Answer.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		reply, err := t.Ask(ctx, claude, "Who made the queue?\n\n"+t.Input, pawl.System("Be brief."), pawl.MaxTokens(50))
		if err != nil {
			return "", err
		}
		if t.Attempt == 1 {
			return "", errors.New("something else went wrong")
		}
		return reply.Text(), nil
	})
	defer background(client)()

	ctx := context.Background()
	run, err := Answer.Add(ctx, client, "It rains today. The queue was made by Ada.")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	task, err := client.Get(ctx, run.ID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(task.Attempts), "attempts,", sim.Stats().Requests, "call")
	// Output:
	// The queue was made by Ada. <nil>
	// 2 attempts, 1 call
}

func ExampleStep() {
	Book := pawl.Operation[string, string]{Name: "book", Limit: pawl.NoLimit, Backoff: pawl.Backoff{Base: time.Millisecond}}
	client := pawl.New(inmem.New(), pawl.Config{})
	Book.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		number, err := pawl.Step(ctx, "reserve", func(context.Context) (int, error) {
			fmt.Println("reserving a seat to", t.Input)
			return 42, nil
		})
		if err != nil {
			return "", err
		}
		if t.Attempt == 1 {
			return "", errors.New("the printer is out of paper")
		}
		return fmt.Sprintf("seat %d, attempt %d", number, t.Attempt), nil
	})
	defer background(client)()

	ctx := context.Background()
	run, err := Book.Add(ctx, client, "Oslo")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output:
	// reserving a seat to Oslo
	// seat 42, attempt 2 <nil>
}

func ExampleDuplicates() {
	Translate := pawl.Operation[string, string]{Name: "translate", Reuse: time.Hour}
	client := pawl.New(inmem.New(), pawl.Config{})
	ctx := context.Background()
	first, err := Translate.Add(ctx, client, "hello")
	if err != nil {
		fmt.Println(err)
		return
	}
	second, err := Translate.Add(ctx, client, "hello")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(first.As, second.As, first.ID == second.ID)
	_, err = Translate.Add(ctx, client, "hello", pawl.Reject)
	fmt.Println(errors.Is(err, pawl.ErrDuplicate))
	other, err := Translate.Add(ctx, client, "hello", pawl.User("user_2"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(other.As)
	// Output:
	// new joined true
	// true
	// new
}

// An agent that is written with a provider's own SDK becomes durable by its
// HTTP client: here plain net/http stands for the SDK.
func ExampleTask_transport() {
	sim := llmsim.New(llmsim.Config{})
	sdk := &http.Client{Transport: &llm.Transport{API: anthropic.API{}, Base: sim.Transport()}}
	Answer := pawl.Operation[string, int]{Name: "answer", Backoff: pawl.Backoff{Base: time.Millisecond}}
	client := pawl.New(inmem.New(), pawl.Config{})
	Answer.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (int, error) {
		body := `{"model":"sim-1","max_tokens":50,"messages":[{"role":"user","content":"Hello!"}]}`
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://sim/v1/messages", strings.NewReader(body))
		if err != nil {
			return 0, pawl.Permanent(err)
		}
		request.Header.Set("Anthropic-Version", "2023-06-01")
		response, err := sdk.Do(request)
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return 0, err
		}
		if t.Attempt < 3 {
			return 0, errors.New("something else went wrong")
		}
		return response.StatusCode, nil
	})
	defer background(client)()

	ctx := context.Background()
	run, err := Answer.Add(ctx, client, "x")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	fmt.Println(sim.Stats().Requests, "call in three attempts")
	// Output:
	// 200 <nil>
	// 1 call in three attempts
}
