package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llmsim"
)

func ExamplePriority() {
	Draw := pawl.Operation[string, string]{Name: "draw", Limit: pawl.NoLimit}
	client := pawl.New(inmem.New(), pawl.Config{Workers: 1})
	Draw.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		fmt.Println(t.User, t.Input)
		return "", nil
	})
	ctx := context.Background()
	for _, task := range []struct {
		user     pawl.User
		picture  string
		priority pawl.Priority
	}{
		{"ann", "a house", pawl.Normal}, {"ann", "a tower", pawl.Normal}, {"ann", "a castle", pawl.Normal},
		{"bob", "a bridge", pawl.Normal}, {"bob", "a fire exit", pawl.High},
	} {
		if _, err := Draw.Add(ctx, client, task.picture, task.user, task.priority); err != nil {
			fmt.Println(err)
		}
	}
	defer background(client)()
	last, err := Draw.Add(ctx, client, "the end", pawl.Low)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = last.Wait(ctx)
	// Output:
	// bob a fire exit
	// ann a house
	// bob a bridge
	// ann a tower
	// ann a castle
	//  the end
}

func ExampleClient_Groups() {
	Parse := pawl.Operation[string, int]{Name: "parse", Limit: pawl.NoLimit}
	client := pawl.New(inmem.New(), pawl.Config{})
	Parse.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (int, error) {
		if !json.Valid([]byte(t.Input)) {
			return 0, pawl.Permanent(fmt.Errorf("no JSON in %d bytes", len(t.Input)))
		}
		return len(t.Input), nil
	})
	defer background(client)()

	ctx := context.Background()
	runs, err := Parse.AddMany(ctx, client, []string{"{", "{}}", "[1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, run := range runs {
		_, err := run.Wait(ctx)
		var dead *pawl.DeadError
		fmt.Println(errors.As(err, &dead))
	}
	groups, err := client.Groups(ctx, pawl.Filter{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(groups[0].Count, groups[0].Class)

	// One is mended; the others are removed.
	if err := client.RetryWith(ctx, runs[0].ID, "{}"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(runs[0].Wait(ctx))
	removed, err := client.Delete(ctx, pawl.Filter{Fingerprint: groups[0].Fingerprint})
	fmt.Println(len(removed), err)
	// Output:
	// true
	// true
	// true
	// 3 permanent
	// 2 <nil>
	// 2 <nil>
}

func ExampleClient_Pause() {
	client := pawl.New(inmem.New(), pawl.Config{})
	Mail := pawl.Operation[string, string]{Name: "mail", Queue: "mail", Limit: pawl.NoLimit}
	Mail.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) { return "sent", nil })
	defer background(client)()

	ctx := context.Background()
	if err := client.Pause(ctx, "mail"); err != nil {
		fmt.Println(err)
	}
	run, err := Mail.Add(ctx, client, "hello")
	if err != nil {
		fmt.Println(err)
		return
	}
	status, err := client.Status(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(status.Queues[0].Paused, status.Queues[0].Counts)
	if err := client.Resume(ctx, "mail"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(run.Wait(ctx))
	// Output:
	// true map[pending:1]
	// sent <nil>
}

func ExampleClient_Cancel() {
	client := pawl.New(inmem.New(), pawl.Config{})
	Wait := pawl.Operation[string, string]{Name: "wait", Limit: pawl.NoLimit}
	started := make(chan bool)
	Wait.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		close(started)
		<-ctx.Done()
		fmt.Println(context.Cause(ctx))
		return "", ctx.Err()
	})
	defer background(client)()

	ctx := context.Background()
	run, err := Wait.Add(ctx, client, "for ever", pawl.User("user_1"))
	if err != nil {
		fmt.Println(err)
		return
	}
	<-started
	cancelled, err := client.Cancel(ctx, pawl.Filter{User: "user_1"})
	fmt.Println(len(cancelled), err)
	_, err = run.Wait(ctx)
	fmt.Println(errors.Is(err, pawl.ErrCancelled))
	// Unordered output:
	// 1 <nil>
	// pawl: cancelled
	// true
}

func ExampleClient_Events() {
	client := pawl.New(inmem.New(), pawl.Config{})
	Greet := pawl.Operation[string, string]{Name: "greet", Limit: pawl.NoLimit}
	Greet.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) { return "hello " + t.Input, nil })
	defer background(client)()

	ctx := context.Background()
	events := client.Events(ctx) // sees all that happens from now on
	if _, err := Greet.Add(ctx, client, "Ada"); err != nil {
		fmt.Println(err)
	}
	for e, err := range events {
		fmt.Println(e.Type, e.Operation, e.State, err)
		if e.Type == pawl.EventEnded {
			break
		}
	}
	// Output:
	// added greet pending <nil>
	// started greet running <nil>
	// ended greet succeeded <nil>
}

func ExampleClient_SetLimit() {
	sim := llmsim.New(llmsim.Config{})
	Answer := pawl.Operation[string, string]{Name: "answer", Limit: "claude"}
	client := pawl.New(inmem.New(), pawl.Config{
		Limits: map[string]limit.Config{"claude": {Requests: 50, InputTokens: 30_000, OutputTokens: 8_000}},
	})
	claude := simulated(sim)
	Answer.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		reply, err := t.Ask(ctx, claude, t.Input)
		if err != nil {
			return "", err
		}
		return reply.Text(), nil
	})
	ctx := context.Background()
	if err := client.HoldLimit(ctx, "claude", "the budget of the month is spent"); err != nil {
		fmt.Println(err)
	}
	defer background(client)()
	run, err := Answer.Add(ctx, client, "Is anybody there?")
	if err != nil {
		fmt.Println(err)
		return
	}
	status, err := client.Status(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(status.Limits[0].Name, "is held:", status.Limits[0].State.HoldReason)
	if err := client.SetLimit(ctx, "claude", limit.Config{Requests: 1000}); err != nil {
		fmt.Println(err)
	}
	if err := client.ResumeLimit(ctx, "claude"); err != nil {
		fmt.Println(err)
	}
	_, err = run.Wait(ctx)
	fmt.Println(sim.Stats().Answered, "answered,", err)
	// Output:
	// claude is held: the budget of the month is spent
	// 1 answered, <nil>
}

func ExampleClient_ChangeLimit() {
	client := pawl.New(inmem.New(), pawl.Config{})
	ctx := context.Background()
	if err := client.SetLimit(ctx, "claude", limit.Config{Requests: 50, InFlight: 8}); err != nil {
		fmt.Println(err)
	}
	was, is, err := client.ChangeLimit(ctx, "claude", func(c *limit.Config) error {
		c.Requests *= 2
		return nil
	})
	fmt.Println(was.Requests, is.Requests, is.InFlight, err)
	// Output:
	// 50 100 8 <nil>
}
