package table_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl/bench/table"
	"github.com/pawlhq/pawl/bench/trial"
	"github.com/pawlhq/pawl/internal/measure"
)

// rows returns what is written as Markdown, the rows of tables only.
func rows(t *testing.T, markdown func(io.Writer) error) string {
	t.Helper()
	var b, rows strings.Builder
	if err := markdown(&b); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "|---") {
			rows.WriteString(line)
		}
	}
	return rows.String()
}

func TestRatiosAreTakenRoundByRound(t *testing.T) {
	r := table.New("sqlite", 1000)
	// The machine was half as fast in the second round.
	for _, speed := range []float64{1, 0.5, 1} {
		r.Add("", trial.Result{Engine: table.Pawl, Bulk: 900 * speed, Drain: 5000 * speed, Start50: 0.25 / speed, Start99: 4 / speed})
		r.Add("", trial.Result{Engine: "backlite", Bulk: 1000 * speed, Drain: 500 * speed})
	}
	want := "" +
		"| engine | `Add` × 1 | `Add` × 16 | bulk | drain | start p50 | start p99 | memory |\n" +
		"| Pawl | – | – | 900 (450–900) | 5,000 (2,500–5,000) | 0.25 ms (0.25 ms–0.5 ms) | 4 ms (4 ms–8 ms) | – |\n" +
		"| backlite | – | – | 1,000 (500–1,000) | 500 (250–500) | – | – | – |\n" +
		"| measure | Pawl | peer | ratio, round by round | wanted | reached |\n" +
		"| bulk | 900 (450–900) | backlite 1,000 (500–1,000) | 0.90 (0.90–0.90) | ≥ 1 × | **no** |\n" +
		"| drain | 5,000 (2,500–5,000) | backlite 500 (250–500) | 10.00 (10.00–10.00) | ≥ 6 × | yes |\n" +
		"| start p50 | 0.25 ms (0.25 ms–0.5 ms) |  |  | ≤ 1 ms | yes |\n" +
		"| start p99 | 4 ms (4 ms–8 ms) |  |  | ≤ 5 ms | yes |\n"
	if diff := cmp.Diff(want, rows(t, r.Markdown)); diff != "" {
		t.Error(diff)
	}
}

func TestBacklogIsComparedWithTheShortLine(t *testing.T) {
	b := table.NewBacklog("redis")
	for range 2 {
		b.Add(10_000, 10_000, measure.Drained{Rate: measure.Rate{PerSecond: 50_000}, Resident: 64 << 20})
		b.Add(1_000_000, 10_000, measure.Drained{Rate: measure.Rate{PerSecond: 45_000}, Resident: 64 << 20})
		b.Add(1_000_000, 1_000_000, measure.Drained{Rate: measure.Rate{PerSecond: 34_600}, Resident: 80 << 20})
	}
	want := "" +
		"| waiting | handled | tasks/s | resident at most | of the first | wanted | reached |\n" +
		"| 10,000 | 10,000 | 50,000 | 64 MiB | 100 % | ≥ 80 % | yes |\n" +
		"| 1,000,000 | 10,000 | 45,000 | 64 MiB | 90 % | ≥ 80 % | yes |\n" +
		"| 1,000,000 | 1,000,000 | 34,600 | 80 MiB | 69 % | ≥ 80 % | **no** |\n"
	if diff := cmp.Diff(want, rows(t, b.Markdown)); diff != "" {
		t.Error(diff)
	}
}

func TestHeldIsComparedWithTheLoadAlone(t *testing.T) {
	h := table.NewHeld(10 * time.Minute)
	h.Add("Pawl", false, 1200, trial.Paced{Offered: 500, Done: 500, P50: 1, P99: 2, Last50: 1, Last99: 2, Drain: 50_000})
	h.Add("Pawl", true, 300_000, trial.Paced{Offered: 500, Done: 300, P50: 1.234, P99: 250.4, Last50: 2000, Last99: 2500, Drain: 20_000})
	want := "" +
		"| engine | held | offered | done | start p50 / p99 | in the last tenth | drain right after | dead rows | throughput lost | allowed | reached |\n" +
		"| Pawl | no | 500 | 500 | 1 ms / 2 ms | 1 ms / 2 ms | 50,000 | 1,200 |  |  |  |\n" +
		"| Pawl | yes | 500 | 300 | 1.23 ms / 250 ms | 2,000 ms / 2,500 ms | 20,000 | 300,000 | 40.0 % | ≤ 30 % | **no** |\n"
	if diff := cmp.Diff(want, rows(t, h.Markdown)); diff != "" {
		t.Error(diff)
	}
}
