package durable

import (
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/admission"
)

// act is one call of the contract that changes something, between its reads and
// its writes.
type act struct {
	Tx
	given time.Time // the time of the call; zero for the database's clock
	begun bool
	now   time.Time
	types Types // of events that somebody watches
	book  *Book // nil if it is closed: then posts go into the inbox
	w     Writes

	ends     []*Record    // awaited branches that have ended, by their last tasks
	left     []*Record    // near-duplicates that are under way no longer, and are waited for
	behind   []nearBehind // what began to wait for one
	touched  []*touch
	refunded *admission.Charge // the last post of that kind
	of       map[pawl.ID]*touch
	known    map[pawl.ID]*Record // all that were read or are new, one for each task
}

// touch is a task that the act changes.
type touch struct {
	*Record
	isNew, revived, deleted bool
}

// begin asks for the time and for who watches. It comes after the first read of
// the act: a database over a network tells all of it in one round trip.
func (a *act) begin() error {
	if a.begun {
		return nil
	}
	at, err := clock(a.Tx, a.given)
	if err != nil {
		return err
	}
	types, err := a.Interest()
	if err != nil {
		return err
	}
	a.begun, a.now, a.types, a.w.Now = true, at, types, at
	return nil
}

// own returns records with those that the act has already in place of the new copies.
func (a *act) own(records []*Record) []*Record {
	if a.known == nil {
		a.known = make(map[pawl.ID]*Record, len(records))
	}
	for i, r := range records {
		if r == nil {
			continue
		}
		if old := a.known[r.ID]; old != nil {
			records[i] = old
			continue
		}
		a.known[r.ID] = r
	}
	return records
}

// held is Held with the act's own records.
func (a *act) held(ids []pawl.ID, steps []StepKey) ([]*Record, []bool, error) {
	records, stored, err := a.Held(ids, steps)
	if err != nil {
		return nil, nil, err
	}
	return a.own(records), stored, a.begin()
}

// touch notes that a task's row changes.
func (a *act) touch(r *Record) *touch {
	if t := a.of[r.ID]; t != nil {
		return t
	}
	if a.of == nil {
		a.of = map[pawl.ID]*touch{}
	}
	t := &touch{Record: r}
	a.of[r.ID] = t
	a.touched = append(a.touched, t)
	return t
}

// update changes a task's row, and has the task wait, or no longer wait, in its
// bin as its state says.
func (a *act) update(r *Record, change func(*pawl.TaskRow)) *touch {
	t := a.touch(r)
	from, scope := r.State, r.UnderWay()
	change(&r.TaskRow)
	if !scope.IsZero() && r.UnderWay() != scope {
		a.leave(r, scope)
	}
	if from == pawl.Pending {
		a.post(Post{Arrive: &Arrival{Bin: binOf(&r.TaskRow), Tasks: -1}})
	}
	if r.State == pawl.Pending {
		a.arrive(r)
	}
	if r.State == pawl.Pending || r.State == pawl.Scheduled {
		a.w.Bell.Ready = true // a worker may sleep beyond it
	}
	return t
}

// arrive posts that a task waits. Tasks of one bin that come together are one post.
func (a *act) arrive(r *Record) {
	bin := binOf(&r.TaskRow)
	if last := len(a.w.Posts) - 1; last >= 0 {
		if p := a.w.Posts[last].Arrive; p != nil && p.Tasks > 0 && p.Bin == bin {
			p.Tasks++
			p.Seq = min(p.Seq, r.Seq)
			return
		}
	}
	a.post(Post{Arrive: &Arrival{Bin: bin, Tasks: 1, Seq: r.Seq}})
}

// post enters something into the book, or leaves it for whoever opens it next.
func (a *act) post(p Post) {
	p.At = a.now
	if a.book != nil {
		a.book.enter(&p)
		return
	}
	a.w.Posts = append(a.w.Posts, p)
}

// emit tells the watches what happened to a task.
func (a *act) emit(what pawl.EventType, r *pawl.TaskRow) {
	if a.types&typesOf(what) == 0 {
		return
	}
	e := a.event(what, r)
	if what == pawl.EventRetried || what == pawl.EventEnded {
		last := r.LastAttempt()
		e.Class, e.Message = last.Class, last.Message
	}
	if what == pawl.EventEnded {
		e.Branch = r.Branch()
	}
	a.send(e)
}

func (a *act) event(what pawl.EventType, r *pawl.TaskRow) pawl.Event {
	return pawl.Event{
		Type: what, At: a.now, Task: r.ID, Run: r.Run,
		Operation: r.Operation, Queue: r.Queue, User: r.User, State: r.State, Attempt: r.Attempt,
	}
}

func (a *act) send(e pawl.Event) {
	a.w.Events = append(a.w.Events, e)
	a.w.Bell.Events = true
}

// writes sorts what was touched by what becomes of it.
func (a *act) writes() (*Writes, error) {
	w := &a.w
	for _, t := range a.touched {
		switch {
		case t.isNew:
			w.Add = append(w.Add, t.Record)
		case t.deleted:
			w.Delete = append(w.Delete, t.Record)
		case t.revived:
			w.Revive = append(w.Revive, t.Record)
		case t.State.Ended():
			w.End = append(w.End, t.Record)
		default:
			w.Change = append(w.Change, t.Record)
		}
	}
	w.Holds = slices.DeleteFunc(w.Holds, func(r *Record) bool { return a.of[r.ID] != nil }) // what changes is held
	if w.empty() {
		return nil, nil
	}
	return w, nil
}

func (w *Writes) empty() bool {
	return len(w.Add)+len(w.Claim)+len(w.Change)+len(w.End)+len(w.Revive)+len(w.Delete)+
		len(w.Beats)+len(w.Calls)+len(w.Steps)+len(w.Nodes)+len(w.Posts)+len(w.Pages)+len(w.Events)+len(w.Ledger)+len(w.Drops) == 0 && !w.Opened
}

// settle posts how a reserved call ended: to its limit, its budgets and the ledger.
func (a *act) settle(r *Record, c *Call, st pawl.Settlement) {
	if st == (pawl.Settlement{Key: st.Key, Outcome: pawl.CallNotSent}) && c.Plain() && !c.Holds() {
		if c.Limit != pawl.NoLimit {
			a.refund(c)
		}
		return
	}
	p := Post{Spend: c.Spend(&st), Entries: a.entryOf(r, c, &st)}
	if c.Limit != pawl.NoLimit {
		st.Paid, st.CacheSaved, st.Waited, st.Class = 0, 0, 0, "" // they are in the entry
		p.Settle = &admission.Ended{Limit: c.Limit, Operation: r.Operation, Size: c.Size, Charged: c.Charged, Settlement: st}
	}
	if p.Settle != nil || p.Spend != nil || p.Entries != nil {
		a.post(p)
		a.w.Bell.Ready = true
	}
}

// refund posts that a call was not sent. Those of one limit are one post.
func (a *act) refund(c *Call) {
	a.w.Bell.Ready = true
	if r := a.refunded; r != nil && r.Limit == c.Limit && r.Cost.Epoch == c.Cost.Epoch {
		r.Cost = r.Cost.Plus(c.Cost)
		return
	}
	refund := &admission.Charge{Limit: c.Limit, Cost: c.Cost}
	a.post(Post{Refund: refund})
	if a.book == nil { // else it is entered already
		a.refunded = refund
	}
}

// abandon ends the calls of an attempt that has ended: what its claim reserved
// and nobody used is refunded, and a call without an outcome stays charged. It
// returns these, as [pawl.Attempt.Open] has them.
func (a *act) abandon(r *Record) (open []string) {
	for i := range r.Calls {
		c := &r.Calls[i]
		if c.Unknown {
			open = append(open, c.Step)
			continue
		}
		outcome := pawl.CallNotSent
		if c.Key != "" {
			outcome = pawl.CallUnknown
			open = append(open, c.Step)
		}
		a.settle(r, c, pawl.Settlement{Outcome: outcome})
	}
	r.Calls = nil
	return open
}

// correct charges a task's user what the task did use.
func (a *act) correct(r *Record, used int64) {
	if more := float64(used) - r.Cost; more != 0 {
		a.post(Post{Correct: &Correction{Bin: binOf(&r.TaskRow), More: more, Share: r.Share}})
	}
}

// cancel cancels a task that has not ended, or asks it to stop if it runs.
func (a *act) cancel(r *Record) {
	if r.State == pawl.Running {
		if !r.Cancelling {
			a.touch(r)
			r.BeCancelled(a.now)
			a.emit(pawl.EventCancelling, &r.TaskRow)
		}
		return
	}
	a.update(r, func(row *pawl.TaskRow) { row.BeCancelled(a.now) })
	a.over(r, false)
}
