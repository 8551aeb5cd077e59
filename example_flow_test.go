package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
)

// Each page is summarised on its own, three at a time, and the summaries come back in
// the order of the pages.
func ExampleEach() {
	Split := pawl.Operation[string, []string]{Name: "split", Limit: pawl.NoLimit}
	Shorten := pawl.Operation[string, string]{Name: "shorten", Limit: pawl.NoLimit}
	Join := pawl.Operation[[]string, string]{Name: "join", Limit: pawl.NoLimit}
	Digest := pawl.Then(pawl.Then(Split, pawl.Each(Shorten, pawl.AtOnce(3))), Join)

	client := pawl.New(inmem.New(), pawl.Config{})
	Split.Handle(client, func(ctx context.Context, t *pawl.Task[string]) ([]string, error) {
		return strings.Split(t.Input, "\n"), nil
	})
	Shorten.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		first, _, _ := strings.Cut(t.Input, " ")
		return first, nil
	})
	Join.Handle(client, func(ctx context.Context, t *pawl.Task[[]string]) (string, error) {
		return strings.Join(t.Input, ", "), nil
	})
	defer background(client)()

	ctx := context.Background()
	run, err := Digest.Add(ctx, client, "Wheels turn.\nPawls catch.\nRatchets hold.")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output:
	// Wheels, Pawls, Ratchets <nil>
}

// Different parts work on the same input at the same time, and each fills a field.
func ExampleAll() {
	type Review struct {
		Words int  `json:"words"`
		Kind  bool `json:"kind"`
	}
	Count := pawl.Operation[string, int]{Name: "count", Limit: pawl.NoLimit}
	Judge := pawl.Operation[string, bool]{Name: "judge", Limit: pawl.NoLimit}
	ReviewText := pawl.All(
		pawl.Into(func(r *Review) *int { return &r.Words }, Count),
		pawl.Into(func(r *Review) *bool { return &r.Kind }, Judge),
	)

	client := pawl.New(inmem.New(), pawl.Config{})
	Count.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (int, error) {
		return len(strings.Fields(t.Input)), nil
	})
	Judge.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (bool, error) {
		return strings.Contains(t.Input, "thank"), nil
	})
	defer background(client)()

	ctx := context.Background()
	run, err := ReviewText.Add(ctx, client, "Many thanks for the wheel.")
	if err != nil {
		fmt.Println(err)
		return
	}
	review, err := run.Wait(ctx)
	fmt.Printf("%+v %v\n", review, err)
	// Output:
	// {Words:5 Kind:true} <nil>
}

// One operation names the way that the input goes.
func ExampleChoose() {
	Classify := pawl.Operation[string, string]{Name: "classify", Limit: pawl.NoLimit}
	Refund := pawl.Operation[string, string]{Name: "refund", Limit: pawl.NoLimit}
	Reply := pawl.Operation[string, string]{Name: "reply", Limit: pawl.NoLimit}
	Answer := pawl.Choose(Classify,
		pawl.When("refund", Refund),
		pawl.Otherwise(Reply),
	)

	client := pawl.New(inmem.New(), pawl.Config{})
	Classify.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		if strings.Contains(t.Input, "money") {
			return "refund", nil
		}
		return "question", nil
	})
	Refund.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		return "You get it back.", nil
	})
	Reply.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		return "Thank you for asking.", nil
	})
	defer background(client)()

	ctx := context.Background()
	for _, mail := range []string{"I want my money.", "How does a pawl work?"} {
		run, err := Answer.Add(ctx, client, mail)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(run.Wait(ctx))
	}
	// Output:
	// You get it back. <nil>
	// Thank you for asking. <nil>
}

// What fails stands beside what does not, and what follows decides what to make of it.
func ExampleTry() {
	Fetch := pawl.Operation[string, int]{Name: "fetch", Limit: pawl.NoLimit}
	Report := pawl.Operation[[]pawl.Result[int], string]{Name: "report", Limit: pawl.NoLimit}
	Survey := pawl.Then(pawl.Each(pawl.Try(Fetch)), Report)

	client := pawl.New(inmem.New(), pawl.Config{})
	Fetch.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (int, error) {
		if t.Input == "c.txt" {
			return 0, pawl.Permanent(errors.New("no such page"))
		}
		return len(t.Input), nil
	})
	Report.Handle(client, func(ctx context.Context, t *pawl.Task[[]pawl.Result[int]]) (string, error) {
		found := 0
		for _, page := range t.Input {
			if page.Failure != nil {
				fmt.Println(page.Failure.Class, "failure:", page.Failure.Message)
				continue
			}
			found++
		}
		return fmt.Sprintf("%d of %d pages", found, len(t.Input)), nil
	})
	defer background(client)()

	ctx := context.Background()
	run, err := Survey.Add(ctx, client, []string{"a.txt", "b.txt", "c.txt"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output:
	// permanent failure: no such page
	// 2 of 3 pages <nil>
}

// When one model refuses for good, another one goes on with the same task.
func ExampleWithFallback() {
	Large := pawl.Operation[string, string]{Name: "large", Limit: pawl.NoLimit}
	Small := pawl.Operation[string, string]{Name: "small", Limit: pawl.NoLimit}
	Ask := pawl.WithFallback(Large, Small, "permanent")

	client := pawl.New(inmem.New(), pawl.Config{})
	Large.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		return "", pawl.Permanent(errors.New("the model is retired"))
	})
	Small.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		return "A catch.", nil
	})
	defer background(client)()

	ctx := context.Background()
	run, err := Ask.Add(ctx, client, "What is a pawl?")
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
	fmt.Printf("%s failed: %s; %s answered\n", task.Attempts[0].As, task.Attempts[0].Message, task.Operation)
	// Output:
	// A catch. <nil>
	// large failed: the model is retired; small answered
}

// A task waits for a person without a worker. When the answer comes its handler runs
// again, and what it has done before is not done again.
func ExampleAwait() {
	type Approval struct{ By string }
	Publish := pawl.Operation[string, string]{Name: "publish", Limit: pawl.NoLimit}
	client := pawl.New(inmem.New(), pawl.Config{})
	Publish.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		draft, err := pawl.Step(ctx, "draft", func(context.Context) (string, error) {
			fmt.Println("drafting", t.Input)
			return "On " + t.Input, nil
		})
		if err != nil {
			return "", err
		}
		approval, err := pawl.Await[Approval](ctx, "approve", pawl.Within(48*time.Hour))
		if err != nil {
			return "", err // pawl.ErrParked until somebody approves
		}
		return fmt.Sprintf("%q, approved by %s", draft, approval.By), nil
	})
	defer background(client)()

	ctx := context.Background()
	run, err := Publish.Add(ctx, client, "pawls")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := run.Signal(ctx, "approve", Approval{By: "ann"}); err != nil { // at any time, from any process
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output:
	// drafting pawls
	// "On pawls", approved by ann <nil>
}

// A handler decides while it runs what else is to be done, and waits for it. However
// often it is run again, it adds nothing twice.
func ExampleWaitAll() {
	Research := pawl.Operation[string, string]{Name: "research", Limit: pawl.NoLimit}
	Lookup := pawl.Operation[string, string]{Name: "lookup", Limit: pawl.NoLimit}
	client := pawl.New(inmem.New(), pawl.Config{})
	Research.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		var questions []string
		for _, word := range strings.Fields(t.Input) {
			questions = append(questions, "What is a "+word+"?")
		}
		runs, err := Lookup.AddMany(ctx, client, questions)
		if err != nil {
			return "", err
		}
		answers, err := pawl.WaitAll(ctx, runs)
		if err != nil {
			return "", err // pawl.ErrParked too: the handler runs again when all have ended
		}
		return strings.Join(answers, " "), nil
	})
	Lookup.Handle(client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		return strings.TrimSuffix(strings.TrimPrefix(t.Input, "What is a "), "?") + ": a part.", nil
	})
	defer background(client)()

	ctx := context.Background()
	run, err := Research.Add(ctx, client, "pawl ratchet")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output:
	// pawl: a part. ratchet: a part. <nil>
}
