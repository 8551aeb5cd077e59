package cli

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// oneAnswer is what one answer of the purse used, and cost.
var (
	oneAnswer = llm.Usage{Input: 800, CacheRead: 200, Output: 100}
	oneCost   = price.Money(3_960_000)
)

// Each thing that a call can come to is in the ledger once, under whatever it is asked for.
func TestUsage(t *testing.T) {
	w := newPurse(t)
	w.spend()
	s := decoded[spending](w.ward, "usage --by user")
	one := pawl.Sum{Calls: 1, Usage: oneAnswer, Cost: oneCost}
	want := map[string]map[pawl.EntryKind]pawl.Sum{
		"ann": {pawl.EntryAnswered: one, pawl.EntryJoined: one, pawl.EntryReused: one, pawl.EntrySimilar: one},
		"bob": {pawl.EntryAnswered: one, pawl.EntryRetried: one},
		"cid": {pawl.EntryAnswered: {Calls: 1, Usage: oneAnswer}},
		"dan": {pawl.EntryAnswered: one},
		"eve": {pawl.EntryFailed: {Calls: 1}},
	}
	again := int64(0)
	for _, r := range s.Rows {
		if r.User == "dan" { // what is expected of a call is not known here
			if lost := r.Sums[pawl.EntryUnknown]; lost.Calls != 1 || lost.Cost == 0 || r.Again != 1 {
				t.Errorf("dan's lost call is %+v, sent again %d times; want one with a cost, sent again once", lost, r.Again)
			}
			delete(r.Sums, pawl.EntryUnknown)
		}
		for kind, sum := range want[r.User] {
			if r.Sums[kind] != sum {
				t.Errorf("%s of %s: %+v; want %+v", kind, r.User, r.Sums[kind], sum)
			}
		}
		if len(r.Sums) != len(want[r.User]) {
			t.Errorf("the row of %s is %+v; want %d kinds", r.User, r, len(want[r.User]))
		}
		again += r.Again
	}
	if len(s.Rows) != len(want) || again != 1 || len(s.Unpriced) != 1 || s.Unpriced[0] != "house" {
		t.Errorf("%d rows, %d calls sent again, without a price %q; want %d, 1 and house", len(s.Rows), again, s.Unpriced, len(want))
	}
	sum := pawl.Sum{}
	for _, r := range s.Total {
		sum = sum.Plus(r.Sums[pawl.EntryAnswered])
	}
	if sum.Calls != 4 || sum.Usage.Total() != 4400 || sum.Cost != 3*oneCost {
		t.Errorf("the total is %+v; want 4 calls, of which 3 have a price", sum)
	}
	got := flat(w.well("usage")) // a column is as wide as what stands in it
	for _, say := range []string{
		"MODEL ANSWERED FAILED UNKNOWN INPUT CACHE READ OUTPUT COST USD house 1 800 200 100 priced 3 1 1 2,400 600 300 0.0119 total 4 1 1 3,200 800 400 0.0119",
		"unknown no answer of 1 call was stored: possibly billed", "1 call made again after such a loss may have been paid twice",
		"no price house: 1 call with 1,100 tokens are in no cost",
		"retries and crashes, by stored answers 1 1,100 0.0040 USD", "joins of identical tasks under way 1 1,100 0.0040 USD",
		"results of identical tasks 1 1,100 0.0040 USD", "results of near-duplicates 1 1,100 0.0040 USD", "the provider's cache 0.0016 USD",
		"pawl usage --prices",
	} {
		if !strings.Contains(got, say) {
			t.Errorf("usage prints\n%s\nwant it to say %q", got, say)
		}
	}
}

// Filters and dimensions reach the ledger, and reports of all kinds agree.
func TestUsageSelects(t *testing.T) {
	w := newPurse(t)
	w.spend()
	for flags, want := range map[string]int64{
		"": 4, "--by hour": 4, "--by day,operation": 4, "--by queue --by limit": 4, "--by month": 4, "--by run": 4, "--by user --model house": 1,
		"--user ann": 1, "--model priced": 3, "--operation inquire": 4, "--operation other": 0, "--queue desk": 4, "--limit claude": 4,
		"--limit other": 0, "--since 1h": 4, "--until 48h": 0, "--since 2026-01-01": 4, "--until 2026-01-01": 0,
		"--run " + w.id("bob"): 1, "--since 2020-01-01T00:00:00Z --user bob": 1,
	} {
		got := int64(0)
		for _, r := range decoded[spending](w.ward, "usage "+flags).Rows {
			got += r.Sums[pawl.EntryAnswered].Calls
		}
		lines, err := csv.NewReader(strings.NewReader(w.well("usage -o csv " + flags))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		inCSV := int64(0)
		for at, name := range lines[0] {
			for _, line := range lines[1:] {
				if n, err := strconv.ParseInt(line[at], 10, 64); name == "answered" {
					if err != nil {
						t.Fatal(err)
					}
					inCSV += n
				}
			}
		}
		if got != want || inCSV != want {
			t.Errorf("usage %s: %d answered calls, in CSV %d; want %d", flags, got, inCSV, want)
		}
	}
	w.well("usage --until 2d", "There is nothing in the ledger of what was asked for")
	w.well("usage --by run --user eve", w.id("eve"), "FAILED")
	w.well("usage --by user --since 3h", "since 20", " UTC\n")
}

func TestUsageOfAnEmptyLedger(t *testing.T) {
	w := emptyWard(t)
	w.well("usage", "The ledger is empty", "t.Ask", "llm.Transport")
	if s := decoded[spending](w, "usage"); s.Rows == nil || s.Total == nil || s.Unpriced == nil || len(s.By) != 1 || s.By[0] != pawl.ByModel {
		t.Errorf("usage -o json = %+v; want empty lists, by model", s)
	}
	if out := w.well("usage -o csv --by user,day"); !strings.HasPrefix(out, "user,day,currency,answered,") || strings.Count(out, "\n") != 1 {
		t.Errorf("usage -o csv prints %q; want the header alone", out)
	}
}

func TestUsageRefuses(t *testing.T) {
	w := emptyWard(t)
	for flags, says := range map[string]string{
		"--by colour":                           `--by is "colour"; want one of hour, day, month, operation, queue, user, limit, model, run`,
		"--by hour,day":                         "--by has two of hour, day and month; want one",
		"--since later":                         `--since is "later"; want a time ago such as 24h or 7d`,
		"--until 12":                            `--until is "12"; want a time ago`,
		"--run 12":                              `--run is "12"; want the id of a task`,
		"--prices --by user":                    "--prices lists prices, and nothing of the ledger",
		"--prices --user ann":                   "--prices lists prices, and nothing of the ledger",
		"--run task_00000000000000000000000000": "not all of them 0",
		"-o xml":                                `must be one of "table","json","csv"`,
		"--since 1h --until 2h":                 "--until 2h is not after --since 1h",
	} {
		w.refused("usage "+flags, exitUsage, says)
	}
}

// priceFile writes a file with prices, and returns its path.
func priceFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const housePrices = `# what our contract says
date: 2026-05-04
currency: EUR
models:
  house:
    input: 0.10
    output: 0.300000001 # exact
  "other: one": {input: 3, output: 15, cache_read: 0.3}
`

// What stands in YAML is read as it would be in JSON, to the last digit.
func TestPricesFromAFile(t *testing.T) {
	yaml := priceFile(t, "prices.yaml", housePrices)
	json := priceFile(t, "prices.json", `{"date": "2026-05-04", "currency": "EUR", "models": {
		"house": {"input": 0.10, "output": 0.300000001}, "other: one": {"input": 3, "output": 15, "cache_read": 0.3}}}`)
	want := map[string]price.Rates{
		"house":      {Input: 100_000_000, Output: 300_000_001, CacheRead: 100_000_000, CacheWrite: 100_000_000},
		"other: one": {Input: 3e9, Output: 15e9, CacheRead: 300_000_000, CacheWrite: 3e9},
	}
	for _, path := range []string{yaml, json} {
		got, err := pricesFlag{path}.prices()
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Models) != 2 || got.Models["house"] != want["house"] || got.Models["other: one"] != want["other: one"] || got.Date != "2026-05-04" || got.Currency != "EUR" {
			t.Errorf("%s is %+v; want %+v", path, got.Table, want)
		}
	}
	w := emptyWard(t)
	if out := w.well("usage --prices", "built in, of 20", ", in USD, for a million tokens", "claude-haiku-4-5 ", "CACHE WRITE"); strings.Contains(out, "house") {
		t.Errorf("the prices that are built in are\n%s", out)
	}
	var out bytes.Buffer
	of := func(variable string) string { return map[string]string{pricesVariable: yaml}[variable] }
	if err := (&usageCommand{}).listPrices(&terminal{out: &out, env: of}); err != nil || !strings.Contains(out.String(), "prices.yaml, of 2026-05-04, in EUR") || !strings.Contains(out.String(), "0.300000001") {
		t.Errorf("listPrices: %v, prints\n%s\nwant those of the file", err, &out)
	}
	// What it prints for programs is a file that it reads.
	again := priceFile(t, "again.json", w.well("usage --prices -o json"))
	if got, err := (pricesFlag{again}).prices(); err != nil || len(got.Models) != len(price.Builtin().Models) {
		t.Errorf("the prices that are built in are read as %+v, %v", got.Table, err)
	}
	if lines := strings.Split(w.well("usage --prices -o csv"), "\r\n"); lines[0] != "model,input,output,cache_read,cache_write,currency,date" || len(lines) != len(price.Builtin().Models)+2 {
		t.Errorf("usage --prices -o csv prints %d lines, the first %q", len(lines), lines[0])
	}
}

func TestPricesSayWhatIsWrong(t *testing.T) {
	w := emptyWard(t)
	for text, says := range map[string]string{
		"":                               "want one, with date, currency and models",
		"date: 2026-05-04\n":             "currency is \"\"; want three capital letters",
		"date: 2026-05-04\ndate: x\n":    "line 2: ",
		"models: [1\n":                   "line 1: ",
		"- a\n":                          "line 1: sequence is not of a table of prices",
		"a: &x 1\nb: *x\n":               "line 1: anchor is not of a table of prices",
		"date: x\n---\ndate: y\n":        "it has 2 documents; want one",
		"models:\n  a:\n    input: 0x10": `line 3: "0x10" is no price; want digits such as 5 or 12.50`,
		"models:\n  a: {input: 1_000}":   `line 2: "1_000" is no price`,
		"models:\n  a: {input: .inf}":    "line 2: infinity is not of a table of prices",
		strings.Replace(housePrices, "0.10", "-1", 1):              `models["house"].input is -1.00; want 0 or more`,
		strings.Replace(housePrices, "input: 3", "inputs: 3", 1):   `models["other: one"].inputs is unknown; want input, output`,
		strings.Replace(housePrices, "0.300000001", "1e-7", 1):     `models["house"].output: "\"1e-7\"" is no amount of money`,
		strings.Replace(housePrices, "0.300000001", "cheap", 1):    `models["house"].output: "\"cheap\"" is no amount of money`,
		`{"date": "2026-05-04", "currency": "EUR", "models": {}`:   "line 1 is not JSON",
		`{"date": "2026-05-04", "currency": "EUR", "models": {} }`: "models has none",
	} {
		path := priceFile(t, "prices", text)
		w.refused("demo --prices "+path, exitUsage, "--prices, or PAWL_PRICES: "+path+": ", says)
		w.refused("worker --prices "+path, exitUsage, says)
	}
	w.refused("demo --workers 0 --prices "+filepath.Join(t.TempDir(), "none.yaml"), exitUsage, "none.yaml: no such file")
}
