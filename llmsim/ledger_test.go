package llmsim_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llmsim"
)

func TestLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 6}})
		_ = s.Inject(llmsim.None, llmsim.None, llmsim.None, llmsim.ResetAfter, llmsim.ServerError, llmsim.None)
		a := anthropic.read(t, anthropic.post(s, ask{text: "once"}).must(t, 200).body)
		b := anthropic.read(t, anthropic.post(s, ask{text: "twice"}).must(t, 200).body)
		anthropic.post(s, ask{text: "twice"}).must(t, 200)
		if r := anthropic.post(s, ask{text: "lost"}); r.err == nil {
			t.Fatal("the reset did not reach the client")
		}
		anthropic.post(s, ask{text: "lost"}).must(t, 500)
		c := anthropic.read(t, anthropic.post(s, ask{text: "lost"}).must(t, 200).body)
		anthropic.post(s, ask{text: "late"}).must(t, 429)
		anthropic.post(s, ask{extra: "?"}).must(t, 400)

		st := s.Stats()
		faults := map[llmsim.Fault]int64{llmsim.ResetAfter: 1, llmsim.ServerError: 1}
		if !maps.Equal(st.Faults, faults) {
			t.Errorf("Faults = %v; want %v", st.Faults, faults)
		}
		st.Faults = nil
		want := llmsim.Stats{
			Requests: 8, Answered: 4, Invalid: 1, Limited: 1, Undelivered: 1, UndeliveredTokens: c.input + c.output,
			Billed:    llm.Usage{Input: a.input + 2*b.input + 2*c.input, Output: a.output + 2*b.output + 2*c.output},
			PaidTwice: 1, PaidTwiceTokens: b.input + b.output,
		}
		if fmt.Sprint(st) != fmt.Sprint(want) {
			t.Errorf("Stats = %+v; want %+v", st, want)
		}
	})
}

func TestCallsAreBounded(t *testing.T) {
	s := llmsim.New(llmsim.Config{Log: 3})
	for i := range 5 {
		openai.post(s, ask{text: fmt.Sprint(i)}).must(t, 200)
	}
	calls := slices.Collect(s.Calls())
	if len(calls) != 3 || calls[0].Seq != 3 || calls[2].Seq != 5 {
		t.Fatalf("Calls = %+v; want the last three", calls)
	}
	c := calls[0]
	if c.API != "openai" || c.Model != "sim-1" || c.Status != 200 || !c.Billed || !c.Delivered || c.Hash == calls[1].Hash || c.Usage.Output == 0 || c.End.Before(c.Start) {
		t.Errorf("the record is %+v", c)
	}
}

// A run must repeat from its seed, in whatever order its calls arrive.
func TestFaultsRepeat(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(3) {
		first := fates(seed)
		for range 3 {
			if got := fates(seed); got != first {
				t.Errorf("seed %d: the run does not repeat:\n%s\n%s", seed, first, got)
			}
		}
		seen[first] = true
	}
	if len(seen) != 3 {
		t.Errorf("three seeds gave %d different runs; want 3", len(seen))
	}
}

// fates makes concurrent calls, each body until it is answered, and returns
// what befell each body.
func fates(seed uint64) string {
	s := llmsim.New(llmsim.Config{Seed: seed, Faults: llmsim.Faults{
		llmsim.Overloaded: 0.2, llmsim.ServerError: 0.2, llmsim.ResetAfter: 0.2,
	}})
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			for range 50 {
				if r := anthropic.post(s, ask{text: fmt.Sprint(i)}); r.err == nil && r.StatusCode == 200 {
					return
				}
			}
		})
	}
	wg.Wait()
	befell := map[uint64][]llmsim.Fault{}
	for c := range s.Calls() {
		befell[c.Hash] = append(befell[c.Hash], c.Fault)
	}
	return fmt.Sprint(befell)
}

func TestFaultProbabilities(t *testing.T) {
	s := llmsim.New(llmsim.Config{Seed: 42, Faults: llmsim.Faults{llmsim.Overloaded: 0.1, llmsim.KeyRefused: 0.3}})
	const n = 4000
	for i := range n {
		openai.post(s, ask{text: fmt.Sprint(i % 100)}) // bodies that repeat draw anew
	}
	st := s.Stats()
	for f, p := range map[llmsim.Fault]float64{llmsim.Overloaded: 0.1, llmsim.KeyRefused: 0.3} {
		if got := float64(st.Faults[f]) / n; got < p-0.03 || got > p+0.03 {
			t.Errorf("seed 42: %s befell %.3f of the calls; want %.3f ± 0.03", f, got, p)
		}
	}
}
