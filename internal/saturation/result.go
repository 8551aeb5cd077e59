package saturation

import (
	"fmt"
	"time"

	"github.com/pawlhq/pawl/internal/chart"
)

// Result is what a scenario found: rows of the same figures, such as one for each
// contender.
type Result struct {
	Scenario string        `json:"scenario"`
	About    string        `json:"about"` // what was played, in a sentence
	Rows     []Row         `json:"rows"`
	Warning  string        `json:"warning,omitempty"` // why the figures may be worth less; "" for nothing
	Picture  *chart.Chart  `json:"-"`
	Took     time.Duration `json:"took"` // in real time, in nanoseconds
}

// Row is one contender, or one way to play a scenario.
type Row struct {
	Name    string   `json:"name"`
	Note    string   `json:"note,omitempty"` // what is not as it should be; "" for nothing
	Figures []Figure `json:"figures"`
}

// Figure is a number that was measured, and what is wanted of it.
type Figure struct {
	Name  string   `json:"name"`
	Value float64  `json:"value"`
	Unit  string   `json:"unit,omitempty"`
	Least *float64 `json:"least,omitempty"` // wanted: no less than this; nil for anything
	Most  *float64 `json:"most,omitempty"`  // wanted: no more than this; nil for anything
}

// Met reports whether the figure is as wanted.
func (f Figure) Met() bool {
	return (f.Least == nil || f.Value >= *f.Least) && (f.Most == nil || f.Value <= *f.Most)
}

// Wanted says what is wanted of the figure, "" for nothing.
func (f Figure) Wanted() string {
	switch {
	case f.Least != nil && f.Most != nil:
		return fmt.Sprintf("%g to %g", *f.Least, *f.Most)
	case f.Least != nil:
		return fmt.Sprintf("≥ %g", *f.Least)
	case f.Most != nil:
		return fmt.Sprintf("≤ %g", *f.Most)
	}
	return ""
}

func (f Figure) atLeast(v float64) Figure { f.Least = &v; return f }
func (f Figure) atMost(v float64) Figure  { f.Most = &v; return f }

func percent(name string, share float64) Figure {
	return Figure{Name: name, Value: 100 * share, Unit: "%"}
}
func count(name string, n int) Figure { return Figure{Name: name, Value: float64(n)} }
func seconds(name string, d time.Duration) Figure {
	return Figure{Name: name, Value: d.Seconds(), Unit: "s"}
}
