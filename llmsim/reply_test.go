package llmsim_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pawlhq/pawl/llmsim"
)

// reply answers a conversation that begins with the user.
func reply(turns ...string) string {
	c := &llmsim.Call{}
	for i, text := range turns {
		c.Messages = append(c.Messages, llmsim.Message{Role: []string{"user", "assistant"}[i%2], Text: text})
	}
	return llmsim.Reply(c)
}

func TestImportantPoints(t *testing.T) {
	got := reply("Extract the five most important points from this document.\n\n" + prose)
	items := strings.Split(got, "\n")
	if len(items) != 5 || !strings.HasPrefix(items[0], "1. ") || !strings.HasPrefix(items[4], "5. ") {
		t.Fatalf("the answer is\n%s\nwant five numbered points", got)
	}
	last := -1
	flat := strings.Join(strings.Fields(prose), " ")
	for _, item := range items {
		at := strings.Index(flat, item[3:])
		if at <= last {
			t.Errorf("%q is not in the text, or not in its order", item)
		}
		last = at
	}
	for _, filler := range []string{"gull", "tea strong", "Who would have guessed", "lost in a fire", "How Tides Work"} {
		if strings.Contains(got, filler) {
			t.Errorf("the points contain %q:\n%s", filler, got)
		}
	}
}

func TestNumberOfPoints(t *testing.T) {
	for instruction, want := range map[string]int{
		"What are the three most important points?":     3,
		"Analyze the text and give the top 2 findings.": 2,
		"Extract the key ideas.":                        5,
		"List one of the key points. Give 4 points.":    4,
	} {
		if got := strings.Count(reply(instruction+"\n\n"+prose), "\n") + 1; got != want {
			t.Errorf("%q: %d points; want %d", instruction, got, want)
		}
	}
	if got := reply("Extract three bullet points:\n\n" + prose); strings.Count(got, "- ") < 3 || got[0] != '-' {
		t.Errorf("asked for bullets, the answer is\n%s", got)
	}
	if got := reply(prose + "\n\nWhat are the two key points?"); strings.Count(got, "\n") != 1 {
		t.Errorf("with the question at the end, the answer is\n%s", got)
	}
	c := &llmsim.Call{System: "You extract the two key points of documents.", Messages: []llmsim.Message{{Role: "user", Text: prose}}}
	if got := llmsim.Reply(c); strings.Count(got, "\n") != 1 {
		t.Errorf("with the instruction in the system prompt, the answer is\n%s", got)
	}
}

func TestSentencesKeepAbbreviationsAndNumbers(t *testing.T) {
	text := `Dr. A. B. Lee paid $3.50 for Fig. 4 in the U.S. market, i.e. the main one, on Jan. 5. ` +
		`The market of Dr. Lee asked "Why is the market so main?" and closed! Was No. 7 of the market the main one? ` +
		`See line segment AB and point C. When the market opens, Lee (e.g. on Monday) buys the main market.`
	want := []string{
		"1. Dr. A. B. Lee paid $3.50 for Fig. 4 in the U.S. market, i.e. the main one, on Jan. 5.",
		`2. The market of Dr. Lee asked "Why is the market so main?" and closed!`,
		"3. Was No. 7 of the market the main one?",
		"4. See line segment AB and point C.",
		"5. When the market opens, Lee (e.g. on Monday) buys the main market.",
	}
	if got := reply("Extract nine points.\n\n" + text); got != strings.Join(want, "\n") {
		t.Errorf("the sentences are\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestSummaryOfPointsMadeBefore(t *testing.T) {
	question := "Extract the five most important points.\n\n" + prose
	said := reply(question)
	got := reply(question, said, "Summarize this in two paragraphs.")
	if strings.Count(got, "\n\n") != 1 {
		t.Errorf("the summary is\n%s\nwant two paragraphs", got)
	}
	if len(got) >= len(said) || strings.Contains(got, "(") {
		t.Errorf("the summary (%d bytes) is not shorter than the points (%d):\n%s", len(got), len(said), got)
	}
}

// A number of paragraphs is no number of points, even where points follow it.
func TestSummaryOfAllPoints(t *testing.T) {
	question := "Extract the five most important points.\n\n" + prose
	said := reply(question)
	want := reply(question, said, "Summarize this in two paragraphs.")
	if got := reply(question, said, "Now write a concise two-paragraph summary of those points."); got != want {
		t.Errorf("the summary is\n%s\nwant all points:\n%s", got, want)
	}
}

func TestShortening(t *testing.T) {
	points := "1. However, the pump (an old one) broke the main valve, which nobody had seen before.\n" +
		"2. The main valve broke by the pump.\n" +
		"3. the crew mended the pipes in a day; it was hard work"
	got := reply("Summarise these points:\n\n" + points)
	if want := "The pump broke the main valve. The crew mended the pipes in a day."; got != want {
		t.Errorf("the summary is %q; want %q", got, want)
	}
}

func TestSummaryOfText(t *testing.T) {
	got := reply("Please summarize the following text.\n\n" + prose)
	if n := strings.Count(got, ". ") + 1; n < 3 || n > 5 || strings.Contains(got, "gull") {
		t.Errorf("the summary is\n%s\nwant three to five sentences of the text", got)
	}
}

func TestQuestion(t *testing.T) {
	got := reply("How high are the tides in the Bay of Fundy?\n\n" + prose)
	if !strings.Contains(got, "Fundy") || strings.Contains(got, "Baltic are") != strings.Contains(got, "16 metres") {
		t.Errorf("the answer is %q; want the sentence on Fundy", got)
	}
}

func TestOddTexts(t *testing.T) {
	for _, text := range []string{
		"", " ", "\n\n", ".", "Extract", "Extract five points.\n\n", "Extract five points.\n\n...", "Summarize", "- \n- \n",
		strings.Repeat("word ", 5000), strings.Repeat("A. ", 5000), strings.Repeat("same words again. ", 3000), "要点を抽出。これは文です。これも文です。",
	} {
		for _, instruction := range []string{"", "Extract five points.\n\n", "Summarize in three paragraphs.\n\n"} {
			reply(instruction + text) // must not panic, nor take for ever
		}
	}
}

// A long book is answered as a page is; that it takes well under a second is for
// BenchmarkLongDocument to show.
func TestLongDocument(t *testing.T) {
	text := book(t)
	got := reply("Extract the five most important points.\n\n" + text)
	if strings.Count(got, "\n") != 4 {
		t.Errorf("the answer is\n%s\nwant five points", got)
	}
	t.Logf("%d bytes, %d tokens", len(text), llmsim.CountTokens(text))
}

// book returns Newton's Opticks, which comes with Go's sources; where it does not, the
// prose is repeated to its length.
func book(t testing.TB) string {
	//lint:ignore SA1019 a root that is gone since the build is a file that is not there
	name := filepath.Join(runtime.GOROOT(), "src", "testdata", "Isaac.Newton-Opticks.txt")
	if b, err := os.ReadFile(name); err == nil {
		return string(b)
	}
	var b strings.Builder
	for i := 0; b.Len() < 560_000; i++ {
		b.WriteString(strings.ReplaceAll(prose, "tide", "tide"+strings.Repeat("x", i%50)))
	}
	t.Logf("Newton's Opticks is not at %s; using our own prose", name)
	return b.String()
}

func BenchmarkLongDocument(b *testing.B) {
	text := "Extract the five most important points.\n\n" + book(b)
	for b.Loop() {
		reply(text)
	}
}
