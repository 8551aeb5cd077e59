package table

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pawlhq/pawl/bench/trial"
)

// lostMost is how much of the throughput a held transaction may cost.
const lostMost = 0.3

// A Held is steady loads without and with a transaction held open elsewhere.
type Held struct {
	Machine string    `json:"machine"`
	Seconds float64   `json:"seconds"`
	Rows    []HeldRow `json:"rows"`
}

// A HeldRow is one steady load.
type HeldRow struct {
	Engine string      `json:"engine"`
	Held   bool        `json:"held"`
	Dead   int         `json:"dead"` // rows that were dead at the end
	Paced  trial.Paced `json:"paced"`
}

// NewHeld returns an empty one.
func NewHeld(during time.Duration) *Held { return &Held{Machine: machine(), Seconds: during.Seconds()} }

// Add adds a load: for each engine the one without comes first, then the one with.
func (h *Held) Add(engine string, held bool, dead int, p trial.Paced) {
	h.Rows = append(h.Rows, HeldRow{engine, held, dead, p})
}

// Markdown writes the table.
func (h *Held) Markdown(w io.Writer) error {
	var s strings.Builder
	fmt.Fprintf(&s, "### A transaction held open for %v in the same PostgreSQL\n\n%s; times from due to started.\n\n",
		time.Duration(h.Seconds*float64(time.Second)), h.Machine)
	writeHead(&s, []string{
		"engine", "held", "offered", "done", "start p50 / p99", "in the last tenth", "drain right after", "dead rows",
		"throughput lost", "allowed", "reached",
	})
	for i, r := range h.Rows {
		held, lost, allowed, reached := "no", "", "", ""
		if r.Held {
			l := 1 - r.Paced.Done/h.Rows[i-1].Paced.Done
			held, lost, allowed, reached = "yes", fmt.Sprintf("%.1f %%", 100*max(0, l)), fmt.Sprintf("≤ %.0f %%", 100*lostMost), yes(l <= lostMost)
		}
		p := r.Paced
		writeRow(&s, []string{
			r.Engine, held, whole(p.Offered), whole(p.Done),
			millis(p.P50) + " / " + millis(p.P99), millis(p.Last50) + " / " + millis(p.Last99),
			whole(p.Drain), whole(float64(r.Dead)), lost, allowed, reached,
		})
	}
	_, err := io.WriteString(w, s.String())
	return err
}
