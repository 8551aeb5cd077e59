package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/openai"
	"github.com/pawlhq/pawl/llmsim"
)

// handbook is an operation whose answers near-duplicates may share.
func handbook(s *pawl.Similar) pawl.Operation[string, string] {
	return pawl.Operation[string, string]{Name: "handbook", Similar: s}
}

// answers returns a client of the operation, whose handler asks m.
func answers(t *testing.T, s *pawl.Similar, m llm.Model) (*pawl.Client, pawl.Operation[string, string]) {
	o := handbook(s)
	c := newClient(newStore(t), pawl.Config{Prices: testPrices})
	o.Handle(c, asking(m))
	start(t, c)
	return c, o
}

const holidays = "How many days of holiday does a new employee have in the first year at the company?"

func TestANearDuplicateTakesTheResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c, o := answers(t, &pawl.Similar{}, m)
		first := add(t, c, o, holidays, pawl.User("ann"))
		want := result(t, first)
		polite := add(t, c, o, "Please, how many days of holiday does a new employee have in the first year at the company?", pawl.User("ann"))
		if got := result(t, polite); got != want || m.calls() != 1 {
			t.Errorf("the polite question got %q after %d calls; want %q after 1", got, m.calls(), want)
		}
		for name, other := range map[string]*pawl.Run[string]{
			"another user's":  add(t, c, o, strings.ToUpper(holidays), pawl.User("bob")),
			"another number":  add(t, c, o, strings.ReplaceAll(holidays, "first", "second"), pawl.User("ann")),
			"another message": add(t, c, o, "please "+holidays, pawl.User("ann"), pawl.Messages{llm.Text("user", "I work in Spain.")}),
		} {
			if got := result(t, other); got == want {
				t.Errorf("%s got %q; want an answer of its own", name, got)
			}
		}
		got := entries(t, c, pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntrySimilar}})
		if len(got) != 1 || got[0].Task != polite.ID || got[0].Of != first.ID || got[0].Calls != 1 || got[0].Cost != 20_000 || got[0].Score < 0.9 {
			t.Errorf("savings: %+v; want the first answer's call, by the polite task", got)
		}
	})
}

func TestAShadowTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c, o := answers(t, &pawl.Similar{Shadow: true}, m)
		first := add(t, c, o, holidays)
		result(t, first)
		if got := result(t, add(t, c, o, "please: "+holidays)); got != "answer 2" {
			t.Errorf("the near-duplicate got %q; want an answer of its own", got)
		}
		got := entries(t, c, pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryShadow}})
		if len(got) != 1 || got[0].Of != first.ID || got[0].Usage.Total() != 15 {
			t.Errorf("entries: %+v; want one that says what would have been taken, and saved", got)
		}
	})
}

// What is forgotten, and what is kept apart, is not taken again.
func TestAMergeIsUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c, o := answers(t, &pawl.Similar{}, m)
		first := add(t, c, o, holidays)
		result(t, first)
		polite := add(t, c, o, "please: "+holidays)
		result(t, polite)
		must(t, c.KeepApart(t.Context(), polite.ID, first.ID))
		result(t, add(t, c, o, "please: "+holidays, pawl.Duplicates(pawl.Keep)))
		if m.calls() != 2 {
			t.Errorf("%d calls; want 2: the texts are kept apart", m.calls())
		}
		result(t, add(t, c, o, "could you tell me "+strings.ToLower(holidays[:1])+holidays[1:]))
		calls := m.calls()
		_, err := c.Delete(t.Context(), pawl.Filter{})
		must(t, err)
		result(t, add(t, c, o, "please: "+holidays))
		if m.calls() != calls+1 {
			t.Errorf("%d calls; want one more than %d: nothing is kept of tasks that are gone", m.calls(), calls)
		}
		last := add(t, c, o, "Who signs the holiday form?")
		result(t, last)
		must(t, c.ForgetSimilar(t.Context(), last.ID))
		if err := c.ForgetSimilar(t.Context(), polite.ID); err == nil {
			t.Error("ForgetSimilar of a task that is gone = nil; want an error")
		}
	})
}

func TestKeepApartRefusesWhatIsNeverCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o := answers(t, &pawl.Similar{}, &model{})
		a, b := add(t, c, o, "How are you?", pawl.User("ann")), add(t, c, o, "How are you?", pawl.User("bob"))
		result(t, a)
		result(t, b)
		for _, pair := range [][2]pawl.ID{{a.ID, b.ID}, {a.ID, a.ID}} {
			if err := c.KeepApart(t.Context(), pair[0], pair[1]); !errors.Is(err, pawl.ErrNotSimilar) {
				t.Errorf("KeepApart = %v; want ErrNotSimilar", err)
			}
		}
	})
}

// What the other task handed on goes along with its result: what follows in the flow finds
// what it would have found. That is the task's own conversation, not one beside it.
func TestWhatFollowsGetsWhatTheResultCameWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		o := handbook(&pawl.Similar{})
		next := pawl.Operation[string, string]{Name: "count"}
		c := newClient(newStore(t), pawl.Config{})
		o.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			out, err := t.Ask(ctx, m, t.Input)
			if err != nil {
				return "", err
			}
			if _, err := t.Branch().Ask(ctx, m, "Which page is that from?"); err != nil {
				return "", err
			}
			t.SetData("page", 12)
			return out.Text(), nil
		})
		next.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			messages, err := t.Conversation(ctx)
			return fmt.Sprintf("%d messages, page %s", len(messages), t.Data()["page"]), err
		})
		start(t, c)
		flow := pawl.Then(o, next)
		ask := func(question string, calls int) {
			run, err := flow.Add(t.Context(), c, question)
			must(t, err)
			if got, want := result(t, run), "2 messages, page 12"; got != want || m.calls() != calls {
				t.Errorf("%.20q: what follows finds %s, after %d calls; want %s after %d", question, got, m.calls(), want, calls)
			}
		}
		ask(holidays, 2)
		ask("please: "+holidays, 2)
		_, err := c.Delete(t.Context(), pawl.Filter{Operation: "count"})
		must(t, err)
		ask("please, please: "+holidays, 4) // what the first one handed on is not known any more
	})
}

func TestEmbeddingsFindParaphrases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{})
		embed := openai.NewEmbedder(openai.Config{Model: "embed-1", BaseURL: "http://sim/v1", HTTPClient: sim.Client()})
		m := &model{}
		c, o := answers(t, &pawl.Similar{Embed: embed, Threshold: 0.5}, m)
		result(t, add(t, c, o, holidays))
		run := add(t, c, o, "At the company, how many days of holiday has a new employee got in the first year?")
		if got := result(t, run); got != "answer 1" {
			t.Errorf("the paraphrase got %q; want the first answer", got)
		}
		if got := result(t, add(t, c, o, strings.ReplaceAll(holidays, "first", "second"))); got == "answer 1" {
			t.Errorf("another year got %q; want an answer of its own", got)
		}
		var embeds []pawl.Entry
		for _, e := range entries(t, c, pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryAnswered}}) {
			if e.Limit == "embeddings" {
				embeds = append(embeds, e)
			}
		}
		if len(embeds) != 3 || embeds[0].Model != "embed-1" || embeds[0].Usage.Input == 0 {
			t.Errorf("embeddings in the ledger: %+v; want 3, on a limit of their own", embeds)
		}
	})
}

// An endpoint that fails costs nobody his answer.
func TestWithoutEmbeddingsTasksAreDoneAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{Faults: llmsim.Faults{llmsim.ServerError: 1}})
		embed := openai.NewEmbedder(openai.Config{Model: "embed-1", BaseURL: "http://sim/v1", HTTPClient: sim.Client()})
		c, o := answers(t, &pawl.Similar{Embed: embed}, &model{})
		if got := result(t, add(t, c, o, holidays)); got != "answer 1" {
			t.Errorf("the task = %q; want its answer", got)
		}
		kinds := kindsOf(entries(t, c, pawl.LedgerFilter{}))
		slices.Sort(kinds)
		if !slices.Equal(kinds, []pawl.EntryKind{pawl.EntryAnswered, pawl.EntryUnknown}) {
			t.Errorf("the ledger: %v; want the answer, and the embedding that failed and may be billed", kinds)
		}
	})
}

// Nor is a task judged by them whose handler fails for something else.
func TestAnEmbeddingThatFailsIsNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{Faults: llmsim.Faults{llmsim.TooLong: 1}})
		embed := openai.NewEmbedder(openai.Config{Model: "embed-1", BaseURL: "http://sim/v1", HTTPClient: sim.Client()})
		o := handbook(&pawl.Similar{Embed: embed})
		c := newClient(newStore(t), pawl.Config{})
		o.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			if t.Attempt == 1 {
				return "", errors.New("the file is not there yet")
			}
			return "done", nil
		})
		start(t, c)
		if got := result(t, add(t, c, o, holidays)); got != "done" {
			t.Errorf("the task = %q; want it tried again, and done", got)
		}
	})
}

func TestOldResultsAreNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c, o := answers(t, &pawl.Similar{Within: time.Hour}, m)
		result(t, add(t, c, o, holidays))
		time.Sleep(2 * time.Hour)
		result(t, add(t, c, o, "please: "+holidays))
		if m.calls() != 2 {
			t.Errorf("%d calls; want 2: the first result is too old", m.calls())
		}
	})
}
