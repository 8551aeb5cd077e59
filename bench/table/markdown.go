package table

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Markdown writes the tables: each engine with its medians and ranges, then the
// targets, then what the engines are and how their store was set.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s; %d rounds, %s tasks; medians (min–max); tasks a second unless a unit is given.\n\n",
		r.Store, r.Machine, r.rounds(), whole(float64(r.Tasks)))
	r.figures(&b)
	r.targets(&b)
	r.notes(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) rounds() int {
	most := 0
	for _, e := range r.Engines {
		most = max(most, len(e.Trials))
	}
	return most
}

func (r *Report) figures(b *strings.Builder) {
	head := []string{"engine"}
	for _, c := range columns {
		head = append(head, c.name)
	}
	writeHead(b, head)
	for _, e := range r.Engines {
		cells := []string{e.Name}
		for _, c := range columns {
			cells = append(cells, c.cell(c.spread(e.Trials)))
		}
		writeRow(b, cells)
	}
}

func (r *Report) targets(b *strings.Builder) {
	var rows [][]string
	for _, t := range targets[r.Store] {
		if row := t.row(r); row != nil {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return
	}
	b.WriteByte('\n')
	writeHead(b, []string{"measure", "Pawl", "peer", "ratio, round by round", "wanted", "reached"})
	for _, row := range rows {
		writeRow(b, row)
	}
}

func (r *Report) notes(b *strings.Builder) {
	b.WriteByte('\n')
	for _, e := range r.Engines {
		t := e.Trials[0]
		fmt.Fprintf(b, "- %s: %s", strings.TrimSpace(e.Name+" "+t.Version), e.About)
		var settings []string
		for _, name := range slices.Sorted(maps.Keys(t.Settings)) {
			settings = append(settings, name+"="+t.Settings[name])
		}
		fmt.Fprintf(b, " (%s)\n", strings.Join(settings, ", "))
	}
}

func writeHead(b *strings.Builder, cells []string) {
	writeRow(b, cells)
	b.WriteString(strings.Repeat("|---", len(cells)) + "|\n")
}

func writeRow(b *strings.Builder, cells []string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}
