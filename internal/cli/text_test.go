package cli

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, nil},
		{"  \n\n \t", 10, nil},
		{"one two three", 7, []string{"one two", "three"}},
		{"one\ntwo", 20, []string{"one two"}},
		{"one\n\n\n\ntwo", 20, []string{"one", "", "two"}},
		{"one\r\n\r\ntwo", 20, []string{"one", "", "two"}},
		{"abcdefgh ij", 3, []string{"abc", "def", "gh", "ij"}},
		{"日本語の文章", 5, []string{"日本", "語の", "文章"}},
		{"日本", 1, []string{"日", "本"}}, // wider than a line, and there all the same
		{"red \x1b[31m\u202eline", 40, []string{"red [31m line"}},
	} {
		if got := wrap(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("wrap(%q, %d) = %q; want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"word", 4, "word"}, {"words", 4, "wor…"}, {"words", 1, "…"}, {"words", 0, ""}, {"words", -1, ""},
		{"日本語", 5, "日本…"}, {"e\u0301e\u0301e", 2, "e\u0301…"}, {"", 0, ""},
	} {
		if got := clip(c.text, c.width); got != c.want {
			t.Errorf("clip(%q, %d) = %q; want %q", c.text, c.width, got, c.want)
		}
	}
}

// Two budgets of one user differ by their periods, and names by their ends.
func TestBudgetsAreCutInTheMiddleOfTheirNames(t *testing.T) {
	for _, c := range []struct {
		title string
		width int
		want  string
	}{
		{"user/ann per day", 33, "user/ann per day"},
		{"user/christine.of.the.second.floor@organisation.example per day", 33, "user/christi…tion.example per day"},
		{"user/christine.of.the.second.floor@organisation.example per month", 33, "user/christ…ion.example per month"},
		{"  christine.of.the.second.floor@organisation.example", 20, "  christin…n.example"},
		{"user/日本語の長い名前の人 per day", 20, "user/…前の人 per day"},
	} {
		if got := clipBudget(c.title, c.width); got != c.want || columns(got) > c.width {
			t.Errorf("clipBudget(%q, %d) = %q of %d columns; want %q", c.title, c.width, got, columns(got), c.want)
		}
	}
}

// A command that is to be typed is never cut.
func TestNotesThatAreToldWhole(t *testing.T) {
	tab := &table{columns: []column{{title: "TASK"}}}
	tab.add("", "ask")
	tab.note("  a note that is cut where there is no more room for it")
	tab.tell("  → pawl budgets raise 'user/* per day' --calls N has it go on")
	got := onTerminal(plainWidth, func(t *terminal) { tab.print(t.out, 40, t.palette) })
	want := "TASK\nask\n    a note that is cut where there is n…\n    → pawl budgets raise 'user/* per\n    day' --calls N has it go on\n"
	if got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{thousands(0), "0"}, {thousands(999), "999"}, {thousands(1000), "1,000"}, {thousands(-1234567), "-1,234,567"}, {thousands(-100), "-100"},
		{plural(1, "call"), "1 call"}, {plural(0, "retry"), "0 retries"}, {plural(1200, "call"), "1,200 calls"},
		{seconds(1250 * time.Millisecond), "1.2 s"}, {decimals(0.04), "0.0"}, {decimals(8.33), "8.3"}, {decimals(6666.7), "6,666"},
	} {
		if c.got != c.want {
			t.Errorf("got %q; want %q", c.got, c.want)
		}
	}
}

func TestSplit(t *testing.T) {
	texts := []string{
		"", " \n\n ", "short",
		strings.Repeat("A paragraph of some words.\n\n", 50),
		strings.Repeat("A line of some words\n", 50),
		strings.Repeat("A sentence of words. ", 50),
		strings.Repeat("word ", 300),
		strings.Repeat("x", 1000),
		strings.Repeat("日本語", 300),
		"Title\r\n\r\n" + strings.Repeat("Words from Windows.\r\n", 40),
	}
	for _, text := range texts {
		for _, size := range []int{1, 2, 30, 100, 5000} {
			checkSplit(t, text, size)
		}
	}
}

func checkSplit(t *testing.T, text string, size int) {
	t.Helper()
	parts := split(text, size)
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
	if got := squeeze(strings.Join(parts, "")); got != squeeze(text) {
		t.Errorf("split(%.20q…, %d): the parts together are not the text", text, size)
	}
	for _, p := range parts {
		if p == "" || len(p) > max(size, 3) { // a character may be larger
			t.Errorf("split(%.20q…, %d): a part has %d bytes", text, size, len(p))
		}
	}
}

func TestSplitBetweenParagraphs(t *testing.T) {
	got := split("One. Two.\n\nThree. Four.\n\nFive.", 25)
	want := []string{"One. Two.\n\nThree. Four.", "Five."}
	if !slices.Equal(got, want) {
		t.Errorf("split = %q; want %q", got, want)
	}
}

func TestAsText(t *testing.T) {
	for _, c := range []struct{ in, want, problem string }{
		{"text", "text", ""},
		{"\ufefftext", "text", ""},
		{"", "", "is empty"},
		{" \n\t", "", "is empty"},
		{"a\x00b", "", "zero byte at 1"},
		{"abc\xff", "", "byte at 3"},
	} {
		got, err := asText("file", []byte(c.in))
		if got != c.want || (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("asText(%q) = %q, %v; want %q and an error with %q", c.in, got, err, c.want, c.problem)
		}
	}
}

func TestParsePoints(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"1. One\n2) Two\n- Three\n* Four\n• Five", []string{"One", "Two", "Three", "Four", "Five"}},
		{"Here are the points:\n\n1. One\n\n2. Two\n\nAsk me for more.", []string{"One", "Two"}},
		{"One.\nTwo.", []string{"One.", "Two."}},
		{"1.5 litres are enough", []string{"1.5 litres are enough"}},
	} {
		if got, err := parsePoints(c.text); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("parsePoints(%q) = %q, %v; want %q", c.text, got, err, c.want)
		}
	}
	if got, err := parsePoints(" \n"); err == nil {
		t.Errorf("parsePoints of nothing = %q, nil; want an error", got)
	}
}

func TestDecimal(t *testing.T) {
	for x, want := range map[float64]string{0.1: "0.1", 1.3: "1.3", 60: "60", 1000: "1,000", 0.00001: "0.00001"} {
		if got := decimal(x); got != want {
			t.Errorf("decimal(%v) = %q; want %q", x, got, want)
		}
	}
}
