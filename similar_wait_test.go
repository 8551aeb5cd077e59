package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// unhurried is a model that takes a minute for each answer. What it answers is for answer to
// say; nil for "answer n".
func unhurried(answer func(n int) (*llm.Response, error)) *model {
	return &model{answer: func(ctx context.Context, n int) (*llm.Response, error) {
		select {
		case <-time.After(time.Minute):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if answer == nil {
			return say(fmt.Sprintf("answer %d", n)), nil
		}
		return answer(n)
	}}
}

// politely asks the same once more, in the n-th other way.
func politely(n int) string { return strings.Repeat("please, ", n) + holidays }

// burst adds n questions that are nearly the same, the first one a second before the
// others, and returns when all others wait for it.
func burst(t *testing.T, c *pawl.Client, o pawl.Operation[string, string], n int) []*pawl.Run[string] {
	t.Helper()
	runs := []*pawl.Run[string]{add(t, c, o, holidays)}
	time.Sleep(time.Second)
	for i := 1; i < n; i++ {
		runs = append(runs, add(t, c, o, politely(i)))
	}
	time.Sleep(2 * time.Second)
	idle()
	for _, r := range runs[1:] {
		if got := row(t, c, r.ID); !got.IsBehind(runs[0].ID) {
			t.Fatalf("%s is %s with the links %+v; want it to wait for %s", r.ID, got.State, got.Links, runs[0].ID)
		}
	}
	return runs
}

// answersOf returns how often each answer was given.
func answersOf(t *testing.T, runs []*pawl.Run[string]) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, r := range runs {
		all[result(t, r)]++
	}
	return all
}

// Near-duplicates that come together are one call. Those that wait hold no worker: with
// as many places as there are of them, others go on.
func TestABurstOfNearDuplicatesIsOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, o := unhurried(nil), handbook(&pawl.Similar{})
		c := newClient(newStore(t), pawl.Config{Workers: 3, Prices: testPrices})
		o.Handle(c, asking(m))
		start(t, c)
		runs := burst(t, c, o, 6)
		other := add(t, c, o, strings.ReplaceAll(holidays, "first", "second"))
		third := add(t, c, o, strings.ReplaceAll(holidays, "first", "third"))
		began := time.Now()
		if got := answersOf(t, runs); got["answer 1"] != 6 {
			t.Errorf("answers: %v; want the first one six times", got)
		}
		if result(t, other) == "answer 1" || result(t, third) == "answer 1" || m.calls() != 3 {
			t.Errorf("%d calls; want 3, two of them for other questions", m.calls())
		}
		if took := time.Since(began); took > time.Minute+lateness() {
			t.Errorf("other questions took %v; want them to have had places of their own", took)
		}
		got := entries(t, c, pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntrySimilar}})
		if len(got) != 5 || got[0].Of != runs[0].ID || got[0].Calls != 1 {
			t.Errorf("savings: %+v; want the first answer's call, five times", got)
		}
		waited := row(t, c, runs[1].ID)
		if waited.Used != 1 || waited.Attempts[0].Class != pawl.Parked || !strings.Contains(waited.Attempts[0].Message, runs[0].ID.String()) {
			t.Errorf("attempts: %+v; want one that waited for %s and used none, and one that took its result", waited.Attempts, runs[0].ID)
		}
	})
}

// If the first one comes to nothing one of those that waited does the work, and the
// others wait for it.
func TestWhereTheFirstComesToNothingAnotherDoesTheWork(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(n int) (*llm.Response, error)
		stop   func(ctx context.Context, c *pawl.Client, first pawl.ID) error
	}{
		"dead": {answer: func(n int) (*llm.Response, error) {
			if n == 1 {
				return nil, &llm.Error{Class: llm.Permanent, Message: "no"}
			}
			return say(fmt.Sprintf("answer %d", n)), nil
		}},
		"cancelled": {stop: func(ctx context.Context, c *pawl.Client, first pawl.ID) error {
			_, err := c.Cancel(ctx, pawl.Filter{IDs: []pawl.ID{first}})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := unhurried(c.answer)
				client, o := answers(t, &pawl.Similar{}, m)
				runs := burst(t, client, o, 4)
				if c.stop != nil {
					must(t, c.stop(t.Context(), client, runs[0].ID))
				}
				if _, err := runs[0].Wait(t.Context()); err == nil {
					t.Error("the first one = nil; want an error")
				}
				if got := answersOf(t, runs[1:]); got["answer 2"] != 3 || m.calls() != 2 {
					t.Errorf("answers: %v, of %d calls; want the second one three times", got, m.calls())
				}
			})
		})
	}
}

// A retry is no end: what waits goes on waiting, and so it does if the worker dies.
func TestWhatIsTriedAgainIsStillWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := unhurried(func(n int) (*llm.Response, error) {
			if n == 1 {
				return nil, &llm.Error{Class: llm.Transient, Message: "try again"}
			}
			return say(fmt.Sprintf("answer %d", n)), nil
		})
		c, o := answers(t, &pawl.Similar{}, m)
		if got := answersOf(t, burst(t, c, o, 3)); got["answer 2"] != 3 || m.calls() != 2 {
			t.Errorf("answers: %v, of %d calls; want the second one three times", got, m.calls())
		}
	})
}

func TestNearDuplicatesOutliveAWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, m, o := newStore(t), unhurried(nil), handbook(&pawl.Similar{})
		dying := &mortal{Store: store}
		first := newClient(dying, pawl.Config{Workers: 1, Queues: []string{"first"}})
		o.Handle(first, asking(m))
		stop := start(t, first)
		asked := add(t, first, o, holidays, pawl.Queue("first"))
		time.Sleep(time.Second)
		c := newClient(store, pawl.Config{})
		o.Handle(c, asking(m))
		start(t, c)
		runs := []*pawl.Run[string]{add(t, c, o, politely(1)), add(t, c, o, politely(2))}
		time.Sleep(2 * time.Second)
		dying.die()
		time.Sleep(10 * time.Minute)
		stop()
		if got := answersOf(t, append(runs, asked)); got["answer 2"] != 3 || m.calls() != 2 {
			t.Errorf("answers: %v, of %d calls; want that of the second attempt three times: the first worker died", got, m.calls())
		}
	})
}

// Two processes that look at the same time do not both find nothing.
func TestNearDuplicatesOfTwoClientsAreOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, m, o := newStore(t), unhurried(nil), handbook(&pawl.Similar{})
		var c *pawl.Client
		for range 2 {
			c = newClient(store, pawl.Config{Workers: 4})
			o.Handle(c, asking(m))
			start(t, c)
		}
		var runs []*pawl.Run[string]
		for i := range 16 {
			runs = append(runs, add(t, c, o, politely(i)))
		}
		if got := answersOf(t, runs); got["answer 1"] != len(runs) || m.calls() != 1 {
			t.Errorf("answers: %v, of %d calls; want one for all", got, m.calls())
		}
	})
}

// Who says that two texts are not the same, or that a result is not to be taken, has what
// waits for it begin at once.
func TestWhatIsUndoneIsNotWaitedFor(t *testing.T) {
	for name, undo := range map[string]func(ctx context.Context, c *pawl.Client, first, other pawl.ID) error{
		"forgotten": func(ctx context.Context, c *pawl.Client, first, _ pawl.ID) error { return c.ForgetSimilar(ctx, first) },
		"kept apart": func(ctx context.Context, c *pawl.Client, first, other pawl.ID) error {
			return c.KeepApart(ctx, other, first)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := unhurried(nil)
				c, o := answers(t, &pawl.Similar{}, m)
				runs := burst(t, c, o, 2)
				must(t, undo(t.Context(), c, runs[0].ID, runs[1].ID))
				if got := answersOf(t, runs); got["answer 1"] != 1 || got["answer 2"] != 1 {
					t.Errorf("answers: %v; want one of its own for each", got)
				}
				first, other := row(t, c, runs[0].ID), row(t, c, runs[1].ID)
				if !other.Started.Before(first.Ended) {
					t.Errorf("the other one began at %v; want before the first has ended, at %v", other.Started, first.Ended)
				}
				if err := c.ForgetSimilar(t.Context(), runs[0].ID); name == "forgotten" && !errors.Is(err, pawl.ErrNotSimilar) {
					t.Errorf("ForgetSimilar once more = %v; want ErrNotSimilar", err)
				}
			})
		})
	}
}

func TestAShadowWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := unhurried(nil)
		c, o := answers(t, &pawl.Similar{Shadow: true}, m)
		runs := []*pawl.Run[string]{add(t, c, o, holidays), add(t, c, o, politely(1))}
		began := time.Now()
		if got := answersOf(t, runs); len(got) != 2 || !about(time.Since(began), time.Minute) {
			t.Errorf("answers: %v after %v; want two after a minute", got, time.Since(began))
		}
	})
}

// A result that is too old when it is there is not taken by what has waited for it.
func TestWhatWasWaitedForMayBeTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, o := unhurried(nil), handbook(&pawl.Similar{Within: time.Second})
		c := newClient(newStore(t), pawl.Config{})
		o.Handle(c, asking(m))
		stop := start(t, c)
		runs := burst(t, c, o, 2)
		must(t, c.Pause(t.Context(), "default"))
		result(t, runs[0])
		time.Sleep(10 * time.Second)
		must(t, c.Resume(t.Context(), "default"))
		if got := result(t, runs[1]); got != "answer 2" {
			t.Errorf("the other one = %q; want an answer of its own", got)
		}
		stop()
	})
}

// A handler that asks nearly the same of a task of its own, and waits for it, does not
// wait for ever; nor do two, each for a task that waits for the other.
func TestNearDuplicatesNeverWaitInACircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = time.Minute
		c := newClient(newStore(t), pawl.Config{Workers: 8, Patience: patience})
		left := pawl.Operation[string, string]{Name: "left", Similar: &pawl.Similar{}}
		right := pawl.Operation[string, string]{Name: "right", Similar: &pawl.Similar{}}
		across := func(other pawl.Operation[string, string]) func(context.Context, *pawl.Task[string]) (string, error) {
			return func(ctx context.Context, t *pawl.Task[string]) (string, error) {
				if !strings.HasPrefix(t.Input, "please") {
					time.Sleep(time.Second)
					run, err := other.Add(ctx, c, politely(1))
					if err != nil {
						return "", err
					}
					return run.Wait(ctx)
				}
				return "done", nil
			}
		}
		own := pawl.Operation[string, string]{Name: "own", Similar: &pawl.Similar{}}
		own.Handle(c, across(own))
		left.Handle(c, across(right))
		right.Handle(c, across(left))
		start(t, c)
		began := time.Now()
		result(t, add(t, c, own, holidays))
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("a task that asks its own near-duplicate took %v; want no wait for itself", took)
		}
		for _, r := range []*pawl.Run[string]{add(t, c, left, holidays), add(t, c, right, holidays)} {
			if got := result(t, r); got != "done" {
				t.Errorf("the result = %q; want %q", got, "done")
			}
		}
		if took := time.Since(began); took > 3*patience {
			t.Errorf("two that wait for each other took %v; want no more than their patience", took)
		}
	})
}

// What follows in a flow finds what it would have found.
func TestWhatWaitedHandsOnWhatTheResultCameWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, o := unhurried(nil), handbook(&pawl.Similar{})
		next := pawl.Operation[string, string]{Name: "count"}
		c := newClient(newStore(t), pawl.Config{})
		o.Handle(c, asking(m))
		next.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			messages, err := t.Conversation(ctx)
			return fmt.Sprintf("%d messages after %s", len(messages), t.Input), err
		})
		start(t, c)
		flow, got := pawl.Then(o, next), []string{}
		var runs []*pawl.Run[string]
		for i := range 3 {
			run, err := flow.Add(t.Context(), c, politely(i))
			must(t, err)
			runs = append(runs, run)
		}
		for _, r := range runs {
			got = append(got, result(t, r))
		}
		if want := "2 messages after answer 1"; !slices.Equal(got, []string{want, want, want}) {
			t.Errorf("what follows finds %q; want %q, three times", got, want)
		}
	})
}

// lateLooks is a store in which something happens after the next look, and before the next
// one that has a task be under way.
type lateLooks struct {
	pawl.Store
	late          atomic.Bool
	after, before func()
}

func (s *lateLooks) Near(ctx context.Context, now time.Time, looks []pawl.Look) ([]pawl.Nearby, error) {
	switch late := s.late.Load(); {
	case late && looks[0].Near == nil:
		found, err := s.Store.Near(ctx, now, looks)
		s.after()
		return found, err
	case late:
		s.late.Store(false)
		s.before()
	}
	return s.Store.Near(ctx, now, looks)
}

// What is blocked between two looks of another worker's task, and under way again, is
// waited for.
func TestWhatIsUnderWayAgainIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, o := unhurried(nil), handbook(&pawl.Similar{})
		store := newStore(t)
		s := &lateLooks{Store: store}
		c := newClient(store, pawl.Config{Queues: []string{"punctual"}, Prices: testPrices})
		late := newClient(s, pawl.Config{Queues: []string{"late"}, Prices: testPrices})
		o.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			time.Sleep(10 * time.Second)
			if _, err := pawl.Await[int](ctx, "go"); err != nil {
				return "", err
			}
			return asking(m)(ctx, t)
		})
		o.Handle(late, asking(m))
		start(t, c)
		start(t, late)
		first := add(t, c, o, holidays, pawl.Queue("punctual"))
		s.after = func() { time.Sleep(10 * time.Second) }
		s.before = func() {
			if err := c.Signal(t.Context(), first.ID, "go", 1); err != nil {
				t.Errorf("Signal = %v", err)
			}
			time.Sleep(2 * time.Second)
		}
		time.Sleep(5 * time.Second)
		s.late.Store(true)
		if got := answersOf(t, []*pawl.Run[string]{first, add(t, c, o, politely(1), pawl.Queue("late"))}); got["answer 1"] != 2 || m.calls() != 1 {
			t.Errorf("answers: %v after %d calls; want one for both", got, m.calls())
		}
	})
}
