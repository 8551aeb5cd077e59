package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// sides is what parts are put together into: a name of its own in JSON, one of Go's, and
// one that two fields have the type of.
type sides struct {
	Twice int `json:"twice,omitempty"`
	Words string
	Again int
}

func inTwice(s *sides) *int    { return &s.Twice }
func inWords(s *sides) *string { return &s.Words }
func inAgain(s *sides) *int    { return &s.Again }

func TestAllPutsPartsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		flow := pawl.All(pawl.Into(inAgain, pawl.Then(double, double)), pawl.Into(inWords, words), pawl.Into(inTwice, double))
		run, err := flow.Add(t.Context(), c, 5)
		must(t, err)
		if diff := cmp.Diff(sides{Twice: 10, Words: "n5", Again: 20}, result(t, run)); diff != "" {
			t.Errorf("result differs (-want +got):\n%s", diff)
		}
	})
}

func TestAllRunsItsPartsAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		slow := func(_ context.Context, t *pawl.Task[int]) (int, error) {
			time.Sleep(time.Minute)
			return t.Input, nil
		}
		double.Handle(c, slow)
		other := pawl.Operation[int, int]{Name: "other", Limit: pawl.NoLimit}
		other.Handle(c, slow)
		start(t, c)
		began := time.Now()
		run, err := pawl.All(pawl.Into(inTwice, double), pawl.Into(inAgain, other)).Add(t.Context(), c, 5)
		must(t, err)
		if result(t, run); !within(time.Since(began), time.Minute, 61*time.Second) {
			t.Errorf("took %v; want a minute", time.Since(began))
		}
	})
}

// Each part starts with the conversation and data that the whole was given; what follows
// goes on with these.
func TestAllHandsOnConversationAndData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		see := func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			talk, err := t.Conversation(ctx)
			if !cmp.Equal(texts(talk), []string{"user: Hello."}) || string(t.Data()["k"]) != "1" || len(t.Data()) != 1 {
				return 0, pawl.Permanent(errors.New("the part does not see what the whole was given"))
			}
			if err == nil {
				err = t.Append(ctx, llm.Text("user", "A part's own."))
			}
			return t.Input, errors.Join(err, t.SetData("own", 2))
		}
		other := pawl.Operation[int, int]{Name: "other", Limit: pawl.NoLimit}
		last := pawl.Operation[sides, int]{Name: "last", Limit: pawl.NoLimit}
		double.Handle(c, see)
		other.Handle(c, see)
		last.Handle(c, func(ctx context.Context, t *pawl.Task[sides]) (int, error) {
			talk, err := t.Conversation(ctx)
			if !cmp.Equal(texts(talk), []string{"user: Hello."}) || len(t.Data()) != 1 {
				return 0, pawl.Permanent(errors.New("what follows does not see what the whole was given"))
			}
			return t.Input.Twice + t.Input.Again, err
		})
		start(t, c)
		flow := pawl.Then(pawl.All(pawl.Into(inTwice, double), pawl.Into(inAgain, other)), last)
		run, err := flow.Add(t.Context(), c, 5, pawl.Messages{llm.Text("user", "Hello.")}, pawl.Data{"k": json.RawMessage("1")})
		must(t, err)
		if got := result(t, run); got != 10 {
			t.Errorf("Wait = %d; want 10", got)
		}
	})
}

func TestAFailedPartIsRetriedAndTheRunGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		run, err := pawl.All(pawl.Into(inTwice, double), pawl.Into(inWords, words)).Add(t.Context(), c, -5)
		must(t, err)
		d := dead(t, run)
		idle()
		if got := states(t, c, run.ID); d.Operation != "double" || got[pawl.Succeeded] != 1 || got[pawl.Blocked] != 1 {
			t.Errorf("%s is dead, tasks: %v; want double, and the others done or waiting", d.Operation, got)
		}
		must(t, c.RetryWith(t.Context(), d.ID, 1))
		if diff := cmp.Diff(sides{Twice: 2, Words: "n-5"}, result(t, run)); diff != "" {
			t.Errorf("result differs (-want +got):\n%s", diff)
		}
	})
}
