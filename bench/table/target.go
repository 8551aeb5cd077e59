package table

import (
	"fmt"
	"slices"

	"github.com/pawlhq/pawl/bench/trial"
)

// Pawl is the name of the engine that the others are compared with.
const Pawl = "Pawl"

// A target is what Pawl has to reach: a multiple of a peer's rate, or a time.
type target struct {
	column column
	peer   string  // none for a time
	wanted float64 // how many times the peer's, or at most so many milliseconds
}

var targets = map[string][]target{
	"sqlite": {
		{add16, "goqite", 5}, {add16, "backlite", 4},
		{bulk, "backlite", 1},
		{drain, "goqite", 10}, {drain, "backlite", 6},
		{start50, "", 1}, {start99, "", 5},
	},
	"postgres": {
		{add16, "River", 5},
		{bulk, "River", 2},
		{drain, "River", 4}, {drain, "graphile-worker", 1.5},
		{start50, "", 1.3}, {start99, "", 4},
	},
	"redis": {
		{add16, "asynq", 2},
		{bulk, "BullMQ", 3},
		{drain, "asynq", 4}, {drain, "BullMQ", 3},
		{start50, "", 0.9}, {start99, "", 3},
	},
}

// row shows a target and what was reached. There is none if one of the two was
// not measured.
func (t target) row(r *Report) []string {
	pawl, peer := r.trials(Pawl), r.trials(t.peer)
	if t.column.spread(pawl).max == 0 || t.peer != "" && t.column.spread(peer).max == 0 {
		return nil
	}
	figure := t.column.cell(t.column.spread(pawl))
	if t.peer == "" {
		reached := t.column.spread(pawl).median <= t.wanted
		return []string{t.column.name, figure, "", "", "≤ " + t.column.show(t.wanted), yes(reached)}
	}
	ratios := t.ratios(pawl, peer)
	return []string{
		t.column.name, figure, t.peer + " " + t.column.cell(t.column.spread(peer)),
		fmt.Sprintf("%.2f (%.2f–%.2f)", ratios.median, ratios.min, ratios.max),
		fmt.Sprintf("≥ %g ×", t.wanted), yes(ratios.median >= t.wanted),
	}
}

// ratios compares the two round by round: what slowed the machine down for a
// while slowed both.
func (t target) ratios(pawl, peer []trial.Result) spread {
	var ratios []float64
	for i := range min(len(pawl), len(peer)) {
		ratios = append(ratios, t.column.of(pawl[i])/t.column.of(peer[i]))
	}
	return spreadOf(ratios)
}

func (r *Report) trials(engine string) []trial.Result {
	i := slices.IndexFunc(r.Engines, func(e Engine) bool { return e.Name == engine })
	if i < 0 {
		return nil
	}
	return r.Engines[i].Trials
}

func yes(reached bool) string {
	if reached {
		return "yes"
	}
	return "**no**"
}
