package cli

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// table is rows in columns.
type table struct {
	columns []column
	rows    []row
}

type column struct {
	title string
	right bool // numbers: aligned to the right
	least int  // how narrow it may be made to fit; 0 if it is never cut
	spare bool // left out while it is empty in all rows
}

type row struct {
	cells []string
	notes []string // lines of their own below them
}

const gap = 2 // between columns

// add adds a row, with a note below it if that is not "".
func (t *table) add(note string, cells ...string) {
	for i, c := range cells {
		cells[i] = printable(c)
	}
	t.rows = append(t.rows, row{cells: cells})
	t.note(note)
}

// note adds a line of its own below the last row, unless it is "".
func (t *table) note(text string) {
	if text != "" {
		last := &t.rows[len(t.rows)-1]
		last.notes = append(last.notes, printable(text))
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
	fmt.Fprintln(w, p.dim(t.line(titles, widths)))
	for _, r := range t.rows {
		fmt.Fprintln(w, t.line(r.cells, widths))
		for _, note := range r.notes {
			fmt.Fprintln(w, p.dim("  "+clip(note, width-2)))
		}
	}
}

func (t *table) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, c := range t.columns {
		if widths[i] < 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(strings.Repeat(" ", gap))
		}
		cell := clip(cells[i], widths[i])
		if c.right {
			cell = strings.Repeat(" ", widths[i]-columns(cell)) + cell
		}
		b.WriteString(pad(cell, widths[i]))
	}
	return strings.TrimRight(b.String(), " ")
}

// fit returns how wide the columns are, -1 for one that is left out. Where there
// is too little room the widest that may be cut is, one column at a time.
func (t *table) fit(width int) []int {
	widths := make([]int, len(t.columns))
	all := -gap
	for i, c := range t.columns {
		widths[i] = t.widest(i)
		if widths[i] == 0 && c.spare {
			widths[i] = -1
			continue
		}
		widths[i] = max(widths[i], columns(c.title))
		all += widths[i] + gap
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
		n := t.widest(i)
		if n == 0 && c.spare {
			continue
		}
		if c.least > 0 {
			n = min(n, most)
		}
		all += max(n, columns(c.title)) + gap
	}
	return all
}

func (t *table) widest(i int) (n int) {
	for _, r := range t.rows {
		n = max(n, columns(r.cells[i]))
	}
	return n
}
