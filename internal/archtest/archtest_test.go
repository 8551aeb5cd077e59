package archtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root is the module's root, seen from this package's folder.
const root = "../.."

func TestImports(t *testing.T) {
	report(t, checkImports(goMod(t).Module.Path, project(t), importRules, moduleRules))
}

func TestFiles(t *testing.T) {
	report(t, checkFiles(project(t)))
}

func TestTools(t *testing.T) {
	var tools []string
	for _, tool := range goMod(t).Tool {
		tools = append(tools, tool.Path)
	}
	report(t, checkTools(tools, moduleRules))
}

func TestEveryRuleHasAReason(t *testing.T) {
	for _, r := range importRules {
		if r.Why == "" {
			t.Errorf("the rule of %s has no reason", r.Package)
		}
	}
	for _, m := range moduleRules {
		if m.Why == "" {
			t.Errorf("the row of %s has no reason", m.Path)
		}
	}
}

// TestDependenciesAreDocumented holds the table and the decision record together.
func TestDependenciesAreDocumented(t *testing.T) {
	record, err := os.ReadFile(filepath.Join(root, "docs", "decisions", "0003-dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range moduleRules {
		if !strings.Contains(string(record), "`"+m.Path+"`") {
			t.Errorf("docs/decisions/0003-dependencies.md does not name %s", m.Path)
		}
	}
}

func report(t *testing.T, found []string) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}

func project(t *testing.T) []file {
	t.Helper()
	files, err := load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name == "internal/archtest/archtest_test.go" {
			return files
		}
	}
	t.Fatalf("load found %d files, and not this one", len(files))
	return nil
}

// modFile is the part of go.mod that the rules look at.
type modFile struct {
	Module struct{ Path string }
	Tool   []struct{ Path string }
}

func goMod(t *testing.T) modFile {
	t.Helper()
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go mod edit -json: %v", err)
	}
	var m modFile
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	return m
}
