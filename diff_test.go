package pawl_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
)

// differing is what a Diff says, one line for each pair.
func differing(d *pawl.Diff) (lines []string) {
	for _, p := range d.Tasks {
		line := p.Place
		for what, is := range map[string]bool{"": p.Same, " input": p.Input, " kept": p.Kept, " only A": p.B == nil, " only B": p.A == nil} {
			switch {
			case what == "" && is:
				line = "= " + line
			case is:
				line += what
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func TestRunsAreComparedPlaceByPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type both struct {
			Words []string
			Sum   int
		}
		c := combined(t, pawl.Config{})
		start(t, c)
		flow := pawl.Then(fields, pawl.All(
			pawl.Into(func(b *both) *int { return &b.Sum }, total),
			pawl.Into(func(b *both) *[]string { return &b.Words }, pawl.Each(pawl.Then(double, words))),
		))
		trees := map[string]*pawl.Tree{}
		for _, in := range []string{"123", "12", "193"} {
			run, err := flow.Add(t.Context(), c, in, pawl.Keep)
			must(t, err)
			result(t, run)
			trees[in] = tree(t, c, run.ID)
		}
		for _, want := range []struct {
			a, b  string
			pairs []string
		}{
			{"123", "123", []string{"= fields kept", "= all kept", "= all.Sum/total kept", "= all.Words/each kept", "= all.Words/each[0]/double kept", "= all.Words/each[0]/words kept",
				"= all.Words/each[1]/double kept", "= all.Words/each[1]/words kept", "= all.Words/each[2]/double kept", "= all.Words/each[2]/words kept"}},
			{"123", "193", []string{"fields input", "all", "all.Sum/total", "all.Words/each", "= all.Words/each[0]/double", "= all.Words/each[0]/words",
				"all.Words/each[1]/double", "all.Words/each[1]/words", "= all.Words/each[2]/double", "= all.Words/each[2]/words"}},
			{"12", "123", []string{"fields input", "all", "all.Sum/total", "all.Words/each", "= all.Words/each[0]/double", "= all.Words/each[0]/words",
				"= all.Words/each[1]/double", "= all.Words/each[1]/words", "all.Words/each[2]/double only B", "all.Words/each[2]/words only B"}},
		} {
			d := pawl.Compare(trees[want.a], trees[want.b])
			if diff := cmp.Diff(want.pairs, differing(d)); diff != "" {
				t.Errorf("Compare of %s and %s differs (-want +got):\n%s", want.a, want.b, diff)
			}
			if n := strings.Count(strings.Join(want.pairs, "\n"), "= "); d.Same != n {
				t.Errorf("%d pairs are the same; want %d", d.Same, n)
			}
		}
	})
}

func TestAWayThatOnlyOneRunWentIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := pawl.Operation[int, string]{Name: "route", Limit: pawl.NoLimit}
		c := combined(t, pawl.Config{})
		route.Handle(c, func(_ context.Context, t *pawl.Task[int]) (string, error) {
			return map[bool]string{true: "long", false: "short"}[t.Input > 5], nil
		})
		start(t, c)
		flow := pawl.Choose(route, pawl.When("short", words), pawl.When("long", pawl.Then(double, words)))
		var trees []*pawl.Tree
		for _, in := range []int{3, 7} {
			run, err := flow.Add(t.Context(), c, in)
			must(t, err)
			result(t, run)
			trees = append(trees, tree(t, c, run.ID))
		}
		want := []string{"route input", "double only B", "words"}
		if diff := cmp.Diff(want, differing(pawl.Compare(trees[0], trees[1]))); diff != "" {
			t.Errorf("Compare differs (-want +got):\n%s", diff)
		}
	})
}

func TestTextsAreComparedByLinesAndSentences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type page struct {
			Title string
			Text  string
			Tags  []string
		}
		write := pawl.Operation[int, page]{Name: "write", Limit: pawl.NoLimit}
		c := one(t, write, func(_ context.Context, t *pawl.Task[int]) (page, error) {
			text := fmt.Sprintf("The first sentence is the same in both of the texts. The second one has the number %d in it! The third one is the same again.\n\nA last line.", t.Input)
			return page{"Page", text, []string{"a", fmt.Sprint(t.Input)}}, nil
		})
		start(t, c)
		var trees []*pawl.Tree
		for _, in := range []int{1, 2} {
			run := add(t, c, write, in)
			result(t, run)
			trees = append(trees, tree(t, c, run.ID))
		}
		pair := pawl.Compare(trees[0], trees[1]).Tasks[0]
		want := []pawl.DiffLine{
			{Text: "Tags:"}, {Text: "  - a"}, {In: "a", Text: "  - 1"}, {In: "b", Text: "  - 2"},
			{Text: "Text:"}, {Text: "  The first sentence is the same in both of the texts."},
			{In: "a", Text: "  The second one has the number 1 in it!"}, {In: "b", Text: "  The second one has the number 2 in it!"},
			{Text: "  The third one is the same again."}, {Text: "  "}, {Text: "  A last line."}, {Text: "Title: Page"},
		}
		if diff := cmp.Diff(want, pair.Outputs); diff != "" {
			t.Errorf("lines differ (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]pawl.DiffLine{{In: "a", Text: "1"}, {In: "b", Text: "2"}}, pair.Inputs); diff != "" || !pair.Input {
			t.Errorf("lines of the input differ (-want +got):\n%s", diff)
		}
	})
}
