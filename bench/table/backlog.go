package table

import (
	"fmt"
	"io"
	"strings"

	"github.com/pawlhq/pawl/internal/measure"
)

// keptWanted is how much of the rate must be left with a long line.
const keptWanted = 0.8

// A Backlog is drains with few and with many waiting tasks.
type Backlog struct {
	Store   string       `json:"store"`
	Machine string       `json:"machine"`
	Drains  []BacklogRow `json:"drains"`
}

// A BacklogRow is drains of the same kind, a round each.
type BacklogRow struct {
	Waiting int               `json:"waiting"`
	Handle  int               `json:"handle"`
	Drained []measure.Drained `json:"drained"`
}

// NewBacklog returns an empty one.
func NewBacklog(store string) *Backlog { return &Backlog{Store: store, Machine: machine()} }

// Add adds a drain. The first kind is what others are compared with.
func (b *Backlog) Add(waiting, handle int, d measure.Drained) {
	for i := range b.Drains {
		if r := &b.Drains[i]; r.Waiting == waiting && r.Handle == handle {
			r.Drained = append(r.Drained, d)
			return
		}
	}
	b.Drains = append(b.Drains, BacklogRow{waiting, handle, []measure.Drained{d}})
}

// Markdown writes the table.
func (b *Backlog) Markdown(w io.Writer) error {
	var s strings.Builder
	fmt.Fprintf(&s, "### Backlog on %s\n\n%s; medians (min–max).\n\n", b.Store, b.Machine)
	writeHead(&s, []string{"waiting", "handled", "tasks/s", "resident at most", "of the first", "wanted", "reached"})
	for _, r := range b.Drains {
		kept := r.kept(b.Drains[0]).median
		writeRow(&s, []string{
			whole(float64(r.Waiting)), whole(float64(r.Handle)),
			show(whole, r.rates()), show(mebi, r.resident()),
			fmt.Sprintf("%.0f %%", 100*kept), fmt.Sprintf("≥ %.0f %%", 100*keptWanted), yes(kept >= keptWanted),
		})
	}
	_, err := io.WriteString(w, s.String())
	return err
}

func (r BacklogRow) rates() spread {
	return spreadOf(each(r.Drained, func(d measure.Drained) float64 { return d.PerSecond }))
}

func (r BacklogRow) resident() spread {
	return spreadOf(each(r.Drained, func(d measure.Drained) float64 { return float64(d.Resident) }))
}

// kept compares with another row, round by round.
func (r BacklogRow) kept(other BacklogRow) spread {
	var kept []float64
	for i := range min(len(r.Drained), len(other.Drained)) {
		kept = append(kept, r.Drained[i].PerSecond/other.Drained[i].PerSecond)
	}
	return spreadOf(kept)
}

func each[T any](list []T, of func(T) float64) []float64 {
	values := make([]float64, len(list))
	for i, v := range list {
		values[i] = of(v)
	}
	return values
}
