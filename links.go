package pawl

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// Links says what a task has to do with other tasks, and with signals. Copies of a
// row share it: it is never changed, only replaced.
//
// A task's children are its branches: flows of their own within its run, each named
// by a key. The first task of a branch is ChildID(Parent, Key); those that follow it
// carry the same Parent and Key. A branch ends when one of its tasks fails or is
// cancelled, or when the last one succeeds.
//
// How a task waits for its branches without a worker, and goes on exactly once:
//
//  1. Its attempt ends as Blocked with a [Park], in one transaction with the branches
//     that are added. There the store counts those that have not ended, in Wait, and
//     marks each of them as Awaited. If there are none, the task is pending at once.
//     A crash before this leaves nothing; the handler runs again and adds the same.
//  2. The transaction that ends an awaited branch, whatever it is part of, takes the
//     mark off and counts Wait down. Whoever comes to 0 makes the task pending.
//     A branch ends once, and only marked ones count, so nothing counts twice.
//  3. The handler runs again and finds the results.
type Links struct {
	Parent  ID     `json:"parent,omitzero"`   // the task that has it in one of its branches; zero for the run's own line
	Key     string `json:"key,omitempty"`     // of the branch
	Awaited bool   `json:"awaited,omitempty"` // its parent is blocked until the branch ends
	Caught  bool   `json:"caught,omitempty"`  // a failure of the branch is its parent's business: the run has not failed
	InLine  bool   `json:"in_line,omitempty"` // it waits for its turn among its parent's branches, or did when it ended

	Wait    *Wait          `json:"wait,omitempty"`    // what it waits for; nil unless it is blocked by that
	Signals map[string]int `json:"signals,omitempty"` // how many signals of each name have come
	Stored  bool           `json:"stored,omitempty"`  // it may have steps though it was never claimed

	Fallbacks []Fallback `json:"fallbacks,omitempty"` // which operations go on with it when it fails
	Forked    bool       `json:"forked,omitempty"`    // it is part of a forked run: what its handler adds is nobody's duplicate
	Origin    *Origin    `json:"origin,omitempty"`    // what it was forked from
	Variant   Variant    `json:"variant,omitempty"`   // what a fork changed of its calls
	Near      Hash       `json:"near,omitzero"`       // the scope in which its result answers near-duplicates, or will; zero if it does not
	Followers int        `json:"followers,omitempty"` // how many near-duplicates wait for it, at most
	Alone     bool       `json:"alone,omitempty"`     // it is not to answer near-duplicates when it succeeds: somebody has said so
}

// Wait is what a blocked task waits for: branches, a signal, a budget or a near-duplicate. A
// Due of the task ends it too.
type Wait struct {
	Branches int    `json:"branches,omitempty"` // that have not ended
	All      bool   `json:"all,omitempty"`      // every one must succeed; see [Park]
	Line     *Line  `json:"line,omitempty"`     // branches that start one after the other; nil if all have started
	Signal   string `json:"signal,omitempty"`   // the name of a signal
	After    int    `json:"after,omitempty"`    // how many of that name were there before
	Budget   string `json:"budget,omitempty"`   // the name of one that is used up
	Account  string `json:"account,omitempty"`  // whose part of it
	Behind   ID     `json:"behind,omitzero"`    // a near-duplicate that is under way
}

// Line is the branches of a task that start when others of it end. Each branch that is
// under way has a place, of which there are [Park].AtOnce; one that failed keeps it where
// all must succeed.
type Line struct {
	Prefix string `json:"prefix"`         // of their keys, before their numbers
	Next   int    `json:"next"`           // the number of the first that may be in line
	Of     int    `json:"of"`             // how many there are in all
	Free   int    `json:"free,omitempty"` // places that no branch has, and none is in line for; below 0, branches beyond the places there are
}

// Park is what the attempt of a task waits for that ends as Blocked.
type Park struct {
	Branches []ID   // the first tasks of branches, which are there or are added with it
	Signal   string // a signal; "" for none
	After    int    // how many signals of the name the handler has got; with more the task is pending at once
	Stop     *Stop  // a budget; nil for none. If it would let the call go by now, the task is pending at once
	Behind   ID     // a near-duplicate; zero for none. If it is under way no longer, the task is pending at once

	// AtOnce is how many branches may be under way at a time; 0 for all. Those that
	// are to wait are added as Blocked; the keys of all are Prefix and their number
	// in Branches.
	AtOnce int
	Prefix string

	// All says that one branch that fails makes the wait futile. If the task's own
	// failure is nobody's business (it is not Caught), it stays blocked until
	// somebody retries what failed, or cancels it: the run has failed there, and goes
	// on from there. Else it is pending at once.
	All bool
}

// Fallback is an operation that goes on with a task when its own one fails for good.
type Fallback struct {
	Classes []llm.Class `json:"classes,omitempty"` // of the last failure; empty for all. Expired, Changed and Poisoned have no fallback
	Stage   Stage       `json:"stage"`
}

// Origin is where a run was forked.
type Origin struct {
	Task ID     `json:"task"`           // that this one is a copy of
	Step string `json:"step,omitempty"` // the key of the first step that was not kept; "" if all were, or there were none
	Kept bool   `json:"kept,omitempty"` // it was not run again: its result is the origin's

	Input bool `json:"input,omitempty"` // the fork gave it another input
}

// Parent returns the task that has r in one of its branches; zero if none has.
func (r *TaskRow) Parent() ID {
	if r.Links == nil {
		return ID{}
	}
	return r.Links.Parent
}

// Branch returns the first task of the branch that r stands in; zero for the run's
// own line.
func (r *TaskRow) Branch() ID {
	if r.Parent().IsZero() {
		return ID{}
	}
	return ChildID(r.Links.Parent, r.Links.Key)
}

// Caught reports whether a failure of r is the business of one of the tasks above it.
func (r *TaskRow) Caught() bool { return r.Links != nil && r.Links.Caught }

// Awaited reports whether r's parent is blocked until r's branch ends.
func (r *TaskRow) Awaited() bool { return r.Links != nil && r.Links.Awaited }

// PassOn has last, the last task so far of the line that r stands in, be awaited in
// r's place, if r is.
func (r *TaskRow) PassOn(last *TaskRow) {
	if r.Awaited() && last != r {
		r.BeAwaited(false)
		last.BeAwaited(true)
	}
}

// BranchState returns whether the line that a task stands in has ended, and whether
// it has failed: whether one of its tasks, or one below them that is Awaited still,
// was not successful or was asked to stop. rows are those of the run.
func BranchState(rows []*TaskRow, of ID) (ended, failed bool) {
	ended = true
	first := branchOf(rows, of)
	in := map[ID]bool{} // tasks of the line, and of what fails with it
	for _, r := range rows {
		if r.Branch() == first {
			in[r.ID] = true
			ended = ended && r.State.Ended()
		}
	}
	for more := true; more; {
		more = false
		for _, r := range rows {
			if !in[r.ID] && in[r.Parent()] && r.Awaited() {
				in[r.ID], more = true, true
			}
		}
	}
	for _, r := range rows {
		failed = failed || in[r.ID] && (r.State == Dead || r.State == Cancelled || r.Cancelling)
	}
	return ended, failed
}

func branchOf(rows []*TaskRow, of ID) ID {
	for _, r := range rows {
		if r.ID == of {
			return r.Branch()
		}
	}
	return of
}

// Below returns the tasks, among the rows of a run, of the line that a task stands
// in, and all that are below them.
func Below(rows []*TaskRow, of ID) map[ID]bool {
	first := branchOf(rows, of)
	in := map[ID]bool{}
	for more := true; more; {
		more = false
		for _, r := range rows {
			if !in[r.ID] && (r.Branch() == first || in[r.Parent()]) {
				in[r.ID], more = true, true
			}
		}
	}
	return in
}

// MayHaveSteps reports whether steps may be stored for r.
func (r *TaskRow) MayHaveSteps() bool { return r.Attempt > 0 || r.Links != nil && r.Links.Stored }

// Follows reports whether another task, FollowID(r.ID), comes after r once r has
// succeeded. It needs Next.
func (r *TaskRow) Follows() bool {
	switch {
	case len(r.Next) == 0:
		return false
	case r.Next[0].Here && r.Next[0].isFan():
		return len(r.Next) > 1
	}
	return true
}

// link changes a copy of r's links.
func (r *TaskRow) link(change func(*Links)) {
	l := Links{}
	if r.Links != nil {
		l = *r.Links
	}
	change(&l)
	r.Links = &l
	if l.isZero() {
		r.Links = nil
	}
}

func (l *Links) isZero() bool {
	return l.Parent.IsZero() && l.Key == "" && !l.Awaited && !l.Caught && !l.InLine && l.Wait == nil && l.Signals == nil && !l.Stored && !l.Forked &&
		l.Fallbacks == nil && l.Origin == nil && l.Variant == nil && l.Near.IsZero() && l.Followers == 0 && !l.Alone
}

// BeAwaited marks whether r's parent is blocked until r's branch ends.
func (r *TaskRow) BeAwaited(awaited bool) {
	if r.Awaited() != awaited {
		r.link(func(l *Links) { l.Awaited = awaited })
	}
}

// Signal says that a signal has come from outside.
type Signal struct {
	Name    string
	ID      string          // of the signal: one that comes twice counts once
	Payload json.RawMessage // what [Await] returns
}

// Step returns the signal as the step that it is stored as.
func (s *Signal) Step() StepRow {
	name := signalPrefix + s.Name
	return StepRow{Key: name + "/" + s.ID, Name: name, Result: s.Payload}
}

const signalPrefix = "signal:"

// BeInLine makes a row that is new, or is retried, wait for its turn among its parent's
// branches.
func (r *TaskRow) BeInLine() {
	r.State, r.Due = Blocked, time.Time{}
	r.link(func(l *Links) { l.InLine = true })
}

// BeSignalled counts a signal of a name. A row that waits for it is pending.
func (r *TaskRow) BeSignalled(name string) {
	r.link(func(l *Links) {
		l.Stored = true
		l.Signals = maps.Clone(l.Signals)
		if l.Signals == nil {
			l.Signals = map[string]int{}
		}
		l.Signals[name]++
	})
	if w := r.Links.Wait; w != nil && w.Signal == name && r.Links.Signals[name] > w.After {
		r.BeReleased()
	}
}

// BeReleased makes a blocked row pending.
func (r *TaskRow) BeReleased() {
	r.State = Pending
	r.Due = time.Time{}
	r.endWait()
	if r.Links != nil && r.Links.InLine {
		r.link(func(l *Links) { l.InLine = false })
	}
}

// endWait has r, which is blocked no longer, wait for nothing.
func (r *TaskRow) endWait() {
	if r.Links != nil && r.Links.Wait != nil {
		r.link(func(l *Links) { l.Wait = nil })
	}
}

// IsInLine reports whether r is a task of a branch that is not under way and waits for its
// turn among its parent's.
func (r *TaskRow) IsInLine() bool { return r.State == Blocked && r.Links != nil && r.Links.InLine }

// BeParked makes a row, which is blocked, wait as p says. tails are the last tasks of
// p's branches so far, nil for one that is not there any more. It returns those that
// are to be marked as Awaited, and those, among them, that are to start.
func (r *TaskRow) BeParked(p *Park, tails []*TaskRow) (await, start []*TaskRow) {
	w := Wait{All: p.All, Signal: p.Signal, After: p.After}
	if p.Stop != nil {
		w.Budget, w.Account = p.Stop.Budget, p.Stop.Account
	}
	failed, places := false, 0 // of the branches that have one
	for _, t := range tails {
		if t == nil || t.State.Ended() && (t.State == Succeeded || !p.All || r.Caught()) {
			failed = failed || t != nil && t.State != Succeeded
			continue
		}
		w.Branches++
		await = append(await, t)
		if !t.Links.InLine {
			places++
		}
	}
	if w.Branches == 0 && !r.isOut(p) || p.All && failed {
		r.BeReleased()
		return nil, nil
	}
	next := len(tails)
	for i, t := range tails {
		if t == nil || !t.IsInLine() {
			continue
		}
		if p.AtOnce > 0 && places >= p.AtOnce {
			next = i
			break
		}
		places++
		start = append(start, t)
	}
	if p.AtOnce > 0 {
		w.Line = &Line{Prefix: p.Prefix, Next: next, Of: len(tails), Free: p.AtOnce - places}
	}
	r.link(func(l *Links) { l.Wait = &w })
	return await, start
}

// isOut reports whether the signal that p waits for has not come, or its budget is
// used up.
func (r *TaskRow) isOut(p *Park) bool {
	return p.Stop != nil || p.Signal != "" && (r.Links == nil || r.Links.Signals[p.Signal] <= p.After)
}

// BranchHasEnded counts a branch of r's that was Awaited and has ended with the task
// last, well or not. counts is false for a failure that r goes on waiting for, in hope
// of a retry: then the mark stays. start says that another one may start: that of
// NextInLine. What ends together is counted first, before anything starts.
func (r *TaskRow) BranchHasEnded(last *TaskRow) (counts, start bool) {
	if r.State != Blocked || r.Links == nil || r.Links.Wait == nil || r.Links.Wait.Branches == 0 {
		return true, false
	}
	w, well := *r.Links.Wait, last.State == Succeeded
	if !well && w.All && !r.Caught() {
		return false, false
	}
	w.Branches--
	if w.Branches == 0 || !well && w.All {
		r.BeReleased()
		return true, false
	}
	r.link(func(l *Links) { l.Wait = &w })
	return true, w.Line != nil && !last.Links.InLine
}

// NextInLine takes the first one out of the line of r's branches for a place that is
// free, and returns the id of its first task. If the last one of that is not IsInLine, the
// next one may start in its place. It returns zero if none may start: the place stays free.
func (r *TaskRow) NextInLine() ID {
	line := r.line()
	if line == nil {
		return ID{}
	}
	start := ID{}
	if line.Free < 0 || line.Next == line.Of {
		line.Free++
	} else {
		start = ChildID(r.ID, line.Prefix+strconv.Itoa(line.Next))
		line.Next++
	}
	r.setLine(line)
	return start
}

// takeBack has b, a branch of r's that was retried and is pending, take a place of r's, or
// wait for one in line, if r is blocked by a line in which b stands. It is waited for then.
// had says that b kept its place when it ended.
func (r *TaskRow) takeBack(b *TaskRow, had bool) {
	line := r.line()
	if line == nil || had {
		return
	}
	number, ok := strings.CutPrefix(b.Links.Key, line.Prefix)
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 0 || n >= line.Of {
		return
	}
	if line.Free > 0 {
		line.Free--
	} else {
		line.Next = min(line.Next, n)
		b.BeInLine()
	}
	r.setLine(line)
	if !b.Awaited() {
		b.BeAwaited(true)
		r.link(func(l *Links) {
			w := *l.Wait
			w.Branches++
			l.Wait = &w
		})
	}
}

// line returns a copy of the line of r's branches, nil if r is not blocked by one.
func (r *TaskRow) line() *Line {
	if r.State != Blocked || r.Links == nil || r.Links.Wait == nil || r.Links.Wait.Line == nil {
		return nil
	}
	line := *r.Links.Wait.Line
	return &line
}

func (r *TaskRow) setLine(line *Line) {
	r.link(func(l *Links) {
		w := *l.Wait
		w.Line = line
		l.Wait = &w
	})
}
