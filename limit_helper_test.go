package pawl_test

import (
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/openai"
	"github.com/pawlhq/pawl/llmsim"
)

// simModels are models of a simulated provider by the API that they speak.
var simModels = map[string]func(sim *llmsim.Server, maxTokens int) llm.Model{
	"anthropic": func(sim *llmsim.Server, maxTokens int) llm.Model { return simModel(sim, maxTokens) },
	"openai": func(sim *llmsim.Server, maxTokens int) llm.Model {
		return openai.New(openai.Config{Model: "sim-1", BaseURL: "http://sim/v1", HTTPClient: sim.Client(), MaxTokens: maxTokens})
	},
}

// addDocuments adds n tasks to read documents of different lengths: 130 to 1,400
// tokens.
func addDocuments(t *testing.T, c *pawl.Client, o pawl.Operation[string, string], n int, opts ...pawl.Option) []*pawl.Run[string] {
	t.Helper()
	ins := make([]string, n)
	for i := range ins {
		ins[i] = "Extract the five most important points:\n\n" + document(i, 5+i*7%40)
	}
	runs, err := o.AddMany(t.Context(), c, ins, opts...)
	must(t, err)
	return runs
}

func results(t *testing.T, runs []*pawl.Run[string]) {
	t.Helper()
	for _, run := range runs {
		result(t, run)
	}
}

// limitNamed returns where a limit stands.
func limitNamed(t *testing.T, c *pawl.Client, name string) pawl.LimitStatus {
	t.Helper()
	s, err := c.Status(t.Context())
	must(t, err)
	for _, l := range s.Limits {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("there is no limit %q", name)
	return pawl.LimitStatus{}
}
