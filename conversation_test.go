package pawl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/openai"
)

// prose is an answer of some length, with what JSON must escape.
func prose(n int) string {
	return fmt.Sprintf("Answer %d: ", n) + strings.Repeat("the wheel turns one way only, for a \"pawl\" keeps it from going back,\nas in ratchets – ", 12)
}

// talkative is a model whose answers are long.
func talkative() *model {
	return &model{answer: func(_ context.Context, n int) (*llm.Response, error) { return say(prose(n)), nil }}
}

func TestBranchesDoNotHearEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		var heads [2]pawl.Hash
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			if _, err := task.Ask(ctx, m, "trunk"); err != nil {
				return "", err
			}
			left, right := task.Branch(), task.Branch()
			for i, b := range []*pawl.Conversation{left, right} {
				if _, err := b.Ask(ctx, m, fmt.Sprint("branch ", i)); err != nil {
					return "", err
				}
				heads[i] = b.Head()
			}
			if _, err := task.Ask(ctx, m, "trunk again"); err != nil {
				return "", err
			}
			own, err := task.Conversation(ctx)
			if err != nil {
				return "", err
			}
			other, err := right.Messages(ctx)
			return strings.Join(append(texts(own), texts(other)...), ", "), err
		})
		start(t, c)
		got := result(t, add(t, c, asks, "x"))
		want := "user: trunk, assistant: answer 1, user: trunk again, assistant: answer 4, " +
			"user: trunk, assistant: answer 1, user: branch 1, assistant: answer 3"
		if got != want {
			t.Errorf("conversations = %s; want %s", got, want)
		}
		stored, err := c.Conversation(t.Context(), heads[0])
		must(t, err)
		if diff := cmp.Diff([]string{"user: trunk", "assistant: answer 1", "user: branch 0", "assistant: answer 2"}, texts(stored)); diff != "" {
			t.Errorf("the stored branch differs (-want +got):\n%s", diff)
		}
	})
}

// Two branches that ask the very same thing at the same time get answers of their
// own, and on a retry each finds its own, though the answers came in another order.
func TestBranchesThatAskTheSameFindTheirOwnAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		var said [2]map[int]string
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			said[task.Attempt-1] = map[int]string{}
			branches := []*pawl.Conversation{task.Branch(), task.Branch(), task.Branch()}
			if err := branches[2].Append(ctx, llm.Text("user", "and")); err != nil {
				return "", err
			}
			branches = append(branches, branches[2].Branch())
			if task.Attempt == 2 { // the other way round
				branches[0], branches[1], branches[2], branches[3] = branches[3], branches[2], branches[1], branches[0]
			}
			var mu sync.Mutex
			var all sync.WaitGroup
			errs := make([]error, len(branches))
			for i, b := range branches {
				all.Go(func() {
					for range 3 {
						reply, err := b.Ask(ctx, m, "go on")
						if err != nil {
							errs[i] = err
							return
						}
						mu.Lock()
						place := i
						if task.Attempt == 2 {
							place = len(branches) - 1 - i
						}
						said[task.Attempt-1][place] += reply.Text() + " "
						mu.Unlock()
					}
				})
			}
			all.Wait()
			return "", errors.Join(errors.Join(errs...), failing(task, 1))
		})
		start(t, c)
		result(t, add(t, c, asks, "x"))
		if diff := cmp.Diff(said[0], said[1]); diff != "" || m.calls() != 12 {
			t.Errorf("%d calls, want 12; the branches' answers differ (-first +retry):\n%s", m.calls(), diff)
		}
	})
}

var (
	drafts  = pawl.Operation[string, string]{Name: "draft"}
	polish  = pawl.Operation[string, string]{Name: "polish"}
	twoStep = pawl.Then(drafts, polish)
)

func TestWhatFollowsContinuesTheFollowedBranch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := newClient(newStore(t), pawl.Config{})
		drafts.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			for i := range 3 {
				b := task.Branch()
				if _, err := b.Ask(ctx, m, fmt.Sprint("draft ", i)); err != nil {
					return "", err
				}
				if task.Input == "follow" && i == 1 {
					task.Follow(b)
				}
			}
			return "", task.Append(ctx, llm.Text("user", "well"))
		})
		polish.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			talk, err := task.Conversation(ctx)
			return strings.Join(texts(talk), ", "), err
		})
		start(t, c)
		for in, want := range map[string]string{
			"stay":   "user: well",
			"follow": "user: draft 1, assistant: answer 2, user: well",
		} {
			m.bodies = nil
			run, err := twoStep.Add(t.Context(), c, in)
			must(t, err)
			if got := result(t, run); got != want {
				t.Errorf("%s: the next task's conversation = %s; want %s", in, got, want)
			}
		}
	})
}

// counted is a store that counts reads of conversations, and keeps what Save wrote.
type counted struct {
	pawl.Store
	mu    sync.Mutex
	reads int
	steps []pawl.StepRow
	saved func(*pawl.StepRow) // changes what is saved
}

func (s *counted) Conversation(ctx context.Context, head pawl.Hash) ([]pawl.Node, error) {
	s.mu.Lock()
	s.reads++
	s.mu.Unlock()
	return s.Store.Conversation(ctx, head)
}

func (s *counted) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	s.mu.Lock()
	for i := range saves {
		if step := saves[i].Step; step != nil {
			if s.saved != nil {
				s.saved(step)
			}
			s.steps = append(s.steps, *step)
		}
	}
	s.mu.Unlock()
	return s.Store.Save(ctx, now, saves)
}

// An answer is stored once, as a message: the response is stored without it, and
// read back whole, by a retry as by whoever looks at the task.
func TestAnAnswerIsStoredOnce(t *testing.T) {
	long := prose(1)
	quoted, err := json.Marshal(long)
	must(t, err)
	quoted = bytes.ReplaceAll(quoted, []byte("–"), []byte(`\u2013`))
	spaced := `{"id": "a", "model": "m", "choices": [{"message": {"role": "assistant", "content": ` + string(quoted) + `, "extra": [1, 2.50]}, "finish_reason": "stop"}]}`
	for name, response := range map[string]func() (*llm.Response, error){
		"anthropic":       func() (*llm.Response, error) { return say(long), nil },
		"openai, escaped": func() (*llm.Response, error) { return openai.API{}.Decode([]byte(spaced)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &counted{Store: newStore(t)}
				c := newClient(store, pawl.Config{})
				m := &model{answer: func(context.Context, int) (*llm.Response, error) { return response() }}
				api := llm.Model(m)
				if strings.HasPrefix(name, "openai") {
					api = spoken{m}
				}
				var replies []string
				asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
					reply, err := task.Ask(ctx, api, "tell me")
					if err != nil {
						return "", err
					}
					replies = append(replies, string(reply.JSON))
					return reply.Text(), failing(task, 1)
				})
				start(t, c)
				run := add(t, c, asks, "x")
				if got := result(t, run); got != long {
					t.Errorf("Wait = %s; want the answer", got)
				}
				want, err := response()
				must(t, err)
				if len(replies) != 2 || replies[0] != string(want.JSON) || replies[1] != replies[0] {
					t.Errorf("responses = %q; want that of the provider twice", replies)
				}
				if stored := string(store.steps[0].Result); len(stored) > 700 || strings.Count(stored, "wheel turns") > 1 {
					t.Errorf("the stored response has %d bytes: %s; want it without the answer", len(stored), stored)
				}
				for range 2 { // what was read does not change what is stored
					if _, body, _ := strings.Cut(string(row(t, c, run.ID).Steps[0].Result), "\n"); body != string(want.JSON) {
						t.Errorf("the step's result = %s; want the whole response", body)
					}
				}
			})
		})
	}
}

// spoken is a model of OpenAI's API.
type spoken struct{ *model }

func (s spoken) API() llm.API { return openai.API{} }

func (s spoken) Encode(r llm.Request) (json.RawMessage, error) { return openai.API{}.Encode("test", r) }

// A response that was stored whole, with its usage, is found as it is.
func TestAWholeStoredResponseIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &counted{Store: newStore(t), saved: func(s *pawl.StepRow) {
			s.Result = append([]byte(`{"usage":{"input":10,"output":5}}`+"\n"), say(prose(1)).JSON...)
		}}
		c := newClient(store, pawl.Config{})
		m := talkative()
		asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			reply, err := task.Ask(ctx, m, "tell me")
			if err != nil {
				return "", err
			}
			return reply.Text(), failing(task, 1)
		})
		start(t, c)
		run := add(t, c, asks, "x")
		if got := result(t, run); got != prose(1) || m.calls() != 1 {
			t.Errorf("Wait = %s after %d calls; want the first answer after one", got, m.calls())
		}
		if spared := row(t, c, run.ID).LastAttempt().Spared; spared != (llm.Usage{Input: 10, Output: 5}) {
			t.Errorf("Spared = %+v; want what the stored call used", spared)
		}
	})
}

// A retry reads its conversation once, however many stored answers it finds, and
// what it goes on to send is the whole of it.
func TestARetryReadsItsConversationOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &counted{Store: newStore(t)}
		c := newClient(store, pawl.Config{})
		m := talkative()
		asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			for i := range 50 {
				if i == 40 && task.Attempt == 1 {
					store.mu.Lock()
					store.reads = 0
					store.mu.Unlock()
					return "", errors.New("enough for now")
				}
				if _, err := task.Ask(ctx, m, fmt.Sprint("question ", i)); err != nil {
					return "", err
				}
			}
			return "", nil
		})
		start(t, c)
		run := add(t, c, asks, "x", pawl.Messages{llm.Text("user", "hello"), llm.Text("assistant", "hi")})
		result(t, run)
		if store.reads != 1 || m.calls() != 50 {
			t.Errorf("%d reads and %d calls; want 1 and 50", store.reads, m.calls())
		}
		if last := m.bodies[49]; strings.Count(last, `"role"`) != 101 || !strings.Contains(last, "hello") || !strings.Contains(last, "Answer 40:") {
			t.Errorf("the last request has %d messages; want all 101", strings.Count(last, `"role"`))
		}
	})
}
