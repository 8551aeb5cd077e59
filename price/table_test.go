package price_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

const small = `{
	"date": "2026-01-15", "currency": "EUR",
	"models": {
		"chat": {"input": 3, "output": 15, "cache_read": 0.30, "cache_write": 3.75},
		"embed": {"input": 0.02, "output": 0}
	}
}`

func TestParse(t *testing.T) {
	got, err := price.Parse([]byte(small))
	want := &price.Table{Date: "2026-01-15", Currency: "EUR", Models: map[string]price.Rates{
		"chat":  sonnet,
		"embed": {Input: dollar / 50, CacheRead: dollar / 50, CacheWrite: dollar / 50}, // what is left out is as input
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("Parse = %+v, %v; want %+v", got, err, want)
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := price.Parse(b); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("Parse of %s = %+v, %v; want %+v", b, again, err, want)
	}
}

// A table within another value, such as a program's configuration, is read just
// as strictly.
func TestParseWithin(t *testing.T) {
	var config struct {
		Prices *price.Table
		Own    map[string]price.Rates
	}
	if err := json.Unmarshal([]byte(`{"Prices":`+small+`,"Own":{"m":{"input":1,"output":2}}}`), &config); err != nil {
		t.Fatal(err)
	}
	if own := config.Own["m"]; config.Prices.Models["chat"] != sonnet || own.CacheRead != dollar || own.CacheWrite != dollar {
		t.Errorf("Unmarshal = %+v; want the table, and rates of a cache that are those of input", config)
	}
	for body, want := range map[string]string{
		`{"Prices":{"date":"2026-01-15","currency":"EUR","models":{}}}`: "models has none",
		`{"Own":{"m":{"input":1}}}`:                                     "rates.output is missing",
		`{"Own":{"m":{"input":-1,"output":1}}}`:                         "rates.input is -1.00; want 0 or more",
	} {
		if err := json.Unmarshal([]byte(body), &config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Unmarshal of %s = %v; want an error with %q", body, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const head = `{"date":"2026-01-15","currency":"USD","models":`
	tests := []struct{ body, want string }{
		{``, "line 1 is not JSON"},
		{"{\n\"date\": ,\n}", "line 2 is not JSON"},
		{small + "{}", "line 7 is not JSON"},
		{`null`, "table is"}, {`7`, `table is "7"; want an object`}, {`[]`, "want an object"},
		{`1E700`, `table is "1E700"; want an object`},
		{`{}`, `date is ""; want a day such as "2026-01-15"`},
		{`{"date":"2026-01-15","currency":"USD"}`, "models has none"},
		{head + `{}}`, "models has none; want at least one"},
		{head + `null}`, `models is "null"; want an object`},
		{`{"currency":"USD","models":{"m":{"input":1,"output":1}}}`, `date is ""`},
		{`{"date":"2026-01-15","models":{"m":{"input":1,"output":1}}}`, `currency is ""; want three capital letters such as "USD"`},
		{`{"date":"2026-01-15","currency":"euro","models":{"m":{"input":1,"output":1}}}`, `currency is "euro"`},
		{`{"date":"2026-01-15","currency":" USD","models":{"m":{"input":1,"output":1}}}`, `currency is " USD"`},
		{`{"date":"2026-02-30","currency":"USD","models":{"m":{"input":1,"output":1}}}`, `date is "2026-02-30"`},
		{`{"date":"15.01.2026","currency":"USD","models":{"m":{"input":1,"output":1}}}`, "want a day"},
		{`{"date":20260115,"currency":"USD","models":{}}`, `date is "20260115"; want text`},
		{`{"date":"2026-01-15","currency":null,"models":{}}`, `currency is "null"; want text`},
		{`{"Date":"2026-01-15"}`, `"Date" is unknown; want date, currency and models`},
		{`{"date":"2026-01-15","date":"2026-01-16"}`, `table has "date" twice`},
		{head + `{"m":{"input":1,"output":1},"m":{"input":2,"output":2}}}`, `models has "m" twice`},
		{head + `{"m":{"input":1,"input":2,"output":1}}}`, `models["m"] has "input" twice`},
		{head + `{"":{"input":1,"output":1}}}`, `models has one named ""; want a name`},
		{head + `{"m ":{"input":1,"output":1}}}`, `models has one named "m "`},
		{head + `{"m":3}}`, `models["m"] is "3"; want an object`},
		{head + `{"m":null}}`, `models["m"] is "null"; want an object`},
		{head + `{"m":{"output":1}}}`, `models["m"].input is missing`},
		{head + `{"m":{"input":1}}}`, `models["m"].output is missing; want the price of a million tokens, 0 if there is none`},
		{head + `{"m":{"input":1,"output":1,"cached":1}}}`, `models["m"].cached is unknown; want input, output, cache_read and cache_write`},
		{head + `{"m":{"input":1,"output":1,"cache_read":-0.1}}}`, `models["m"].cache_read is -0.10; want 0 or more`},
		{head + `{"m":{"input":1e-6,"output":1}}}`, `models["m"].input: "1e-6" is no amount of money`},
		{head + `{"m":{"input":"1","output":1}}}`, `models["m"].input: "\"1\"" is no amount of money`},
		{head + `{"m":{"input":1,"output":null}}}`, `models["m"].output: "null" is no amount of money`},
		{head + `{"m":{"input":1,"output":99999999999}}}`, `models["m"].output: "99999999999" is too much money`},
	}
	for _, test := range tests {
		got, err := price.Parse([]byte(test.body))
		if got != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "price: ") {
			t.Errorf("Parse(%s) = %v, %v; want an error with %q", test.body, got, err, test.want)
		}
	}
}

func TestValidate(t *testing.T) {
	table := price.Table{Date: "2026-01-15", Currency: "USD", Models: map[string]price.Rates{"a": sonnet, "b": {}}}
	if err := table.Validate(); err != nil {
		t.Errorf("Validate = %v; want nil", err)
	}
	table.Models["b"] = price.Rates{CacheWrite: -1}
	const want = `price: models["b"].cache_write is -0.000000001; want 0 or more`
	if err := table.Validate(); err == nil || err.Error() != want {
		t.Errorf("Validate = %v; want %s", err, want)
	}
	if err := (&price.Table{}).Validate(); err == nil {
		t.Error("Validate of the zero Table = nil; want an error")
	}
}

func TestFind(t *testing.T) {
	rate := func(n price.Money) price.Rates { return price.Rates{Input: n} }
	table := &price.Table{Models: map[string]price.Rates{
		"": rate(99), "gpt-5": rate(1), "claude-sonnet-4-5": rate(2), "gpt-4o": rate(3), "gpt-4o-2024-05-13": rate(4),
		"claude-3-5-sonnet": rate(5), "chatgpt-4o-latest": rate(6), "openai/own": rate(7), "claude-opus-4-6": rate(8), "claude-3-haiku": rate(9),
	}}
	for model, want := range map[string]price.Money{
		"gpt-5": 1, "openai/gpt-5": 1, "gpt-5-2025-08-07": 1, "openai/gpt-5-2025-08-07": 1, "gpt-5-latest": 1, "gpt-5@latest": 1,
		"claude-sonnet-4-5": 2, "claude-sonnet-4-5-20250929": 2, "claude-sonnet-4-5@20250929": 2, "anthropic/claude-sonnet-4-5": 2,
		"us.anthropic.claude-sonnet-4-5-20250929-v1:0": 2, "anthropic.claude-sonnet-4-5-20250929-v1:0": 2, "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0": 2,
		"bedrock/global.anthropic.claude-sonnet-4-5-20250929-v1:0": 2, "vertex_ai/claude-sonnet-4-5@20250929": 2,
		"global.anthropic.claude-opus-4-6-v1": 8, "anthropic.claude-opus-4-6": 8, "claude-opus-4-6@default": 8, "anthropic.claude-3-haiku-20240307-v1:0": 9,
		"gpt-4o": 3, "gpt-4o-2024-05-13": 4, "openai/gpt-4o-2024-05-13": 4, "gpt-4o-2024-11-20": 3,
		"claude-3-5-sonnet-latest": 5, "claude-3-5-sonnet-20241022": 5, "chatgpt-4o-latest": 6, "openai/chatgpt-4o-latest": 6,
		"openai/own": 7, "openai/own-2026-01-15": 7,
	} {
		if got, ok := table.Find(model); !ok || got.Input != want {
			t.Errorf("Find(%q) = %v, %v; want the rates numbered %d", model, got, ok, int64(want))
		}
	}
	for _, model := range []string{
		"", "gpt", "gpt-5-mini", "gpt-5-mini-2025-08-07", "gpt-5-chat-latest", "gpt-5.1", "gpt-5-pro", "GPT-5", "gpt-5 ", "gpt-5-2025", "gpt-5-20258", "gpt-5-2025-13-07",
		"gpt-5-99999999", "gpt-5-00010101", "gpt-5-2025-08-07-latest", "gpt-5-latest-latest", "gpt-5-v1:0", "gpt-5:free", "gpt-5@",
		"ft:gpt-5-2025-08-07:org::id", "someone/gpt-5", "openai/openai/gpt-5", "azure/gpt-5", "openai.gpt-5", "xanthropic.gpt-5", "us.meta.gpt-5-v1:0", "us.anthropic.gpt-5-mini-v1:0",
		"anthropic/", "openai/", "anthropic.", "-latest", "-20250929", "anthropic/-latest", "own", "chatgpt-4o", "claude-sonnet-4", "claude-sonnet-4-20250514", "claude-opus-4", "claude-3-5-haiku",
	} {
		if got, ok := table.Find(model); ok || got != (price.Rates{}) {
			t.Errorf("Find(%q) = the rates numbered %d; want none", model, int64(got.Input))
		}
	}
	if got, ok := (*price.Table)(nil).Find("gpt-5"); ok {
		t.Errorf("Find in no table = %v; want none", got)
	}
}

func TestBuiltin(t *testing.T) {
	table := price.Builtin()
	if err := table.Validate(); err != nil || table.Currency != "USD" || len(table.Models) < 30 {
		t.Fatalf("Builtin has %d models in %s, Validate = %v; want at least 30 in USD", len(table.Models), table.Currency, err)
	}
	for name, r := range table.Models {
		embeds := strings.HasPrefix(name, "text-embedding-")
		if r.Input <= 0 || embeds != (r.Output == 0) || r.CacheRead <= 0 || r.CacheRead > r.Input || r.CacheWrite < r.Input || r.CacheWrite > 2*r.Input {
			t.Errorf("%s: %+v; want reading a cache to cost no more than input, writing it up to twice that, and output only of what chats", name, r)
		}
		if !embeds && r.Output < r.Input {
			t.Errorf("%s: %+v; want output to cost no less than input", name, r)
		}
		// What Anthropic asks for writing a cache follows from its price of input, up
		// to its rounding.
		if strings.HasPrefix(name, "claude-") && name != "claude-3-haiku" && r.CacheWrite*4 != r.Input*5 {
			t.Errorf("%s: %+v; want writing a cache to cost 5/4 of input", name, r)
		}
		if found, ok := table.Find(name); !ok || found != r {
			t.Errorf("Find(%s) = %+v, %v; want %+v", name, found, ok, r)
		}
	}
	for name, want := range map[string]string{"claude-sonnet-4-5-20250929": "0.018", "gpt-5-2025-08-07": "0.01125", "text-embedding-3-small": "0.00002"} {
		r, ok := table.Find(name)
		if got := r.Cost(llm.Usage{Input: 1000, Output: 1000}).String(); !ok || got != want {
			t.Errorf("a thousand tokens in and out of %s cost %s; want %s", name, got, want)
		}
	}
}

func TestBuiltinIsACopy(t *testing.T) {
	table := price.Builtin()
	clear(table.Models)
	table.Date = "spoilt"
	if again := price.Builtin(); len(again.Models) == 0 || again.Date == "spoilt" {
		t.Errorf("Builtin = %+v; want what it was before another one was changed", again)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{small, `{"date":"2026-01-15","currency":"USD","models":{"m":{"input":1,"output":0,"cache_write":null}}}`, `{"models":{"":{}}}`, `[]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := price.Parse(b)
		if err != nil {
			if table != nil || !strings.HasPrefix(err.Error(), "price: ") {
				t.Errorf("Parse = %v, %v; want no table and an error of this package", table, err)
			}
			return
		}
		if err := table.Validate(); err != nil {
			t.Errorf("Parse = %+v, which is not valid: %v", table, err)
		}
		again, err := json.Marshal(table)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := price.Parse(again); err != nil || !reflect.DeepEqual(back, table) {
			t.Errorf("Parse of %s = %+v, %v; want %+v", again, back, err, table)
		}
		for name, rates := range table.Models {
			if got, ok := table.Find(name); !ok || got != rates {
				t.Errorf("Find(%q) = %+v, %v; want %+v", name, got, ok, rates)
			}
		}
	})
}
