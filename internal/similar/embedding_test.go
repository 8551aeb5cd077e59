package similar_test

import (
	"testing"

	"github.com/pawlhq/pawl/internal/similar"
	"github.com/pawlhq/pawl/llm/openai"
	"github.com/pawlhq/pawl/llmsim"
)

// Vectors find more than words do, and merge wrongly unless Differs has a say. The
// simulated provider's vectors know words and parts of words, and no meaning: so the
// figures are those of a plain model of embeddings, and of what Differs is worth to one.
func TestTableOfEmbeddings(t *testing.T) {
	sim := llmsim.New(llmsim.Config{})
	embed := openai.NewEmbedder(openai.Config{Model: "embed-1", BaseURL: "http://sim/v1", HTTPClient: sim.Client()})
	all := pairs(t)
	cosines := make([]float64, len(all))
	for i, p := range all {
		v, err := embed.Embed(t.Context(), p.A, p.B)
		if err != nil {
			t.Fatal(err)
		}
		cosines[i] = similar.Cosine(v[0], v[1])
	}
	same := 0
	for _, p := range all {
		if p.Same {
			same++
		}
	}
	t.Logf("threshold | vectors alone: precision, recall | with Differs: precision, recall, wrong")
	for _, threshold := range []float64{0.7, 0.8, 0.85, 0.9, 0.95, 0.98} {
		var alone, guarded, right, guardedRight int
		for i, p := range all {
			if cosines[i] < threshold {
				continue
			}
			alone++
			if p.Same {
				right++
			}
			if similar.Differs(similar.Prepare(p.A), similar.Prepare(p.B)) != "" {
				continue
			}
			guarded++
			if p.Same {
				guardedRight++
			} else if threshold == 0.95 {
				t.Logf("wrong at %.2f: %s (%s)", threshold, p.ID, p.Kind)
			}
		}
		t.Logf("%.2f | %.3f %.3f | %.3f %.3f, %d of %d", threshold,
			share(right, alone), share(right, same), share(guardedRight, guarded), share(guardedRight, same), guarded-guardedRight, len(all)-same)
		if share(guardedRight, guarded) < share(right, alone) {
			t.Errorf("at %.2f Differs makes it worse", threshold)
		}
		if wrong := guarded - guardedRight; threshold >= 0.95 && wrong > 25 {
			t.Errorf("at %.2f %d wrong merges; want 25 at most", threshold, wrong)
		}
	}
}

func share(part, of int) float64 {
	if of == 0 {
		return 1
	}
	return float64(part) / float64(of)
}
