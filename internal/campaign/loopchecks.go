package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/campaign/loop"
	"github.com/pawlhq/pawl/llmsim"
)

// unrecorded is the breach of a call that was sent, whose answer was not stored,
// and of which the record of its attempt says nothing.
const unrecorded = "paid twice without a record"

// loopSums are the figures of loops.
type loopSums struct {
	started, finished int
	hits              int // kills that took a loop's attempt away
	between           int // of these, the ones between a call that was sent and its answer that was stored
	stalled           int // attempts that were lost although their worker was alive
	sent, stored      int
	unknown           int // calls that attempts recorded as possibly billed
	twice             int // answers that were paid for again
	replays           []time.Duration
}

// A shot is an attempt of a loop with what the provider saw of it.
type shot struct {
	pawl.Attempt
	killed bool
	open   int       // calls that were sent, and whose answers it did not store
	first  time.Time // when its first call was sent; zero for none
}

// checkLoops looks at each loop, turn by turn: turns tells the turn of a body.
//
// A call is told to an attempt by the time that it was sent. Its answer is stored
// by that attempt, or is the one that was open when the attempt's worker was
// killed: there is one at most, and it is recorded as unknown.
func (e *evidence) checkLoops(b *breaches, kind string, turns map[uint64]int) (s loopSums) {
	for _, r := range e.rows {
		s.started++
		if r.State != pawl.Succeeded {
			b.add(unfinished, "loop %s is %s: %s", r.ID, r.State, r.LastAttempt().Message)
			continue
		}
		s.finished++
		in, err := checkReport(r)
		if err != nil {
			b.add(wrongResult, "%s: %v", r.ID, err)
			continue
		}
		bill := e.bills[in.Number]
		if bill == nil {
			b.add(wrongResult, "%s: the provider was asked nothing for it", r.ID)
			continue
		}
		shots := e.shots(r)
		e.checkTurns(b, r, in, bill, turns, shots, &s)
		checkShots(b, r, kind, shots, &s)
	}
	return s
}

// checkReport compares the result of a loop with its stored steps.
func checkReport(r *pawl.TaskRow) (in loop.Loop, err error) {
	var out loop.Report
	if err := errors.Join(json.Unmarshal(r.Input, &in), json.Unmarshal(r.Output, &out)); err != nil {
		return in, err
	}
	if calls := len(callsOf(r)); out.Number != in.Number || out.Answers != in.Turns || calls != in.Turns {
		return in, fmt.Errorf("the result of %+v is of loop %d, and has %d answers and %d stored calls", in, out.Number, out.Answers, calls)
	}
	var tools []string
	for _, s := range r.Steps {
		if s.Name != loop.ToolStep {
			continue
		}
		var said string
		if err := json.Unmarshal(s.Result, &said); err != nil {
			return in, err
		}
		tools = append(tools, said)
	}
	if !slices.Equal(tools, out.Tools) {
		return in, errors.New("what the tool said is not what is stored: a step was done again")
	}
	return in, nil
}

// callsOf returns the steps that hold a call, one for each turn.
func callsOf(r *pawl.TaskRow) []*pawl.StepRow {
	var calls []*pawl.StepRow
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Call || s.Name == loop.TurnStep {
			calls = append(calls, s)
		}
	}
	return calls
}

func (e *evidence) shots(r *pawl.TaskRow) []shot {
	shots := make([]shot, len(r.Attempts))
	for i, a := range r.Attempts {
		shots[i] = shot{Attempt: a, killed: killed(a, e.deaths)}
	}
	return shots
}

// checkTurns compares the calls that the provider saw of a loop with the answers
// that are stored.
func (e *evidence) checkTurns(b *breaches, r *pawl.TaskRow, in loop.Loop, bill *bill, turns map[uint64]int, shots []shot, s *loopSums) {
	calls := map[int][]llmsim.Record{}
	for hash, records := range bill.Bodies {
		calls[turns[hash]] = append(calls[turns[hash]], records...)
		s.twice += max(0, billed(records)-1)
	}
	for i, stored := range callsOf(r) {
		turn := i + 1
		if hash, err := answered(stored.Result); stored.Call && (err != nil || turns[hash] != turn) {
			b.add(wrongResult, "loop %d: stored call %d is that of turn %d, %v", in.Number, turn, turns[hash], err)
		}
		records := calls[turn]
		slices.SortFunc(records, func(a, b llmsim.Record) int { return a.Start.Compare(b.Start) })
		kept := 0
		for _, c := range records {
			if c.Hash != records[0].Hash {
				b.add(paidAgain, "loop %d: turn %d was asked in two ways: what was stored before it is not what it was", in.Number, turn)
			}
			a := shotAt(shots, c.Start)
			if a == nil {
				b.add(wrongResult, "loop %d: turn %d was sent at %s, before any attempt", in.Number, turn, c.Start.Format(clockFormat))
				continue
			}
			if a.first.IsZero() || c.Start.Before(a.first) {
				a.first = c.Start
			}
			switch {
			case a.Number == stored.Attempt:
				kept++
			case a.Number > stored.Attempt:
				b.add(paidAgain, "loop %d: turn %d was sent by attempt %d, and attempt %d had stored its answer", in.Number, turn, a.Number, stored.Attempt)
			default:
				a.open++
			}
		}
		if kept != 1 {
			b.add(paidAgain, "loop %d: turn %d was sent %d times by attempt %d, which stored its answer; want once", in.Number, turn, kept, stored.Attempt)
		}
		s.sent += len(records)
		s.stored++
	}
}

func billed(records []llmsim.Record) (n int) {
	for _, r := range records {
		if r.Billed {
			n++
		}
	}
	return n
}

// shotAt returns the attempt that was the last to start before at, nil for none.
func shotAt(shots []shot, at time.Time) *shot {
	for i := len(shots) - 1; i >= 0; i-- {
		if !shots[i].Started.After(at) {
			return &shots[i]
		}
	}
	return nil
}

// checkShots compares what the provider saw of each attempt with its record.
func checkShots(b *breaches, r *pawl.TaskRow, kind string, shots []shot, s *loopSums) {
	for i, a := range shots {
		lost := a.Class == pawl.Lost
		switch {
		case a.killed && a.open > 0:
			s.between++
			fallthrough
		case a.killed:
			s.hits++
		case lost:
			s.stalled++
		}
		s.unknown += a.Unknown
		if a.open > 0 && !lost || a.open > 1 {
			b.add(paidAgain, "%s: attempt %d (%q) has %d calls whose answers it did not store; want one at most, and none without a kill", r.ID, a.Number, a.Class, a.open)
		}
		// Of a call that a step makes with a client of its own, the queue knows nothing.
		if a.open > a.Unknown && kind != loop.Step {
			b.add(unrecorded, "%s: attempt %d has %d calls whose answers it did not store, and records %d", r.ID, a.Number, a.open, a.Unknown)
		}
		if i > 0 && !a.first.IsZero() {
			s.replays = append(s.replays, a.first.Sub(a.Started))
		}
	}
}
