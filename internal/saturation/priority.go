package saturation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pawlhq/pawl/internal/chart"
	"github.com/pawlhq/pawl/internal/rivals"
	"github.com/pawlhq/pawl/llmsim"
)

// smaller is how many times smaller the calls of large backlogs are than those of
// the trace, so that they fit in memory.
const smaller = 5

// sizes returns n requests that wait before the start, with sizes drawn from the
// trace's, made so many times smaller.
func (c *Config) sizes(n, smaller int) []Request {
	r := rand.New(rand.NewPCG(c.Seed, uint64(n)))
	requests := make([]Request, n)
	for i := range requests {
		from := c.Trace[r.IntN(len(c.Trace))]
		requests[i] = Request{
			At: -1, Input: max(from.Input/smaller, leastInput), Output: max(from.Output/smaller, leastOutput),
		}
	}
	return requests
}

// allowing returns limits that allow so many calls a minute of the mean size of
// requests; input binds.
func allowing(callsAMinute int, requests []Request) llmsim.Limits {
	sample := requests[:min(len(requests), 10_000)]
	limits := accountFor(sample, time.Minute, float64(callsAMinute)/float64(len(sample)))
	limits.Requests, limits.OutputTokens = 2*int64(callsAMinute), limits.InputTokens
	return limits
}

const (
	lowBacklog    = 100_000
	priorityCalls = 500 // a minute
	urgentPart    = 20  // one call in so many is urgent: 5 %
)

// playPriority plays urgent calls, which arrive evenly, over a backlog of others.
func playPriority(ctx context.Context, c Config) (*Result, error) {
	length := c.short()
	low := c.sizes(lowBacklog, smaller)
	limits := allowing(priorityCalls, low)
	for i := range low {
		low[i].Priority = 2
	}
	every := time.Minute * urgentPart / priorityCalls
	urgent := c.sizes(int(length/every), smaller)
	for i := range urgent {
		urgent[i].At = time.Duration(i) * every
	}
	requests := slices.Concat(low, urgent)
	queue := rivals.All()[0]
	all, err := contests(ctx, []contender{
		c.pawl("Pawl", c.stage(requests, limits, length), (*stage).known),
		rival(queue, c.stage(requests, limits, length)),
	})
	if err != nil {
		return nil, err
	}
	r := &Result{About: fmt.Sprintf("%d urgent calls in %v over a backlog of %d; the account allows %d calls a minute in all; counted are those after the first minute, and the longest wait in that",
		len(urgent), length, len(low), priorityCalls)}
	for i := range all {
		waits := all[i].st.waits(func(r Request) bool { return isUrgent(r) && r.At >= warmUp })
		first := all[i].st.waits(func(r Request) bool { return isUrgent(r) && r.At < warmUp })
		r.Rows = append(r.Rows, Row{Name: all[i].name, Figures: []Figure{
			seconds("wait p50", quantile(waits, 0.5)),
			seconds("wait p99", quantile(waits, 0.99)),
			seconds("longest", quantile(waits, 1)),
			seconds("at the start", quantile(first, 1)),
			count("done", len(waits)),
			percent("used", all[i].share()),
		}})
	}
	f := r.Rows[0].Figures
	f[0], f[1] = f[0].atMost(0.1), f[1].atMost(2)
	r.Picture, r.Warning = priorityPicture(all[0].st), all[0].warning()
	return r, nil
}

func priorityPicture(st *stage) *chart.Chart {
	sent := st.sent()
	urgent := chart.Series{Name: "one urgent call", Dots: true, Points: waitPoints(st.requests, sent, isUrgent, time.Millisecond)}
	return &chart.Chart{
		Title:  "Urgent calls over a backlog of 100,000",
		X:      chart.Axis{Label: "when they arrive, minutes of the account's time", Most: st.length.Minutes()},
		Y:      chart.Axis{Label: "wait, milliseconds of the account's time"},
		Series: []chart.Series{urgent},
	}
}

func isUrgent(r Request) bool { return r.Priority == 0 }
