package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/campaign/worker"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llmsim"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// good is the evidence of one document that went well: its first task lost a
// worker in the middle of its call, which was paid twice.
func good() *evidence {
	first, second := pawl.NewID(), pawl.NewID()
	call := func(n int) pawl.StepRow {
		return pawl.StepRow{Key: fmt.Sprintf("ask:%d#1", n), Name: "ask", Call: true, At: noon, Result: fmt.Appendf(nil, `{"id":"msg_%016x0000"}`, n)}
	}
	stamp := func(s string) pawl.StepRow {
		return pawl.StepRow{Key: "step:stamp#1", Name: stampStep, Result: []byte(`"` + s + `"`)}
	}
	rows := []*pawl.TaskRow{{
		ID: first, Run: first, State: pawl.Succeeded, Attempt: 2, Input: []byte(`{"Number":7,"Reads":1,"Writes":1}`),
		Steps: []pawl.StepRow{call(0), stamp("a")},
		Attempts: []pawl.Attempt{
			{Number: 1, Worker: "w1", Class: pawl.Lost, Unknown: 1, Ended: noon.Add(-5 * time.Second)},
			{Number: 2, Worker: "w2", Used: true, Started: noon.Add(-4 * time.Second)},
		},
	}, {
		ID: second, Run: first, State: pawl.Succeeded, Attempt: 1, Input: []byte(`{"Number":7}`),
		Output: []byte(`{"Number":7,"Stamps":["a","b"],"Answers":2}`),
		Steps:  []pawl.StepRow{call(0), stamp("b")}, Attempts: []pawl.Attempt{{Number: 1, Worker: "w2", Used: true}},
	}}
	sent := llmsim.Record{Billed: true, Start: noon.Add(-time.Second)}
	return &evidence{
		added: map[int][]promise{7: {{Run: first}, {Run: first}}},
		rows:  rows,
		ended: map[pawl.ID]int{first: 1, second: 1},
		acks: []worker.Ack{
			{Task: first, Attempt: 2, Step: rows[0].Steps[0].Key}, {Task: first, Attempt: 2, To: pawl.Succeeded},
			{Task: second, Attempt: 1, To: pawl.Succeeded},
		},
		bills:  map[int]*bill{7: {Sent: 3, Billed: 3, Bodies: map[uint64][]llmsim.Record{0: {sent, sent, sent}}}},
		limits: []pawl.LimitStatus{{Name: "default"}},
		queues: []pawl.QueueStatus{{Counts: map[pawl.State]int{pawl.Succeeded: 2}}},
		deaths: map[string]time.Time{"w1": noon.Add(-15 * time.Second)},
	}
}

// breachesOf returns the kinds of breach, each once.
func breachesOf(e *evidence) []string {
	var kinds []string
	for _, b := range e.report(plan{Lease: 10 * time.Second, Slack: 2 * time.Second}, 0).breaches {
		kinds = append(kinds, b.What)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

func TestARunThatWentWellHasNoBreach(t *testing.T) {
	if got := breachesOf(good()); len(got) != 0 {
		t.Errorf("breaches %v; want none", got)
	}
}

// A campaign proves something only if it finds what is broken.
func TestEachBreachIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*evidence)
		want  []string
	}{
		"a run is gone":                     {func(e *evidence) { e.added[8] = []promise{{Run: pawl.NewID()}} }, []string{lostTask}},
		"calls for a document that is gone": {func(e *evidence) { e.bills[9] = &bill{Sent: 1} }, []string{lostTask}},
		"a task waits": {func(e *evidence) {
			e.rows[1].State, e.rows[1].Attempts, e.acks, e.ended[e.rows[1].ID] = pawl.Pending, nil, e.acks[:2], 1
			e.queues = nil
		}, []string{unfinished}},
		"an end is told twice":            {func(e *evidence) { e.ended[e.rows[0].ID] = 2 }, []string{twoOutcomes}},
		"an end is not told":              {func(e *evidence) { e.ended[e.rows[0].ID] = 0 }, []string{twoOutcomes}},
		"two attempts succeed":            {func(e *evidence) { e.rows[0].Attempts[0].Class = "" }, []string{twoOutcomes}},
		"an attempt is recorded twice":    {func(e *evidence) { e.rows[0].Attempts[0].Number = 2 }, []string{lostWrite, twoOutcomes}},
		"two outcomes are acknowledged":   {func(e *evidence) { e.acks[0] = worker.Ack{Task: e.rows[0].ID, Attempt: 1, To: pawl.Dead} }, []string{lostWrite, twoOutcomes}},
		"another outcome is acknowledged": {func(e *evidence) { e.acks[2].To = pawl.Dead }, []string{twoOutcomes}},
		"a flow goes on twice": {func(e *evidence) {
			third := *e.rows[1]
			third.ID = pawl.NewID()
			e.rows, e.ended[third.ID], e.queues = append(e.rows, &third), 1, nil
		}, []string{twoOutcomes}},
		"a flow does not go on":            {func(e *evidence) { e.rows, e.acks, e.queues = e.rows[:1], e.acks[:2], nil }, []string{paidAgain, wrongResult}},
		"an acknowledged step is gone":     {func(e *evidence) { e.acks[0].Step = "step:other#1" }, []string{lostWrite}},
		"an acknowledged task is gone":     {func(e *evidence) { e.acks[0].Task = pawl.NewID() }, []string{lostWrite}},
		"a step is done again":             {func(e *evidence) { e.rows[0].Steps[1].Result = []byte(`"c"`) }, []string{wrongResult}},
		"the result is another document's": {func(e *evidence) { e.rows[1].Output = []byte(`{"Number":8}`) }, []string{wrongResult}},
		"a call is paid again":             {func(e *evidence) { e.bills[7].Sent = 4 }, []string{paidAgain}},
		"a stored answer is asked for": {func(e *evidence) { e.bills[7].Bodies[0][2].Start = noon.Add(time.Millisecond) },
			[]string{paidAgain}},
		"a call is in flight":    {func(e *evidence) { e.limits[0].State = limit.State{InFlight: 1} }, []string{leaked}},
		"a task runs again late": {func(e *evidence) { e.deaths["w1"] = noon.Add(-17 * time.Second) }, []string{late}},
	} {
		e := good()
		c.spoil(e)
		if got := breachesOf(e); !slices.Equal(got, c.want) {
			t.Errorf("%s: breaches %v; want %v", name, got, c.want)
		}
	}
}

// The start of a run repeats from its seed, whatever the order of events.
func TestDocumentsDependOnTheSeedAlone(t *testing.T) {
	p := plan{Seed: 5}
	seen := map[order]bool{}
	for n := 1; n <= 50; n++ {
		o := newOrder(n, p.random(documentStream+uint64(n)))
		if again := newOrder(n, p.random(documentStream+uint64(n))); again != o {
			t.Fatalf("document %d is %+v, then %+v", n, o, again)
		}
		o.Number = 0
		seen[o] = true
	}
	if len(seen) < 30 {
		t.Errorf("%d kinds among 50 documents; want most to differ", len(seen))
	}
}
