package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/campaign/loop"
	"github.com/pawlhq/pawl/llmsim"
)

// How quickly loops run again is not judged: other tests run beside them.
func TestLoopsThatAreKilledFinish(t *testing.T) {
	p := defaultLoops
	p.Kills, p.Each, p.Workers, p.Lease, p.Slack = 5, 3, 2, 2*time.Second, time.Minute
	p.Seed = rand.Uint64()
	t.Log("repeat:", p.repeat())
	r, err := p.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.hits < p.Kills || r.finished < 2 || r.stored < 2*p.Turns {
		t.Errorf("%d kills hit %d loops, which stored %d answers; want %d kills and 2 loops of %d calls at least", r.hits, r.finished, r.stored, p.Kills, p.Turns)
	}
}

// turnsOfTwo tells the turns of the bodies in goodLoop.
var turnsOfTwo = map[uint64]int{1: 1, 2: 2}

// goodLoop is the evidence of one loop of two turns, whose first worker was killed
// while the second call was open: that was paid twice.
func goodLoop(kind string) *evidence {
	id := pawl.NewID()
	call := func(n, attempt int) pawl.StepRow {
		s := pawl.StepRow{Name: "ask", Call: true, Attempt: attempt, Result: fmt.Appendf(nil, `{"id":"msg_%016x0000"}`, n)}
		if kind == loop.Step {
			s.Name, s.Call, s.Result = loop.TurnStep, false, []byte(`"an answer"`)
		}
		return s
	}
	tool := func(said string) pawl.StepRow {
		return pawl.StepRow{Name: loop.ToolStep, Result: []byte(`"` + said + `"`)}
	}
	sent := func(hash uint64, after time.Duration) llmsim.Record {
		return llmsim.Record{Hash: hash, Billed: true, Start: noon.Add(after)}
	}
	unknown := 1
	if kind == loop.Step {
		unknown = 0
	}
	return &evidence{
		rows: []*pawl.TaskRow{{
			ID: id, Run: id, State: pawl.Succeeded, Attempt: 2, Input: []byte(`{"Number":7,"Turns":2}`),
			Output: []byte(`{"Number":7,"Answers":2,"Tools":["a","b"]}`),
			Steps:  []pawl.StepRow{call(1, 1), tool("a"), call(2, 2), tool("b")},
			Attempts: []pawl.Attempt{
				{Number: 1, Worker: "w1", Class: pawl.Lost, Unknown: unknown, Started: noon, Ended: noon.Add(time.Second)},
				{Number: 2, Worker: "w2", Used: true, Started: noon.Add(2 * time.Second)},
			},
		}},
		bills: map[int]*bill{7: {Bodies: map[uint64][]llmsim.Record{
			1: {sent(1, 10*time.Millisecond)},
			2: {sent(2, 2010*time.Millisecond), sent(2, 20*time.Millisecond)},
		}}},
		deaths: map[string]time.Time{"w1": noon.Add(30 * time.Millisecond)},
	}
}

func loopBreaches(e *evidence, kind string) (kinds []string, s loopSums) {
	var b breaches
	s = e.checkLoops(&b, kind, turnsOfTwo)
	for _, x := range b {
		kinds = append(kinds, x.What)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds), s
}

func TestALoopThatWentWellHasNoBreach(t *testing.T) {
	for _, kind := range loop.Kinds() {
		got, s := loopBreaches(goodLoop(kind), kind)
		if len(got) != 0 {
			t.Errorf("%s: breaches %v; want none", kind, got)
		}
		if s.twice != 1 || s.between != 1 || s.hits != 1 || s.finished != 1 || s.sent != 3 || s.stored != 2 {
			t.Errorf("%s: sums %+v; want one answer paid twice for one kill that fell between", kind, s)
		}
	}
}

func TestEachBreachOfALoopIsFound(t *testing.T) {
	again := func(e *evidence, hash uint64, after time.Duration) {
		e.bills[7].Bodies[hash] = append(e.bills[7].Bodies[hash], llmsim.Record{Hash: hash, Billed: true, Start: noon.Add(after)})
	}
	for name, c := range map[string]struct {
		spoil func(*evidence)
		want  []string
	}{
		"it is dead":              {func(e *evidence) { e.rows[0].State = pawl.Dead }, []string{unfinished}},
		"an answer is not stored": {func(e *evidence) { e.rows[0].Steps = e.rows[0].Steps[1:] }, []string{wrongResult}},
		"answers are mixed up":    {func(e *evidence) { s := e.rows[0].Steps; s[0].Result, s[2].Result = s[2].Result, s[0].Result }, []string{wrongResult}},
		"a step is done again":    {func(e *evidence) { e.rows[0].Steps[1].Result = []byte(`"c"`) }, []string{wrongResult}},
		"a stored answer is asked for by the next attempt":   {func(e *evidence) { again(e, 1, 2005*time.Millisecond) }, []string{paidAgain}},
		"a stored answer is asked for by the same attempt":   {func(e *evidence) { again(e, 2, 2015*time.Millisecond) }, []string{paidAgain}},
		"an answer is paid twice and the record is silent":   {func(e *evidence) { e.rows[0].Attempts[0].Unknown = 0 }, []string{unrecorded}},
		"a kill costs two calls":                             {func(e *evidence) { again(e, 2, 25*time.Millisecond) }, []string{unrecorded, paidAgain}},
		"a call is open without a kill":                      {func(e *evidence) { e.rows[0].Attempts[0].Class = "" }, []string{paidAgain}},
		"a turn is asked in another way":                     {func(e *evidence) { e.bills[7].Bodies[2][1].Hash = 3 }, []string{paidAgain}},
		"nothing was asked":                                  {func(e *evidence) { delete(e.bills, 7) }, []string{wrongResult}},
		"a call is sent before the loop has begun":           {func(e *evidence) { again(e, 1, -time.Second) }, []string{wrongResult}},
		"what is stored by one attempt was sent by no other": {func(e *evidence) { e.bills[7].Bodies[1] = nil }, []string{paidAgain}},
	} {
		e := goodLoop(loop.Ask)
		c.spoil(e)
		if got, _ := loopBreaches(e, loop.Ask); !slices.Equal(got, c.want) {
			t.Errorf("%s: breaches %v; want %v", name, got, c.want)
		}
	}
}

// A kill that cost nothing is no excuse for an answer that was paid twice.
func TestAnswersPaidTwiceAreNoMoreThanTheKillsBetween(t *testing.T) {
	k := newKiller(defaultLoops)
	k.turns, k.courses = turnsOfTwo, map[int]*course{7: {}}
	e := goodLoop(loop.Ask)
	e.gaps = 1 // the event of its end is not asked for
	if r := k.judge(e, 0); r.verdict() != nil {
		t.Errorf("verdict %v; want none", r.verdict())
	}
	delete(e.deaths, "w1")
	e.rows[0].Attempts[0].Class = ""
	if r := k.judge(e, 0); r.breaches.count(paidAgain) < 2 {
		t.Errorf("breaches %v; want the answer that was paid twice too", r.breaches)
	}
}
