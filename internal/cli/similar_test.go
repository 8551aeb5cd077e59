package cli

import (
	"strings"
	"testing"

	"github.com/pawlhq/pawl"
)

func TestSimilar(t *testing.T) {
	w := newPurse(t)
	close(w.began)
	w.well("similar report", "no near-duplicates were found", "Similar is set")
	const plain, polite = "What is the refund policy of the shop?", "Please, what is the refund policy of the shop?"
	w.answered(w.asks("ann", plain))
	first := w.id("ann")
	w.answered(w.asks("ann", polite))
	second := w.id("ann")
	w.well("similar report", "taken  ", " % alike  1 call, 1,100 tokens, 0.0040 USD\n", "  "+second+"  "+polite[:10], "  "+first+"  "+plain,
		"taken        1 result saved 1 call, 1,100 tokens, 0.0040 USD")
	w.well("show "+second, "answered by  "+first+", a near-duplicate, ", " % alike\n")
	if taken := decoded[whole](w.ward, "show "+second).Taken; taken == nil || taken.Of.String() != first {
		t.Errorf("show -o json: taken %+v; want the entry of the ledger, of %s", taken, first)
	}
	if taken := decoded[whole](w.ward, "show "+first).Taken; taken != nil {
		t.Errorf("show -o json of the first: taken %+v; want nothing", taken)
	}
	got := decoded[pairs](w.ward, "similar report")
	if len(got.Pairs) != 1 || got.Pairs[0].Text != polite || got.Pairs[0].OfText != plain || got.Pairs[0].Task.String() != second || got.Pairs[0].Of.String() != first || got.Taken.Cost["USD"] != oneCost || got.Shadow.Pairs != 0 {
		t.Errorf("similar report -o json = %+v; want the pair, and what it saved", got)
	}
	for flags, want := range map[string]int{"--user ann": 1, "--user bob": 0, "--operation inquire": 1, "--operation other": 0, "--since 1h": 1, "--since 2030-01-01": 0, "--max 0": 1} {
		if got := decoded[pairs](w.ward, "similar report "+flags); len(got.Pairs) != want || got.Taken.Pairs != want {
			t.Errorf("similar report %s lists %d pairs, of %d; want %d", flags, len(got.Pairs), got.Taken.Pairs, want)
		}
	}

	// Kept apart, the same text is asked for anew; its own result answers others again.
	w.well("similar apart "+first+" "+second, "kept apart from now on", "\n  "+first, "\n  "+second)
	w.answered(w.asks("ann", polite))
	if got := decoded[pairs](w.ward, "similar report"); got.Taken.Pairs != 1 {
		t.Errorf("%d results were taken; want no more than before", got.Taken.Pairs)
	}
	w.well("similar forget "+w.id("ann"), "the result of "+w.id("ann")+" answers no near-duplicate any more")
	if got := decoded[struct{ Tasks []pawl.ID }](w.ward, "similar apart "+first+" "+second); len(got.Tasks) != 2 || got.Tasks[1].String() != second {
		t.Errorf("similar apart -o json = %+v; want both tasks", got)
	}
	if got := decoded[struct{ Tasks []pawl.ID }](w.ward, "similar forget "+w.id("ann")); len(got.Tasks) != 1 || got.Tasks[0].String() != w.id("ann") {
		t.Errorf("similar forget -o json = %+v; want the task", got)
	}
	w.well("similar report --user nobody", "there are no near-duplicates of what was asked for")

	w.answered(w.asks("ann", "1"))
	numbers := w.id("ann")
	w.refused("similar apart "+first+" "+first, exitFailed, "have the same text")
	w.answered(w.asks("bob", plain))
	w.refused("similar apart "+first+" "+w.id("bob"), exitFailed, "differ in more than their texts")
	w.refused("similar forget "+second, exitFailed, "its result answers no near-duplicates")
	w.refused("similar forget "+pawl.NewID().String(), exitFailed, "there is no task")
	w.refused("similar apart "+numbers+" "+pawl.NewID().String(), exitFailed, "there is no task")
	w.refused("similar apart "+numbers+" 12", exitUsage, `OTHER is "12"`)
	w.refused("similar report --max -1", exitUsage, "--max is -1; want 1 or more, or 0 for all")
	w.refused("similar report --since x", exitUsage, `--since is "x"`)
}

// Of two that come together one waits, and says for which one.
func TestANearDuplicateThatWaitsSaysForWhich(t *testing.T) {
	w := newPurse(t)
	events := w.client.Events(w.Context(), pawl.EventRetried)
	runs := map[pawl.ID]*pawl.Run[string]{}
	for _, text := range []string{"What is the refund policy of the shop?", "Please, what is the refund policy of the shop?"} {
		run := w.asks("ann", text)
		runs[run.ID] = run
	}
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		if e.State != pawl.Blocked {
			continue
		}
		for id := range runs {
			if id != e.Task {
				w.well("show "+e.Task.String(), "waits        for "+id.String()+", a near-duplicate that is under")
				w.well("why "+e.Task.String(), e.Task.String()+"  blocked", "it waits for "+id.String()+", a near-duplicate", "pawl why "+id.String()+" says how that one stands")
			}
		}
		break
	}
	close(w.began)
	for _, run := range runs {
		w.answered(run)
	}
	if got := decoded[pairs](w.ward, "similar report"); got.Taken.Pairs != 1 {
		t.Errorf("%d results were taken; want one", got.Taken.Pairs)
	}
}

// In shadow it is said what would have been saved; what is long is cut, and a task that
// is gone is named as that.
func TestSimilarAsAPage(t *testing.T) {
	entry := func(kind pawl.EntryKind, calls int64) pawl.Entry {
		id, of := ids(t)
		e := pawl.Entry{At: noon, Kind: kind, Task: id, Of: of, Score: 0.9615, Calls: calls, Cost: 3_960_000, Currency: "USD"}
		e.Usage = oneAnswer
		return e
	}
	p := &pairs{Taken: pairsSum{Cost: amounts{}}, Shadow: pairsSum{Cost: amounts{}}, Pairs: []pair{
		{Entry: entry(pawl.EntrySimilar, 1), Text: "Please tell me how long the warranty of a kettle is.", OfText: "Tell me how long the warranty of a kettle is, " + strings.Repeat("please ", 20)},
		{Entry: entry(pawl.EntrySimilar, 1), Text: strings.Repeat("The kettle is whole. ", 20) + "How long is its warranty in years and months?", OfText: strings.Repeat("The kettle is whole. ", 20) + "How long is the warranty?"},
		{Entry: entry(pawl.EntryShadow, 2), Text: "What\nis it?"},
	}}
	p.Taken.add(&p.Pairs[0].Entry)
	p.Taken.add(&p.Pairs[1].Entry)
	p.Shadow.add(&p.Pairs[2].Entry)
	p.Shadow.add(&p.Pairs[2].Entry)
	cut, whole := func(t *terminal) { p.print(t, false) }, func(t *terminal) { p.print(t, true) }
	golden(t, "similar", onTerminal(plainWidth, cut))
	golden(t, "similar-full", onTerminal(plainWidth, whole))
	goldenWithin(t, "similar-120", onTerminal(mostWidth, cut), mostWidth)
}

// Whatever the texts are, what is shown of both has the difference, and fits.
func TestAroundDifference(t *testing.T) {
	long, word := strings.Repeat("wörd ", 30), strings.Repeat("日本", 40)
	for _, c := range []struct{ a, b, seenA, seenB string }{
		{"red", "blue", "red", "blue"},
		{"", "blue", "", "blue"},
		{long, long, "wörd wörd", "wörd wörd"},
		{long + "red " + long, long + "blue " + long, "wörd red", "wörd blue"},
		{long, long + "blue", "wörd ", "blue"},
		{long + "red", long + "reddish", "red", "reddish"},
		{"red " + long, "blue " + long, "red ", "blue "},
		{"x " + word + "red", "x " + word + "blue", "本red", "本blue"},
	} {
		a, b := aroundDifference(c.a, c.b, 40)
		if !strings.Contains(a, c.seenA) || !strings.Contains(b, c.seenB) || columns(a) > 40 || columns(b) > 40 {
			t.Errorf("of %q and %q is shown %q and %q; want %q and %q, in 40 columns", c.a, c.b, a, b, c.seenA, c.seenB)
		}
	}
}

func ids(t *testing.T) (a, b pawl.ID) {
	t.Helper()
	a, err := pawl.ParseID("task_06h1dmgznnyy15g3svkswcm7f0")
	if err != nil {
		t.Fatal(err)
	}
	if b, err = pawl.ParseID("task_06h1dmgznsrgk6xmh0dfn6mkq8"); err != nil {
		t.Fatal(err)
	}
	return a, b
}
