package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pawlhq/pawl"
)

// forks is what pawl fork prints as JSON.
type forks struct{ Runs []*forked }

func TestForkWithWaitComparesTheRuns(t *testing.T) {
	w := newFlowWard(t)
	add(w, study, topic{"even", []int{2, 4, 6}}, "even")
	before := w.until("even", pawl.Succeeded)
	w.well("fork "+w.id("even")+" --from summarize --set input=[7] --wait", "input=[7]", "pawl diff ID compares it with "+w.id("even"),
		"= 5 tasks alike, not run again: outline … each[2]/halve", "≠ summarize", "- - 3", "+ - 7", "- [1 2 3]", "+ [7]")
	w.well("fork "+w.id("even")+" --from summarize --set prompt=Compare --wait", "changed", "prompt=Compare", "= 5 tasks alike, not run again", "≠ summarize", "+ [1 2 3]: You said: Compare")
	got := decoded[forks](w, "fork "+w.id("even")+" --from outline --set input.parts=[2,4,8] --wait")
	if len(got.Runs) != 1 || string(compacted(string(got.Runs[0].Variant["input"]))) != `{"name":"even","parts":[2,4,8]}` {
		t.Fatalf("fork = %s; want one run with one member of the input changed", encode(got.Runs))
	}
	d := got.Runs[0].Diff
	if d == nil || d.A.Run != w.tasks["even"] || d.B.State != pawl.Succeeded || d.Same != 2 || len(d.Tasks) != 6 || !d.Tasks[0].Input || d.Tasks[1].Same {
		t.Errorf("diff = %+v; want two tasks alike of six, and the first with another input", d)
	}
	after, err := w.client.Tree(t.Context(), w.tasks["even"])
	if err != nil || after.Usage != before.Usage || after.Tasks != before.Tasks {
		t.Errorf("the run itself = %+v, %v; want it as it was", after.Overview, err)
	}
	fork := got.Runs[0].Run.String()
	w.well("diff "+w.id("even")+" "+fork, "≠ outline", "input", "+   - 8", "-   - 6", "≠ each[2]/halve", "- 3", "+ 4", "= 2 tasks alike: each[0]/halve, each[1]/halve")
	w.well("diff "+fork, "A  ", w.id("even"))
	w.well("run "+fork, "forked from  "+w.id("even"), `changed      input={"name":"even","parts":[2,4,8]}`)
	w.well("show "+fork, "forked from  "+w.id("even"), `changed      input={"name":"even","parts":[2,4,8]}`)
	w.well("diff "+fork, `input={"name":"even","parts":[2,4,8]}`)
	if text := w.well("diff " + w.id("even") + " " + w.id("even")); strings.Contains(text, "changed") {
		t.Errorf("a run that is no fork has changed something:\n%s", text)
	}
	for _, line := range strings.Split(w.well("runs", "fork of outline"), "\n") {
		if isFork := strings.Contains(line, "fork of "); isFork && strings.Contains(line, w.id("even")) {
			t.Errorf("a run that is no fork is marked as one: %s", line)
		}
	}
	for _, r := range decoded[runList](w, "runs").Runs {
		want := w.tasks["even"]
		if r.Run == want {
			want = pawl.ID{}
		}
		if r.Origin != want {
			t.Errorf("the origin of run %s is %s; want %s", r.Run, r.Origin, want)
		}
	}
	same := w.well("diff "+fork+" "+fork, "= 6 tasks alike")
	if strings.Contains(same, "≠") {
		t.Errorf("a run differs from itself:\n%s", same)
	}
	w.refused("diff "+w.id("even"), exitUsage, "is no fork")
	w.refused("diff "+fork+" "+pawl.NewID().String(), exitFailed, "there is no task")
}

func TestForkTakesSeveralVariants(t *testing.T) {
	w := newFlowWard(t)
	add(w, study, topic{"even", []int{2}}, "even")
	w.until("even", pawl.Succeeded)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	list := write("variants.json", `[{"model": "c", "max_tokens": 10}, {"system": "Be brief."}]`)
	prompt := write("prompt.txt", "Tell me\nin two lines.\n")
	got := decoded[forks](w, "fork "+w.id("even")+" --from summarize/ask#1 --set temperature=0.2 --set prompt=@"+prompt+" --variant model=a --variant model=b --variants "+list)
	var models []string
	for _, f := range got.Runs {
		models = append(models, string(f.Variant["model"]))
		if string(f.Variant["temperature"]) != "0.2" || string(f.Variant["prompt"]) != `"Tell me\nin two lines.\n"` {
			t.Errorf("variant = %v; want what all have in common", f.Variant)
		}
	}
	if strings.Join(models, " ") != `"a" "b" "c" ` || string(got.Runs[2].Variant["max_tokens"]) != "10" || string(got.Runs[3].Variant["system"]) != `"Be brief."` {
		t.Errorf("variants = %v; want those of the flags, then those of the file", models)
	}
	for _, f := range got.Runs {
		w.tasks["fork"] = f.Run
		w.until("fork", pawl.Succeeded)
	}
	if got := decoded[forks](w, "fork "+w.id("even")); len(got.Runs) != 1 || len(got.Runs[0].Variant) != 0 {
		t.Errorf("fork without a change = %+v; want one run", got.Runs)
	}
}

func TestForkSaysWhatItCannot(t *testing.T) {
	w := newFlowWard(t)
	add(w, study, topic{"even", []int{2}}, "even")
	w.until("even", pawl.Succeeded)
	id := w.id("even")
	empty := filepath.Join(t.TempDir(), "empty.json")
	if err := os.WriteFile(empty, []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		says []string
	}{
		{"fork " + id + " --set model", exitUsage, []string{`--set is "model"`, "NAME=VALUE"}},
		{"fork " + id + " --variant =x", exitUsage, []string{`--variant is "=x"`}},
		{"fork " + id + " --set prompt=@none.txt", exitUsage, []string{"prompt", "no such file"}},
		{"fork " + id + " --set input=some", exitUsage, []string{"input=some is not JSON"}},
		{"fork " + id + " --set input.title=x", exitUsage, []string{`no member "title"`, "name, parts"}},
		{"fork " + id + " --set input.name.x=x", exitUsage, []string{`no member "x"`}},
		{"fork " + id + " --from nothing --set input.name=x", exitUsage, []string{`no task "nothing"`}},
		{"fork " + id + " --from nothing", exitFailed, []string{`no task "nothing"`, "outline"}},
		{"fork " + id + " --from summarize/9", exitFailed, []string{`no step "9"`}},
		{"fork " + id + " --variants none.json", exitUsage, []string{"--variants", "no such file"}},
		{"fork " + id + " --variants " + empty, exitUsage, []string{"the list is empty"}},
		{"fork " + pawl.NewID().String(), exitFailed, []string{"there is no task"}},
	} {
		w.refused(c.args, c.code, c.says...)
	}
	if runs := decoded[runList](w, "runs").Runs; len(runs) != 1 {
		t.Errorf("%d runs; want the one: nothing was forked", len(runs))
	}
}

// What stands for a value on the command line becomes the JSON that is meant.
func TestValuesOfAlterations(t *testing.T) {
	tree := &pawl.Tree{Line: &pawl.TreeLine{Tasks: []*pawl.TreeTask{{Task: &pawl.TaskRow{Operation: "o", Input: json.RawMessage(`{"t":"x","n":1,"in":{"<a>":[1]}}`)}}}}}
	for given, want := range map[string]string{
		"prompt=12":          `{"prompt":"12"}`,
		"temperature=0.2":    `{"temperature":0.2}`,
		"stop=a b":           `{"stop":"a b"}`,
		`stop=["a", "b"]`:    `{"stop":["a","b"]}`,
		"prompt=@@me":        `{"prompt":"@me"}`,
		"input=[1, 2]":       `{"input":[1,2]}`,
		"input.t=12":         `{"input":{"in":{"<a>":[1]},"n":1,"t":"12"}}`,
		"input.n=12":         `{"input":{"in":{"<a>":[1]},"n":12,"t":"x"}}`,
		"input.n=many":       `{"input":{"in":{"<a>":[1]},"n":"many","t":"x"}}`,
		"input.in.<a>=[2,3]": `{"input":{"in":{"<a>":[2,3]},"n":1,"t":"x"}}`,
	} {
		all, err := alterationsOf("--set", []string{given})
		if err != nil {
			t.Fatal(err)
		}
		v, err := all.variant(tree, "o")
		if got := string(encode(v)); err != nil || got != want {
			t.Errorf("%s = %s, %v; want %s", given, got, err, want)
		}
	}
}
