package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/openai"
	"github.com/pawlhq/pawl/llmsim"
)

func simEmbedder(sim *llmsim.Server) *openai.Embedder {
	return openai.NewEmbedder(openai.Config{Model: "sim-embed", BaseURL: "http://sim/v1", HTTPClient: sim.Client()})
}

// embeds is an operation that embeds the lines of its input.
var embeds = pawl.Operation[string, [][]float32]{Name: "embed", Backoff: pawl.Backoff{Base: time.Second, Max: time.Second}}

func embedding(m llm.Embedder) func(context.Context, *pawl.Task[string]) ([][]float32, error) {
	return func(ctx context.Context, t *pawl.Task[string]) ([][]float32, error) {
		return m.Embed(ctx, strings.Split(t.Input, "\n")...)
	}
}

// vectorsOf returns what the simulated model makes of lines, asked outside of any
// handler.
func vectorsOf(t *testing.T, lines string) [][]float32 {
	t.Helper()
	v, err := simEmbedder(llmsim.New(llmsim.Config{})).Embed(t.Context(), strings.Split(lines, "\n")...)
	must(t, err)
	return v
}

const lines = "The wheel turns one way only.\nA pawl is a catch."

// A worker that dies once the vectors are stored leaves them to the next one.
func TestCrashAfterTheVectorsAreStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, doomed, heir := pair(t)
		store.after = func(pawl.Save) { store.die() }
		sim := llmsim.New(llmsim.Config{})
		embeds.Handle(doomed, embedding(simEmbedder(sim)))
		embeds.Handle(heir, embedding(simEmbedder(sim)))
		start(t, doomed)
		run := add(t, heir, embeds, lines)
		idle()
		start(t, heir)
		if got := result(t, run); !reflect.DeepEqual(got, vectorsOf(t, lines)) {
			t.Errorf("Wait = %d vectors, others than the model's", len(got))
		}
		r := row(t, heir, run.ID)
		if last := r.LastAttempt(); len(r.Attempts) != 2 || r.Attempts[0].Unknown != 0 || last.Calls != 0 || last.Saved != 1 || last.Spared != sim.Stats().Billed {
			t.Errorf("last of %d attempts = %+v; want the stored vectors, and their tokens spared", len(r.Attempts), last)
		}
		if step := r.Steps[0]; len(r.Steps) != 1 || step.Name != "embed" || !step.Call || step.Usage != sim.Stats().Billed {
			t.Errorf("steps = %+v; want the call, with the usage of the bill", r.Steps)
		}
		if s := sim.Stats(); s.Requests != 1 || s.PaidTwice != 0 {
			t.Errorf("the provider got %d calls, %d of them paid twice; want 1, 0", s.Requests, s.PaidTwice)
		}
	})
}

// A handler that fails later does not pay again for what it has embedded, and pays
// for other texts.
func TestARetryPaysForNoVectorsTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{})
		m := simEmbedder(sim)
		c := one(t, embeds, func(ctx context.Context, task *pawl.Task[string]) (all [][]float32, err error) {
			texts := strings.Split(task.Input, "\n")
			for i := range min(task.Attempt, len(texts)) {
				v, err := m.Embed(ctx, texts[i])
				if err != nil {
					return nil, err
				}
				all = append(all, v...)
			}
			if task.Attempt < 3 {
				return nil, fmt.Errorf("attempt %d fails", task.Attempt)
			}
			return all, nil
		})
		start(t, c)
		run := add(t, c, embeds, lines)
		if got := result(t, run); !reflect.DeepEqual(got, vectorsOf(t, lines)) {
			t.Errorf("Wait = %d vectors, others than the model's", len(got))
		}
		r := row(t, c, run.ID)
		if last := r.LastAttempt(); len(r.Attempts) != 3 || last.Saved != 2 || last.Calls != 0 {
			t.Errorf("last of %d attempts = %+v; want both answers from the store", len(r.Attempts), last)
		}
		if s := sim.Stats(); s.Requests != 2 || s.PaidTwice != 0 || r.Usage() != s.Billed {
			t.Errorf("%d calls, %d paid twice, usage %+v; want 2, 0, and the bill, %+v", s.Requests, s.PaidTwice, r.Usage(), s.Billed)
		}
	})
}

func TestFailedEmbeddingsAreJudged(t *testing.T) {
	for _, test := range judgedFaults {
		t.Run(string(test.fault), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := llmsim.New(llmsim.Config{})
				must(t, sim.Inject(test.fault))
				c := one(t, embeds, embedding(simEmbedder(sim)))
				start(t, c)
				run := add(t, c, embeds, lines)
				result(t, run)
				r := row(t, c, run.ID)
				if first := r.Attempts[0]; len(r.Attempts) != 2 || first.Class != test.class || first.Used != test.used || first.Unknown != test.unknown {
					t.Errorf("first of %d attempts = %+v; want %s, used %v, unknown %d", len(r.Attempts), first, test.class, test.used, test.unknown)
				}
				if s := sim.Stats(); s.Requests != 2 || s.PaidTwice != 0 {
					t.Errorf("the provider got %d calls, %d paid twice; want 2, 0", s.Requests, s.PaidTwice)
				}
			})
		})
	}
}

// What no other try can mend is a dead letter at once, whether the provider says so
// or nothing could be sent.
func TestImpossibleEmbeddingsAreDead(t *testing.T) {
	for in, requests := range map[string]int64{"a\n\nb": 0, strings.Repeat("many words ", 20): 1} {
		synctest.Test(t, func(t *testing.T) {
			sim := llmsim.New(llmsim.Config{Context: 10})
			c := one(t, embeds, embedding(simEmbedder(sim)))
			start(t, c)
			d := dead(t, add(t, c, embeds, in))
			if last := d.LastAttempt(); len(d.Attempts) != 1 || last.Class != llm.Permanent || sim.Stats().Requests != requests {
				t.Errorf("%.10q: %d attempts, %d calls, the last %+v; want 1, %d, permanent", in, len(d.Attempts), sim.Stats().Requests, last, requests)
			}
		})
	}
}

// The provider refuses nothing, because nothing is sent that it would refuse; and the
// limit is used, not only kept.
func TestEmbeddingsKeepWithinTheLimit(t *testing.T) {
	for name, test := range map[string]struct {
		provider llmsim.Limits
		own      limit.Config
	}{
		"requests": {llmsim.Limits{Requests: 60}, limit.Config{Requests: 60}},
		"tokens":   {llmsim.Limits{Tokens: 15_000}, limit.Config{Tokens: 15_000, Charge: limit.MaxOrChars}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := llmsim.New(llmsim.Config{Limits: test.provider, Latency: llmsim.Latency{FirstToken: 100 * time.Millisecond}})
				c := newClient(newStore(t), pawl.Config{Workers: 50, Limits: map[string]limit.Config{"default": test.own}})
				m := simEmbedder(sim)
				embeds.Handle(c, func(ctx context.Context, task *pawl.Task[string]) ([][]float32, error) {
					_, err := m.Embed(ctx, task.Input)
					return nil, err
				})
				start(t, c)
				began := time.Now()
				var runs []*pawl.Run[[][]float32]
				for i := range 120 {
					runs = append(runs, add(t, c, embeds, fmt.Sprintf("%04d %s", i, strings.Repeat("long ", 199))))
				}
				for _, run := range runs {
					result(t, run)
				}
				took, s := time.Since(began), sim.Stats()
				if s.Limited != 0 || s.Answered != 120 {
					t.Errorf("%d answered, %d refused; want 120, 0", s.Answered, s.Limited)
				}
				// Of two minutes' calls, of 1,000 characters each, one minute's could be made at once.
				if took < time.Minute-time.Second || took > 2*time.Minute {
					t.Errorf("they took %v; want 1 to 2 minutes", took)
				}
			})
		})
	}
}

// Nothing is set aside for output: of 1,000 tokens a minute ten answers of which
// nothing is known would take more than there are.
func TestEmbeddingsHaveNoOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{Latency: llmsim.Latency{FirstToken: time.Second}})
		c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"default": {Tokens: 1000}}})
		m := simEmbedder(sim)
		embeds.Handle(c, func(ctx context.Context, task *pawl.Task[string]) ([][]float32, error) {
			errs := make([]error, 10)
			var calls sync.WaitGroup
			for i := range errs {
				calls.Go(func() { _, errs[i] = m.Embed(ctx, fmt.Sprint(task.Input, i)) })
			}
			calls.Wait()
			return nil, errors.Join(errs...)
		})
		start(t, c)
		began := time.Now()
		result(t, add(t, c, embeds, "a short text "))
		if took := time.Since(began); took > 3*time.Second || sim.Stats().Answered != 10 {
			t.Errorf("%d calls took %v; want 10 at the same time", sim.Stats().Answered, took)
		}
	})
}

// A fork's prompt and model are for what is asked, and the texts that are embedded
// on the way stay as they are, by an SDK or not.
func TestAVariantLeavesEmbeddingsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var seen []string
		sim := llmsim.New(llmsim.Config{Decide: func(c *llmsim.Call) llmsim.Fault {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, c.Model+": "+c.Messages[len(c.Messages)-1].Text)
			return llmsim.None
		}})
		m := simEmbedder(sim)
		governed := &http.Client{Transport: &llm.Transport{API: openai.API{}, Base: sim.Transport()}}
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			if _, err := pawl.Step(ctx, "first", func(context.Context) (int, error) { return 1, nil }); err != nil {
				return "", err
			}
			if _, err := m.Embed(ctx, task.Input); err != nil {
				return "", err
			}
			if err := post(ctx, governed, "http://sim/v1/embeddings", `{"model":"sdk-embed","input":"by an SDK"}`); err != nil {
				return "", err
			}
			reply, err := task.Ask(ctx, simModel(sim, 100), "hello")
			if err != nil {
				return "", err
			}
			return reply.Text(), nil
		})
		start(t, c)
		run := add(t, c, asks, "to embed")
		result(t, run)
		seen = nil
		forked(t, run, "first", pawl.Variant{"prompt": json.RawMessage(`"another"`), "model": json.RawMessage(`"sim-2"`)})
		if want := []string{"sim-embed: to embed", "sdk-embed: by an SDK", "sim-2: another"}; !reflect.DeepEqual(seen, want) {
			t.Errorf("the fork's calls are %q; want %q", seen, want)
		}
	})
}

func post(ctx context.Context, c *http.Client, url, body string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := c.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("status %d", resp.StatusCode))
	}
	return errors.Join(err, resp.Body.Close())
}
