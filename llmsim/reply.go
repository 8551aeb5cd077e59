package llmsim

import (
	"strconv"
	"strings"
	"unicode"
)

// Reply writes the simulator's own answer to a call; see the package comment.
// It depends on the call alone.
func Reply(c *Call) string {
	instruction, document := c.parts()
	t := readTask(instruction)
	switch t.kind {
	case points:
		return list(important(document, t.count), t.bullets)
	case summary:
		return c.summarise(t, document)
	}
	return echo(instruction, document)
}

// Document returns the text that the call is about: the longest message of the
// user, without the instruction that comes before or after it.
func (c *Call) Document() string {
	_, document := c.parts()
	return document
}

// longestInstruction is what a paragraph may have, in bytes, to be read as an
// instruction and not as part of the document.
const longestInstruction = 500

// parts tells the instruction from the document.
func (c *Call) parts() (instruction, document string) {
	longest, last := "", ""
	for _, m := range c.Messages {
		if m.Role != "user" {
			continue
		}
		last = strings.TrimSpace(m.Text)
		if len(last) > len(longest) {
			longest = last
		}
	}
	longest = strings.ReplaceAll(longest, "\r\n", "\n")
	instruction, document = cutInstruction(longest)
	if last = strings.ReplaceAll(last, "\r\n", "\n"); last != longest {
		instruction = last // a later message about the document
	}
	if readTask(instruction).kind == other && readTask(c.System).kind != other {
		instruction = c.System
	}
	return instruction, document
}

// cutInstruction looks for the instruction in the first paragraph, the last,
// the first line and the first sentence.
func cutInstruction(text string) (instruction, document string) {
	head, tail, ok := strings.Cut(text, "\n\n")
	if ok && isInstruction(head) {
		return head, strings.TrimSpace(tail)
	}
	if i := strings.LastIndex(text, "\n\n"); i >= 0 && isInstruction(text[i:]) {
		return strings.TrimSpace(text[i:]), text[:i]
	}
	for _, sep := range []string{"\n", ": ", ". "} {
		if line, rest, ok := strings.Cut(text, sep); ok && isInstruction(line) {
			return line, strings.TrimSpace(rest)
		}
	}
	if ok && len(head) <= longestInstruction && len(head) < len(tail) {
		return head, strings.TrimSpace(tail)
	}
	return text[:min(len(text), longestInstruction)], text
}

func isInstruction(s string) bool {
	return len(s) <= longestInstruction && readTask(s).kind != other
}

type taskKind int

const (
	other taskKind = iota
	points
	summary
)

// task is what an instruction asks for.
type task struct {
	kind       taskKind
	count      int  // points or sentences; 0 if it does not say and it is a summary
	paragraphs int  // of a summary; 1 if it does not say
	bullets    bool // bullets, not numbers
	asList     bool // a summary in points
}

var pointWords = set("point points key bullet bullets takeaway takeaways finding findings important highlights")

var countWords = set(`point points idea ideas finding findings takeaway takeaways fact facts sentence sentences argument
	arguments theme themes conclusion conclusions insight insights item items bullet bullets lesson lessons highlight highlights`)

var paragraphWords = set("paragraph paragraphs")

// readTask reads an instruction. What it asks for first is what it asks for.
func readTask(instruction string) task {
	words := strings.FieldsFunc(strings.ToLower(instruction[:min(len(instruction), 4*longestInstruction)]), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	t := task{count: countOf(words, countWords), paragraphs: max(1, countOf(words, paragraphWords))}
	for _, w := range words {
		t.bullets = t.bullets || strings.HasPrefix(w, "bullet")
		if t.kind == other {
			t.kind = kindOfTask(w)
		}
	}
	if t.kind == points && t.count == 0 {
		t.count = 5
	}
	t.asList = t.bullets
	return t
}

func kindOfTask(w string) taskKind {
	switch {
	case strings.HasPrefix(w, "summar"), strings.HasPrefix(w, "condens"), w == "shorten", w == "tldr":
		return summary
	case pointWords[w], strings.HasPrefix(w, "extract"), strings.HasPrefix(w, "analy"):
		return points
	}
	return other
}

// countOf finds a number that is followed by one of the nouns, at most four
// words on, and by no other thing that is counted before it: "a two-paragraph
// summary of the points" counts no points. It returns 0 if there is none.
func countOf(words []string, nouns map[string]bool) int {
	for i, w := range words {
		n := number(w)
		if n == 0 || i+1 < len(words) && words[i+1] == "of" {
			continue
		}
		for _, noun := range words[i+1 : min(len(words), i+6)] {
			if nouns[noun] {
				return n
			}
			if countWords[noun] || paragraphWords[noun] {
				break
			}
		}
	}
	return 0
}

var numbers = strings.Fields(`one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
	sixteen seventeen eighteen nineteen twenty`)

// number reads a number from 1 to 99, 0 if it is none.
func number(w string) int {
	for i, name := range numbers {
		if w == name {
			return i + 1
		}
	}
	if n, err := strconv.Atoi(w); err == nil && n > 0 && n < 100 {
		return n
	}
	return 0
}

// list writes points with numbers or bullets.
func list(points []string, bullets bool) string {
	var b strings.Builder
	for i, p := range points {
		if i > 0 {
			b.WriteByte('\n')
		}
		if bullets {
			b.WriteString("- " + p)
		} else {
			b.WriteString(strconv.Itoa(i+1) + ". " + p)
		}
	}
	return b.String()
}

// echo answers with the sentence of the document that has most to do with
// the instruction.
func echo(instruction, document string) string {
	all := sentences(document)
	if len(all) == 0 {
		return "There is nothing here to answer."
	}
	if strings.HasPrefix(document, instruction) {
		return "You said: " + all[len(all)-1]
	}
	terms, _ := termsOf(append(all[:len(all):len(all)], instruction))
	asked := terms[len(all)]
	best, most := 0, -1
	for i, t := range terms[:len(all)] {
		if n := shared(asked, t); n > most {
			best, most = i, n
		}
	}
	return all[best]
}
