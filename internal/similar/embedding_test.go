package similar_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pawlhq/pawl/internal/similar"
	"github.com/pawlhq/pawl/llm/openai"
	"github.com/pawlhq/pawl/llmsim"
)

// Vectors find more than words do, and merge wrongly unless Differs has a say. The
// simulated provider's vectors know words and parts of words, and no meaning: so the
// figures are those of a plain model of embeddings, and of what Differs is worth to one.
//
// PAWL_TEST_EMBEDDINGS in the environment measures another model in its place: it is the
// base URL of an endpoint that speaks OpenAI's API, such as https://api.openai.com/v1, with
// the model in PAWL_TEST_EMBEDDINGS_MODEL, and the key, if it wants one, in
// PAWL_TEST_EMBEDDINGS_KEY.
func TestTableOfEmbeddings(t *testing.T) {
	embed, simulated := measured(), false
	if embed == nil {
		sim := llmsim.New(llmsim.Config{})
		embed, simulated = openai.NewEmbedder(openai.Config{Model: "embed-1", BaseURL: "http://sim/v1", HTTPClient: sim.Client()}), true
	}
	all := pairs(t)
	cosines := cosinesOf(t, embed, all)
	t.Logf("threshold | vectors alone: precision, recall, wrong, paraphrases | with Differs: the same")
	for _, threshold := range []float64{0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99} {
		alone, guarded := merging(all, cosines, threshold)
		t.Logf("%.2f | %s | %s", threshold, alone, guarded)
		if guarded.precision() < alone.precision() {
			t.Errorf("at %.2f Differs makes it worse", threshold)
		}
		if simulated && threshold >= 0.95 && len(guarded.wrong) > 25 {
			t.Errorf("at %.2f %d wrong merges; want 25 at most", threshold, len(guarded.wrong))
		}
		if threshold == 0.95 { // the default of pawl.Similar
			t.Logf("wrong at %.2f: %s", threshold, strings.Join(guarded.wrong, ", "))
		}
	}
}

// measured returns the model that the environment names, nil if it names none.
func measured() *openai.Embedder {
	url := os.Getenv("PAWL_TEST_EMBEDDINGS")
	if url == "" {
		return nil
	}
	return openai.NewEmbedder(openai.Config{
		BaseURL: url, Model: cmp.Or(os.Getenv("PAWL_TEST_EMBEDDINGS_MODEL"), "text-embedding-3-small"), APIKey: os.Getenv("PAWL_TEST_EMBEDDINGS_KEY"),
	})
}

// cosinesOf returns how alike the texts of each pair are, with few calls.
func cosinesOf(t *testing.T, embed *openai.Embedder, all []pair) []float64 {
	t.Helper()
	const together = 64
	var cosines []float64
	for some := range slices.Chunk(all, together) {
		var texts []string
		for _, p := range some {
			texts = append(texts, p.A, p.B)
		}
		vectors, err := embed.Embed(t.Context(), texts...)
		if err != nil {
			t.Fatal(err)
		}
		for v := range slices.Chunk(vectors, 2) {
			cosines = append(cosines, similar.Cosine(v[0], v[1]))
		}
	}
	return cosines
}

// merged is what is taken to be the same.
type merged struct {
	right, same, others int      // same and others are how many pairs there are of each
	paraphrases         int      // of those that are right
	wrong               []string // pairs
}

func (m *merged) take(p *pair) {
	if p.Same {
		m.right++
	} else {
		m.wrong = append(m.wrong, p.ID)
	}
	if p.Same && p.Kind == "paraphrase" {
		m.paraphrases++
	}
}

func (m *merged) precision() float64 { return share(m.right, m.right+len(m.wrong)) }

func (m *merged) String() string {
	return fmt.Sprintf("%.3f, %.3f, %d of %d, %d", m.precision(), share(m.right, m.same), len(m.wrong), m.others, m.paraphrases)
}

// merging returns what is merged from a cosine on, by vectors alone and with Differs.
func merging(all []pair, cosines []float64, threshold float64) (alone, guarded *merged) {
	alone = &merged{}
	for i := range all {
		if all[i].Same {
			alone.same++
		} else {
			alone.others++
		}
	}
	with := *alone
	guarded = &with
	for i := range all {
		p := &all[i]
		if cosines[i] < threshold {
			continue
		}
		alone.take(p)
		if similar.Differs(similar.Prepare(p.A), similar.Prepare(p.B)) == "" {
			guarded.take(p)
		}
	}
	return alone, guarded
}

func share(part, of int) float64 {
	if of == 0 {
		return 1
	}
	return float64(part) / float64(of)
}
