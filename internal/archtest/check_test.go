package archtest

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const ours = "example.org/pawl"

// importing makes a project of one file, which imports one path. A path that
// starts with "./" is below the made-up module.
func importing(name, path string) []file {
	if rest, ok := strings.CutPrefix(path, "./"); ok {
		path = strings.TrimSuffix(ours+"/"+rest, "/")
	}
	dir := "."
	if i := strings.LastIndex(name, "/"); i >= 0 {
		dir = name[:i]
	}
	return []file{{Name: name, Package: dir, Test: strings.HasSuffix(name, "_test.go"), Imports: []string{path}}}
}

// Each of these breaks one rule of the real tables, which must be reported.
func TestForbiddenImports(t *testing.T) {
	for _, c := range []struct{ file, imports, want string }{
		{"cmd/pawl/main.go", "./", "only starts the command line"},
		{"cmd/pawl/main.go", "github.com/alecthomas/kong", "is only for internal/cli/..."},
		{"internal/cli/serve.go", "./sqlite", "through stores.Open"},
		{"internal/cli/serve.go", "./internal/bench/peers", "puts the parts together"},
		{"httpapi/server.go", "./sqlite", "on any store"},
		{"gateway/gateway.go", "./internal/cli", "on any store"},
		{"dashboard/page.go", "./httpapi", "on any store"},
		{"stores/open.go", "./internal/cli", "imports all four"},
		{"inmem/inmem.go", "./sqlite", "no other store"},
		{"inmem/inmem.go", "./storetest", "no other store"},
		{"sqlite/sqlite.go", "./inmem", "no other store"},
		{"sqlite/sqlite.go", "./stores", "no other store"},
		{"postgres/claim.go", "./sqlite", "no other store"},
		{"redis/redis.go", "./internal/sqlkit", "no other store"},
		{"internal/sqlkit/rows.go", "./sqlite", "belongs to neither"},
		{"storetest/run.go", "./sqlite", "but the reference"},
		{"llmsim/server.go", "./limit", "must share nothing"},
		{"llmsim/server.go", "./", "must share nothing"},
		{"llmsim/server_test.go", "./limit", "must share nothing"},
		{"llmsim/server_test.go", "./", "must share nothing"},
		{"client.go", "./inmem", "knows no store"},
		{"client.go", "./llm/anthropic", "no provider"},
		{"client.go", "./httpapi", "no face"},
		{"client.go", "./llmsim", "knows no store"},
		{"limit/bucket.go", "./llm", "knows nothing of models"},
		{"limit/bucket.go", "./", "arithmetic"},
		{"limit/bucket.go", "golang.org/x/time/rate", "is for tests only"},
		{"llm/llm.go", "./llm/openai", "knows none of them"},
		{"llm/llm.go", "./limit", "knows none of them"},
		{"llm/llm.go", "github.com/google/uuid", "is only for ."},
		{"llm/anthropic/client.go", "./llm/openai", "no other provider"},
		{"llm/anthropic/client.go", "./", "no other provider"},
		{"llm/openai/client.go", "./limit", "no other provider"},
		{"llm/openai/client.go", "github.com/openai/openai-go/v3/option", "is only for internal/sdktest/..."},
		{"llm/newcomer/client.go", "./llm", "has no rule"},
		{"examples/digest/main.go", "./internal/cli", "what a user can import"},
		{"internal/archtest/check.go", "./", "from its files only"},
		{"internal/helpers/helpers.go", "fmt", "has no rule"},
		{"client.go", "pgregory.net/rapid", "for tests only"},
		{"client.go", "go.uber.org/goleak", "for tests only"},
		{"internal/cli/diff.go", "github.com/google/go-cmp/cmp", "for tests only"},
		{"client.go", "honnef.co/go/tools/staticcheck", "is a tool"},
		{"client.go", "example.org/elsewhere", "not in the table"},
		{"client_test.go", "example.org/elsewhere", "not in the table"},
		{"client.go", "github.com/google/uuidish", "not in the table"},
		{"client.go", ours + "ish", "not in the table"},
	} {
		got := checkImports(ours, importing(c.file, c.imports), importRules, moduleRules)
		if len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s imports %s: reported %q; want one with %q", c.file, c.imports, got, c.want)
		}
	}
}

func TestAllowedImports(t *testing.T) {
	for _, c := range []struct{ file, imports string }{
		{"cmd/pawl/main.go", "./internal/cli"},
		{"internal/cli/demo.go", "./llmsim"},
		{"internal/cli/demo.go", "./stores"},
		{"internal/cli/demo.go", "golang.org/x/term"},
		{"stores/open.go", "./postgres"},
		{"sqlite/sqlite.go", "./"},
		{"sqlite/sqlite_test.go", "./storetest"},
		{"storetest/run.go", "pgregory.net/rapid"},
		{"storetest/run.go", "./inmem"},
		{"llmsim/server.go", "golang.org/x/time/rate"},
		{"llmsim/server_test.go", "./llm/openai"},
		{"client.go", "./limit"},
		{"client.go", "github.com/google/uuid"},
		{"client.go", "crypto/sha256"},
		{"client_test.go", "./inmem"},
		{"client_test.go", "./"},
		{"limit/limit_test.go", "pgregory.net/rapid"},
		{"llm/anthropic/client.go", "./llm"},
		{"internal/sdktest/loop_test.go", "github.com/anthropics/anthropic-sdk-go/option"},
	} {
		if got := checkImports(ours, importing(c.file, c.imports), importRules, moduleRules); got != nil {
			t.Errorf("%s imports %s: reported %q; want nothing", c.file, c.imports, got)
		}
	}
}

func TestUnknownTool(t *testing.T) {
	got := checkTools([]string{"honnef.co/go/tools/cmd/staticcheck", "github.com/google/uuid", "example.org/lint"}, moduleRules)
	if len(got) != 2 || !strings.Contains(got[0], "google/uuid") || !strings.Contains(got[1], "example.org/lint") {
		t.Errorf("checkTools = %q; want the last two", got)
	}
}

func TestForbiddenInFiles(t *testing.T) {
	const sleeps = "package p\nimport \"time\"\nfunc f() { time.Sleep(1) }\n"
	const skips = "package p\nimport \"testing\"\nfunc f(tb testing.TB) { tb.Skipf(\"\") }\nfunc TestX(x *testing.T) { x.SkipNow() }\n"
	const synced = "package p\nimport (\n\"testing/synctest\"\n\"time\"\n)\nvar _ = synctest.Wait\nfunc f() { time.Sleep(1) }\n"
	const draws = "package p\nimport \"pgregory.net/rapid\"\nfunc f(r *rapid.T) { r.SkipNow() }\n"
	long := "package p\n" + strings.Repeat("\n", maxLines)

	for _, c := range []struct {
		name, src string
		want      []string // the start of each report
	}{
		{"a_test.go", sleeps, []string{"a_test.go:3: time.Sleep"}},
		{"storetest/a.go", sleeps, []string{"storetest/a.go:3: time.Sleep"}},
		{"a.go", sleeps, nil},
		{"a_test.go", synced, nil},
		{"a_test.go", skips, []string{"a_test.go:3: a skipped test", "a_test.go:4: a skipped test"}},
		{"internal/sdktest/a_test.go", skips, []string{"internal/sdktest/a_test.go:3: ", "internal/sdktest/a_test.go:4: "}},
		{"a_test.go", draws, nil},
		{"a.go", long, []string{"a.go has 501 lines"}},
		{"a_test.go", long, []string{"a_test.go has 501 lines"}},
		{"a.go", "// Code generated by hand. DO NOT EDIT.\n\n" + long, nil},
		{"testdata/a.go", long, nil},
		{".hidden/a.go", long, nil},
	} {
		files, err := load(fstest.MapFS{c.name: {Data: []byte(c.src)}})
		if err != nil {
			t.Errorf("load %s: %v", c.name, err)
			continue
		}
		got := checkFiles(files)
		if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
			t.Errorf("%s: reported %q; want %q", c.name, got, c.want)
		}
	}
}

// A file that only another platform or a build tag compiles is read too.
func TestLoadIgnoresBuildTags(t *testing.T) {
	files, err := load(fstest.MapFS{
		"a_windows.go": {Data: []byte("package p\nimport \"os\"\n")},
		"b.go":         {Data: []byte("//go:build never\n\npackage p\nimport \"io\"\n")},
	})
	if err != nil || len(files) != 2 || files[0].Imports[0] != "os" || files[1].Imports[0] != "io" {
		t.Errorf("load = %+v, %v; want both files with their imports", files, err)
	}
}
