package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// spent is a sum of a month: what three users used of two models with a price and one
// without, with all that a row can have.
func spent(by ...pawl.Dimension) *spending {
	day := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	key := func(user, model, currency string) pawl.UsageKey {
		return pawl.UsageKey{From: day, User: user, Model: model, Currency: currency, Operation: "summarise", Queue: "agents", Limit: "claude"}
	}
	rows := []pawl.UsageRow{
		{UsageKey: key("ann", "claude-sonnet-4-5", ""), Sums: map[pawl.EntryKind]pawl.Sum{
			pawl.EntryFailed: {Calls: 12}, pawl.EntryRefused: {Calls: 345},
		}},
		{UsageKey: key("ann", "claude-sonnet-4-5", "USD"), Again: 3, Waited: 811, CacheSaved: -1_234_500_000, Sums: map[pawl.EntryKind]pawl.Sum{
			pawl.EntryAnswered: {Calls: 12_345, Usage: llm.Usage{Input: 123_456_789, Output: 9_876_543, CacheRead: 45_678_901, CacheWrite: 1_234_567, Reasoning: 3_210_987}, Cost: 540_123_456_789},
			pawl.EntryUnknown:  {Calls: 4, Usage: llm.Usage{Input: 40_000, Output: 3_200}, Cost: 168_000_000},
			pawl.EntryRetried:  {Calls: 17, Usage: llm.Usage{Input: 170_000, Output: 6000}, Cost: 600_000_000},
			pawl.EntrySimilar:  {Calls: 5, Usage: llm.Usage{Input: 5000, Output: 500}, Cost: 22_500_000},
			pawl.EntryShadow:   {Calls: 9, Usage: llm.Usage{Input: 9000, Output: 900}, Cost: 40_500_000},
		}},
		{UsageKey: key("bob", "house-model", ""), Unpriced: pawl.Sum{Calls: 7, Usage: llm.Usage{Input: 700, Output: 70}}, Sums: map[pawl.EntryKind]pawl.Sum{
			pawl.EntryAnswered: {Calls: 7, Usage: llm.Usage{Input: 700, Output: 70}},
			pawl.EntryUnknown:  {Calls: 2, Usage: llm.Usage{Input: 200, Output: 20}},
		}},
		{UsageKey: key("", "gpt-5.4-mini-2026-01-01-preview", "USD"), CacheSaved: 1000, Sums: map[pawl.EntryKind]pawl.Sum{
			pawl.EntryAnswered: {Calls: 1, Usage: llm.Usage{Input: 12, Output: 3, CacheRead: 5}, Cost: 22_500},
			pawl.EntryJoined:   {Calls: 2, Usage: llm.Usage{Input: 24, Output: 6}, Cost: 45_000},
			pawl.EntryReused:   {Calls: 1, Usage: llm.Usage{Input: 12, Output: 3}, Cost: 22_500},
		}},
	}
	s := &spending{By: by, Unpriced: []string{"house-model"}, Since: day, Until: day.AddDate(0, 1, 0)}
	s.Rows = summed(rows, func(k pawl.UsageKey) pawl.UsageKey {
		out := pawl.UsageKey{Currency: k.Currency}
		for _, d := range by {
			switch d {
			case pawl.ByUser:
				out.User = k.User
			case pawl.ByModel:
				out.Model = k.Model
			case pawl.ByDay:
				out.From = k.From
			}
		}
		return out
	})
	s.Total = summed(rows, func(k pawl.UsageKey) pawl.UsageKey { return pawl.UsageKey{Currency: k.Currency} })
	return s
}

// onTerminal returns what is printed on a terminal of a width, without colours.
func onTerminal(width int, print func(*terminal)) string {
	var out bytes.Buffer
	print(&terminal{out: &out, live: true, size: func() (int, int) { return width, 24 }})
	return out.String()
}

// Where there is no room for a column its numbers stand in a line below the row, and
// none is lost.
func TestUsageAsATable(t *testing.T) {
	for _, width := range []int{plainWidth, mostWidth} {
		var all []string
		for _, by := range [][]pawl.Dimension{{pawl.ByUser}, {pawl.ByDay, pawl.ByUser, pawl.ByModel}} {
			got := onTerminal(width, spent(by...).print)
			all = append(all, got)
			for _, number := range []string{"12,345", "345", "123,456,789", "45,678,901", "1,234,567", "9,876,543", "3,210,987", "540.12"} {
				if !strings.Contains(got, number) {
					t.Errorf("by %v in %d columns there is no %s:\n%s", by, width, number, got)
				}
			}
		}
		goldenWithin(t, fmt.Sprintf("usage-%d", width), strings.Join(all, "----\n"), width)
	}
}

// Each currency has rows of its own, and a total.
func TestUsageInSeveralCurrencies(t *testing.T) {
	s := spent(pawl.ByModel)
	euro := s.Rows[len(s.Rows)-1]
	euro.Currency = "EUR"
	s.Rows = append(s.Rows, euro)
	s.Total = append(s.Total, euro)
	got := onTerminal(plainWidth, s.print)
	for _, say := range []string{"540.12  USD\n", "<0.0001  EUR\n", "<0.0001 EUR, <0.0001 USD\n"} {
		if !strings.Contains(got, say) {
			t.Errorf("usage prints\n%s\nwant it to say %q", got, say)
		}
	}
	if n := strings.Count(got, "\ntotal"); n != 3 { // and what has no price
		t.Errorf("usage prints %d totals; want 3:\n%s", n, got)
	}
}

// The rows stand in a line each, and the document is the same as if they did not.
func TestUsageAsJSON(t *testing.T) {
	s := spent(pawl.ByDay, pawl.ByUser, pawl.ByModel)
	s.Rows[0].User = "ann <\"rows\": null>\nfirst"
	none := *s
	none.Rows = []pawl.UsageRow{}
	for _, s := range []*spending{s, &none} {
		var out, plain bytes.Buffer
		if err := errors.Join(s.writeJSON(&out), printJSON(&plain, s)); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(out.String(), "\n")
		if n := len(slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "    {\"") })); n != len(s.Rows) {
			t.Errorf("%d lines begin as rows do; want %d", n, len(s.Rows))
		}
		var got, want bytes.Buffer
		if err := errors.Join(json.Compact(&got, out.Bytes()), json.Compact(&want, plain.Bytes())); err != nil {
			t.Fatalf("%v in\n%s", err, out.String())
		}
		if got.String() != want.String() {
			t.Errorf("usage prints\n%s\nwant\n%s", got.String(), want.String())
		}
	}
}

// Programs get each number as it is, whatever people get.
func TestUsageAsCSV(t *testing.T) {
	var out bytes.Buffer
	s := spent(pawl.ByDay, pawl.ByUser, pawl.ByModel)
	s.Rows[0].User = "ann, \"the\"\nfirst"
	if err := s.writeCSV(&out); err != nil {
		t.Fatal(err)
	}
	if lines, ends := strings.Count(out.String(), "\n"), strings.Count(out.String(), "\r\n"); lines != len(s.Rows)+2 || ends != lines-1 {
		t.Errorf("%d of %d lines end with CRLF; want all of a header and %d rows, and not the line break inside a name", ends, lines, len(s.Rows))
	}
	if name := "\"ann, \"\"the\"\"\nfirst\""; !strings.Contains(out.String(), name) {
		t.Errorf("it has not the name as it is, %q:\n%s", name, out.String())
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != len(s.Rows)+1 {
		t.Fatalf("ReadAll = %d rows, %v; want a header and %d", len(rows), err, len(s.Rows))
	}
	at := func(row int, name string) string { return rows[row][slices.Index(rows[0], name)] }
	for name, want := range map[string]string{
		"day": "2026-05-04T00:00:00Z", "user": "ann", "model": "claude-sonnet-4-5", "currency": "USD", "answered": "12345", "failed": "0",
		"again": "3", "waited": "811", "input": "123456789", "output": "9876543", "reasoning": "3210987", "cache_read": "45678901",
		"cache_write": "1234567", "cost": "540.123456789", "cache_saved": "-1.2345", "unknown": "4", "unknown_tokens": "43200",
		"unknown_cost": "0.168", "retried": "17", "retried_tokens": "176000", "retried_cost": "0.60", "similar": "5", "shadow": "9", "shadow_cost": "0.0405",
	} {
		if got := at(2, name); got != want {
			t.Errorf("%s is %q; want %q", name, got, want)
		}
	}
	for row, want := range map[int][3]string{1: {"ann, \"the\"\nfirst", "12", "345"}, 3: {"bob", "0", "0"}, 4: {"", "0", "0"}} {
		if got := [3]string{at(row, "user"), at(row, "failed"), at(row, "refused")}; got != want {
			t.Errorf("row %d is of %q; want %q", row, got, want)
		}
	}
	if at(3, "unpriced") != "7" || at(3, "unpriced_tokens") != "770" || at(3, "currency") != "" {
		t.Errorf("row 3 is %q; want 7 calls with 770 tokens without a price", rows[3])
	}
}

func TestMoney(t *testing.T) {
	for m, want := range map[price.Money]string{
		0: "0.0000", 1: "<0.0001", 49_999: "<0.0001", 50_000: "0.0001", 123_456_789: "0.1235", -1_234_500_000: "-1.2345", 5e9: "5.0000",
		99_999_960_000: "100.0000", 540_123_456_789: "540.12", 1_234_567_895_000_000: "1,234,567.90", -1: ">-0.0001",
		math.MaxInt64: "9,223,372,036.84", math.MinInt64: "-9,223,372,036.84",
	} {
		if got := money(m); got != want {
			t.Errorf("money(%s) = %s; want %s", m, got, want)
		}
	}
}

func TestWhenFlag(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 34, 56, 0, time.UTC)
	for value, want := range map[string]string{
		"24h": "2026-05-03T12:34:56Z", "7d": "2026-04-27T12:34:56Z", "90m": "2026-05-04T11:04:56Z", "0s": "2026-05-04T12:34:56Z",
		"2026-05-01": "2026-05-02T00:00:00Z", "2026-05-01T10:00:00+02:00": "2026-05-01T10:00:00+02:00", "": "0001-01-01T00:00:00Z",
	} {
		got, err := whenFlag("--until", value, now, 24*time.Hour)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("--until %s = %s, %v; want %s", value, got.Format(time.RFC3339), err, want)
		}
	}
	for _, value := range []string{"yesterday", "-1h", "-2d", "1.5d", "2026-13-01", "2026-05-01 10:00", "d", "99999999d"} {
		if got, err := whenFlag("--since", value, now, 0); err == nil || !strings.Contains(err.Error(), "want a time ago such as 24h or 7d, a date") {
			t.Errorf("--since %s = %v, %v; want what is allowed", value, got, err)
		}
	}
}

// A table says what of the time asked for is not known, which a sum does not show.
func TestUsageSaysHowLongItKnows(t *testing.T) {
	now := time.Date(2026, 11, 26, 15, 30, 0, 0, time.UTC)
	ago := func(days int) pawl.LedgerFilter { return pawl.LedgerFilter{Since: now.AddDate(0, 0, -days)} }
	ofRun := ago(40)
	ofRun.Run = pawl.NewID()
	const runs = "single runs are known for 30 days only, since 2026-10-27 15:00 UTC"
	for _, c := range []struct {
		filter pawl.LedgerFilter
		by     pawl.Dimension
		want   string
	}{
		{ago(40), pawl.ByRun, runs}, {ofRun, pawl.ByModel, runs}, {ago(30), pawl.ByRun, ""}, {ago(40), pawl.ByUser, ""}, {pawl.LedgerFilter{}, pawl.ByRun, ""},
		{ago(100), pawl.ByHour, "hours are known for 90 days only, since 2026-08-28 00:00 UTC; before that an hour stands for its day"}, {ago(80), pawl.ByHour, ""},
	} {
		if got := tooShort(c.filter, []pawl.Dimension{c.by}, now); got != c.want {
			t.Errorf("since %v by %s: %q; want %q", c.filter.Since, c.by, got, c.want)
		}
	}
	s := spent(pawl.ByUser)
	s.short = runs
	if got := onTerminal(plainWidth, s.print); !strings.Contains(flat(got), "known "+runs) {
		t.Errorf("the table does not say %q:\n%s", runs, got)
	}
	var out bytes.Buffer
	if err := errors.Join(s.writeJSON(&out), s.writeCSV(&out)); err != nil || strings.Contains(out.String(), "are known") {
		t.Errorf("JSON or CSV tells it to a program: %v\n%s", err, out.String())
	}
}
