package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
)

// table is rows in columns.
type table struct {
	columns []column
	rows    []row
	widest  []int // how wide the cells of each column are
}

type column struct {
	title string
	right bool // numbers: aligned to the right
	least int  // how narrow it may be made to fit; 0 if it is never cut
	spare bool // left out while it is empty in all rows

	folded bool   // its cells stand in a note below their row
	words  string // what they are called there, with a %s for the cell
	note   int    // in which note: those of one are together

	clip func(s string, width int) string // how a cell is cut; nil at its end
}

type row struct {
	cells []string
	notes []tableNote // lines of their own below them
}

// tableNote is a line below a row, or several if it is told whole.
type tableNote struct {
	text  string
	whole bool
}

const notesMost = 2 // of folded cells

const (
	gap        = 2 // between columns
	noteIndent = 2 // of notes
)

// add adds a row, with a note below it if that is not "".
func (t *table) add(note string, cells ...string) {
	for len(t.widest) < len(cells) {
		t.widest = append(t.widest, 0)
	}
	for i, c := range cells {
		cells[i] = printable(c)
		t.widest[i] = max(t.widest[i], columns(cells[i]))
	}
	t.rows = append(t.rows, row{cells: cells})
	t.note(note)
}

// note adds a line of its own below the last row, unless it is "".
func (t *table) note(text string) { t.below(text, false) }

// tell adds a note that is never cut, for what is to be read to its end or typed: it has
// as many lines as it needs, all as far in as the first.
func (t *table) tell(text string) { t.below(text, true) }

func (t *table) below(text string, whole bool) {
	if text != "" {
		last := &t.rows[len(t.rows)-1]
		last.notes = append(last.notes, tableNote{printable(text), whole})
	}
}

// print writes the table in lines of at most width columns, as far as its uncut
// columns allow.
func (t *table) print(out io.Writer, width int, p palette) {
	w := bufio.NewWriter(out) // a table may have many lines
	defer w.Flush()
	widths := t.fit(width)
	titles := make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i] = c.title
	}
	line := t.line(nil, titles, widths)
	fmt.Fprintln(w, p.dim(string(line)))
	for _, r := range t.rows {
		line = append(t.line(line[:0], r.cells, widths), '\n')
		_, _ = w.Write(line) // an error stays with w
		for _, note := range append(r.notes, t.folded(r.cells)...) {
			for _, line := range note.lines(width - noteIndent) {
				fmt.Fprintln(w, p.dim(strings.Repeat(" ", noteIndent)+line))
			}
		}
	}
}

// leastNote is how wide the lines of a note are at least that is told whole, however far
// in they stand.
const leastNote = 20

// lines returns the note in lines of at most width columns.
func (n tableNote) lines(width int) []string {
	if !n.whole || columns(n.text) <= width {
		return []string{clip(n.text, width)}
	}
	in := len(n.text) - len(strings.TrimLeft(n.text, " "))
	in = min(in, max(width-leastNote, 0))
	lines := wrap(n.text, width-in)
	for i := range lines {
		lines[i] = strings.Repeat(" ", in) + lines[i]
	}
	return lines
}

// line appends a line with the cells that are not folded.
func (t *table) line(b []byte, cells []string, widths []int) []byte {
	for i := range t.columns {
		if widths[i] < 0 {
			continue
		}
		if len(b) > 0 {
			b = appendSpaces(b, gap)
		}
		cell := t.columns[i].cut(cells[i], widths[i])
		room := widths[i] - columns(cell)
		if t.columns[i].right {
			b = append(appendSpaces(b, room), cell...)
		} else {
			b = appendSpaces(append(b, cell...), room)
		}
	}
	return bytes.TrimRight(b, " ")
}

func (c *column) cut(cell string, width int) string {
	if c.clip != nil {
		return c.clip(cell, width)
	}
	return clip(cell, width)
}

func appendSpaces(b []byte, n int) []byte {
	for range n {
		b = append(b, ' ')
	}
	return b
}

// folded returns the notes with the folded cells of a row.
func (t *table) folded(cells []string) (notes []tableNote) {
	var parts [notesMost][]string
	for i := range t.columns {
		if c := &t.columns[i]; c.folded && cells[i] != "" {
			parts[c.note] = append(parts[c.note], fmt.Sprintf(c.words, cells[i]))
		}
	}
	for _, of := range parts {
		if len(of) > 0 {
			notes = append(notes, tableNote{text: strings.Join(of, ", ")})
		}
	}
	return notes
}

// fit returns how wide the columns are, -1 for one that is left out. Where there
// is too little room the widest that may be cut is, one column at a time.
func (t *table) fit(width int) []int {
	widths := make([]int, len(t.columns))
	all := -gap
	for i := range t.columns {
		if widths[i] = t.natural(i); widths[i] >= 0 {
			all += widths[i] + gap
		}
	}
	for ; all > width; all-- {
		most := -1
		for i, c := range t.columns {
			if c.least > 0 && widths[i] > c.least && (most < 0 || widths[i] > widths[most]) {
				most = i
			}
		}
		if most < 0 {
			break
		}
		widths[most]--
	}
	return widths
}

// needs returns how wide the table is if columns that may be cut are cut to most.
func (t *table) needs(most int) int {
	all := -gap
	for i, c := range t.columns {
		n := t.natural(i)
		if n < 0 {
			continue
		}
		if c.least > 0 {
			n = max(min(n, most), columns(c.title))
		}
		all += n + gap
	}
	return all
}

// natural returns how wide a column is that is not cut, -1 for one that is left out.
func (t *table) natural(i int) int {
	n := 0
	if i < len(t.widest) {
		n = t.widest[i]
	}
	c := &t.columns[i]
	if c.folded || n == 0 && c.spare {
		return -1
	}
	return max(n, columns(c.title))
}
