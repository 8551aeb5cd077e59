package archtest

import "strings"

// An importRule says what a package's own files may import from this project.
// Test files may import any package of it, unless Tests is set.
//
// Packages are named by their path below the module, "." for the root. A
// pattern is such a path, a path ending in "/..." for the package and all below
// it, or "..." for all. The longest pattern that matches a package is its rule.
type importRule struct {
	Package string
	May     []string
	Tests   bool // the rule holds for test files too
	Why     string
}

// importRules go from the top of the layout to its bottom. Imports point one way.
var importRules = []importRule{
	{Package: "cmd/...", May: []string{"internal/cli"},
		Why: "a main package only starts the command line, which is what tests can reach"},
	{Package: "internal/cli/...", May: append([]string{"internal/cli/...", ".", "limit", "llm/...", "price", "llmsim/...", "stores", "internal/measure", "internal/saturation"}, faces...),
		Why: "the command line puts the parts together; it reaches the durable stores through stores.Open"},

	{Package: "httpapi/...", May: []string{"httpapi/...", ".", "limit", "llm/...", "price"},
		Why: "a face shows what pawl does, on any store"},
	{Package: "gateway/...", May: []string{"gateway/...", ".", "limit", "llm/...", "price"},
		Why: "a face shows what pawl does, on any store"},
	{Package: "dashboard/...", May: []string{"dashboard/...", ".", "limit", "llm/...", "price"},
		Why: "a face shows what pawl does, on any store"},

	{Package: "stores", May: []string{".", "inmem", "sqlite", "postgres", "redis"},
		Why: "the one package that imports all four stores, so that a program pays only for the one it uses"},
	{Package: "inmem/...", May: []string{"inmem/...", ".", "limit", "llm", "internal/turns", "internal/admission", "internal/budget", "internal/ledger"},
		Why: "a store stands alone: it knows pawl and no other store"},
	{Package: "sqlite/...", May: []string{"sqlite/...", ".", "limit", "llm", "price", "internal/durable", "internal/ledger", "internal/sqlkit"},
		Why: "a store stands alone: it knows pawl and no other store"},
	{Package: "postgres/...", May: []string{"postgres/...", ".", "limit", "llm", "price", "internal/durable", "internal/ledger", "internal/sqlkit"},
		Why: "a store stands alone: it knows pawl and no other store"},
	{Package: "redis/...", May: []string{"redis/...", ".", "limit", "llm", "price", "internal/durable", "internal/ledger"},
		Why: "a store stands alone: it knows pawl and no other store"},
	{Package: "internal/turns", May: nil,
		Why: "whose turn it is, is arithmetic over tokens, the same for every store"},
	{Package: "internal/admission", May: []string{".", "limit"},
		Why: "decides over several limits; keeps nothing"},
	{Package: "internal/budget", May: []string{".", "limit", "llm", "price", "internal/wire"},
		Why: "decides over budgets; keeps nothing"},
	{Package: "internal/ledger", May: []string{".", "llm", "price", "internal/wire"},
		Why: "sums the ledger; keeps nothing"},
	{Package: "internal/wire", May: nil,
		Why: "bytes know nothing of what they are of"},
	{Package: "internal/durable", May: []string{".", "limit", "llm", "price", "internal/turns", "internal/admission", "internal/budget", "internal/ledger", "internal/wire"},
		Why: "the decisions of the durable stores know no database"},
	{Package: "internal/durabletest", May: []string{"internal/durable", "internal/ledger"},
		Why: "holds databases to what the core expects of them; only tests may import it"},
	{Package: "internal/sqlkit", May: []string{".", "limit", "llm", "internal/durable"},
		Why: "what the SQL stores share belongs to neither"},
	{Package: "storetest/...", May: []string{"storetest/...", ".", "limit", "llm", "price", "inmem", "internal/ledger"},
		Why: "the contract knows no store but the reference that the others are compared with"},

	{Package: "llmsim/...", May: []string{"llmsim/...", "llm/..."}, Tests: true,
		Why: "the simulated provider judges pawl's limiter, so it must share nothing with it"},

	{Package: ".", May: []string{"limit", "llm", "price", "internal/similar"},
		Why: "the domain knows no store, no provider and no face"},

	{Package: "limit/...", May: []string{"limit/..."},
		Why: "the limiter is arithmetic over (now, state) and knows nothing of models"},
	{Package: "price", May: []string{"llm"},
		Why: "what tokens cost follows from their number; who used them is no matter"},
	{Package: "llm", May: nil,
		Why: "what the providers share knows none of them"},
	{Package: "llm/anthropic", May: []string{"llm"},
		Why: "a provider's client knows what all share, and no other provider"},
	{Package: "llm/openai", May: []string{"llm"},
		Why: "a provider's client knows what all share, and no other provider"},

	{Package: "examples/...", May: append([]string{"examples/...", ".", "limit", "llm/...", "price", "llmsim/...", "inmem", "sqlite", "postgres", "redis", "stores"}, faces...),
		Why: "an example uses what a user can import"},
	{Package: "internal/measure", May: []string{"."},
		Why: "what is measured is what a user of the public client gets, on any store"},
	{Package: "internal/similar", May: nil,
		Why: "whether two texts ask for the same thing is decided by the texts alone"},
	{Package: "internal/rivals", May: nil,
		Why: "what Pawl's limits are measured beside shares nothing with them"},
	{Package: "internal/chart", May: nil,
		Why: "a picture knows numbers and words, and not what they are of"},
	{Package: "internal/saturation", May: []string{".", "limit", "llm/...", "llmsim", "stores", "internal/rivals", "internal/chart"},
		Why: "a saturated account is watched from the provider's side; the store is only a URL"},
	{Package: "internal/bench/...", May: []string{"..."},
		Why: "benchmarks measure everything, and nothing imports them"},
	{Package: "internal/campaign/...", May: []string{"internal/campaign/...", ".", "limit", "llm/...", "price", "llmsim", "stores", "internal/services"},
		Why: "a campaign sees the whole from the outside, as its users and its provider do; the store is only a URL"},
	{Package: "internal/services/...", May: []string{"internal/services/..."},
		Why: "servers for tests, which know nothing of what is tested; only tests, campaigns and benchmarks may import it"},
	{Package: "internal/sdktest/...", May: []string{"..."},
		Why: "a module of its own that tests the whole from the outside"},
	{Package: "bench/...", May: []string{"bench/...", ".", "stores", "internal/measure", "internal/services"},
		Why: "a module of its own that measures the whole beside its peers"},
	{Package: "internal/archtest", May: nil,
		Why: "the checker knows the project from its files only"},
}

var faces = []string{"httpapi/...", "gateway/...", "dashboard/..."}

// A moduleRule says where a module of others may be imported.
type moduleRule struct {
	Path  string   // the module, as in go.mod
	In    []string // patterns of the packages whose own files may import it; their tests may too
	Tests bool     // every test file and storetest may import it
	Tool  bool     // it is run by go tool, and imported by nobody
	Why   string
}

// moduleRules is every module of others that the project uses directly. The
// rivals each was compared with stand in docs/decisions/0003-dependencies.md.
var moduleRules = []moduleRule{
	{Path: "github.com/google/uuid", In: []string{"."},
		Why: "ids: version 7 sorts by time, and the standard library has no UUID"},
	{Path: "github.com/gowebpki/jcs", In: []string{"."},
		Why: "canonical JSON (RFC 8785) for the identity of a task; number formatting is easy to get wrong"},
	{Path: "github.com/klauspost/compress", In: []string{"internal/durable"},
		Why: "zstd for large values: conversations shrink to a fifth"},
	{Path: "modernc.org/sqlite", In: []string{"sqlite/...", "bench/engines", "internal/bench/conversation"},
		Why: "SQLite in pure Go: a binary without a C compiler"},
	{Path: "github.com/jackc/pgx/v5", In: []string{"postgres/...", "internal/services/...", "bench/engines", "bench", "internal/bench/conversation"},
		Why: "PostgreSQL's own protocol: pipelined batches, COPY, LISTEN, which database/sql hides"},
	{Path: "github.com/redis/go-redis/v9", In: []string{"redis/...", "internal/services/...", "bench/engines", "bench", "internal/bench/conversation"},
		Why: "one client for a single Redis, TLS and Cluster, with pipelines and scripts"},
	{Path: "github.com/alecthomas/kong", In: []string{"internal/cli/..."},
		Why: "the command line as a struct, with help and checks made from it"},
	{Path: "github.com/goccy/go-yaml", In: []string{"internal/cli/..."},
		Why: "YAML with the place of each value, and numbers as they were written: a price must not go through a float"},
	{Path: "golang.org/x/term", In: []string{"internal/cli/..."},
		Why: "whether the output is a terminal, and how wide; system calls differ per platform"},
	{Path: "golang.org/x/time", In: []string{"llmsim/..."}, Tests: true,
		Why: "the simulated provider's judge, and that of tests: a limiter that is not ours"},
	{Path: "pgregory.net/rapid", Tests: true,
		Why: "random sequences of operations that shrink to a short failure"},
	{Path: "go.uber.org/goleak", Tests: true,
		Why: "a goroutine left behind by Run is found by the test that left it"},
	{Path: "github.com/google/go-cmp", Tests: true,
		Why: "a difference between two values is shown, not only stated"},
	{Path: "honnef.co/go/tools", Tool: true,
		Why: "staticcheck: finds what vet does not, with hardly a false alarm"},
	{Path: "github.com/anthropics/anthropic-sdk-go", In: []string{"internal/sdktest/..."},
		Why: "the provider's own client, to prove that code written with it works unchanged"},
	{Path: "github.com/openai/openai-go/v3", In: []string{"internal/sdktest/..."},
		Why: "the provider's own client, to prove that code written with it works unchanged"},
	{Path: "github.com/riverqueue/river", In: []string{"bench/engines"},
		Why: "a peer that Pawl is measured beside"},
	{Path: "github.com/hibiken/asynq", In: []string{"bench/engines"},
		Why: "a peer that Pawl is measured beside"},
	{Path: "maragu.dev/goqite", In: []string{"bench/engines"},
		Why: "a peer that Pawl is measured beside"},
	{Path: "github.com/mikestefanello/backlite", In: []string{"bench/engines"},
		Why: "a peer that Pawl is measured beside"},
}

// matches reports whether pattern covers pkg. Module paths are matched the same way.
func matches(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	base, below := strings.CutSuffix(pattern, "/...")
	return pkg == base || below && strings.HasPrefix(pkg, base+"/")
}

func matchesAny(patterns []string, pkg string) bool {
	for _, p := range patterns {
		if matches(p, pkg) {
			return true
		}
	}
	return false
}

// ruleFor returns the rule of a package, or nil if it has none.
func ruleFor(rules []importRule, pkg string) *importRule {
	var best *importRule
	for i, r := range rules {
		if matches(r.Package, pkg) && (best == nil || len(r.Package) > len(best.Package)) {
			best = &rules[i]
		}
	}
	return best
}

// moduleFor returns the row of the module that holds the imported package, or nil.
func moduleFor(rules []moduleRule, path string) *moduleRule {
	var best *moduleRule
	for i, r := range rules {
		if matches(r.Path+"/...", path) && (best == nil || len(r.Path) > len(best.Path)) {
			best = &rules[i]
		}
	}
	return best
}
