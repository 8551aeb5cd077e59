package sqlite

import (
	"encoding/json"
	"fmt"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// write makes true what a transaction has decided.
func (t *tx) write(w *durable.Writes) error {
	d := deltas{}
	for _, step := range []func(*durable.Writes, deltas) error{
		t.add, t.claim, t.change, t.move, t.end, t.revive, t.record, t.delete,
	} {
		if err := step(w, d); err != nil {
			return err
		}
	}
	if err := t.count(d); err != nil {
		return err
	}
	if err := t.book(w); err != nil {
		return err
	}
	if err := t.ledger(w); err != nil {
		return err
	}
	return t.events(w.Events)
}

// deltas are by how many tasks the counts of states change.
type deltas map[place]int

type place struct {
	queue string
	state int64
}

// move counts a record whose Token is the state that it was read in, 0 if it is new.
func (d deltas) move(r *durable.Record) {
	to := stateNumber(r.State)
	if r.Token != 0 {
		d[place{r.Queue, r.Token}]--
	}
	d[place{r.Queue, to}]++
}

func (t *tx) count(d deltas) error {
	var args []any
	for p, n := range d {
		if n != 0 {
			args = append(args, p.queue, p.state, n)
		}
	}
	return t.execMany(t.ctx, "count", 3, args)
}

func (t *tx) add(w *durable.Writes, d deltas) error {
	if err := t.nodes(w.Nodes); err != nil {
		return err
	}
	if len(w.Add) == 0 {
		return nil
	}
	tasks := make([]any, 0, 2*len(w.Add))
	statuses := make([]any, 0, 12*len(w.Add))
	var seq int64
	filled := fillings{}
	for _, r := range w.Add {
		seq = max(seq, r.Seq)
		body, err := packBody(r)
		if err != nil {
			return err
		}
		rest, err := packRest(r)
		if err != nil {
			return err
		}
		tasks = append(tasks, r.Seq, body)
		statuses = append(statuses, r.ID[:], r.Seq, r.Bin, runArg(r), stateNumber(r.State), timeArg(micros(r.Wake())), timeArg(micros(r.Ended)),
			hashArg(&r.Identity), twinArg(r), hashArg(&r.Conversation), hashArg(&r.Head), rest)
		if err := t.prune(&r.Identity); err != nil {
			return err
		}
		filled.add(r)
		d.move(r)
	}
	if err := t.execMany(t.ctx, "add_task", 2, tasks); err != nil {
		return err
	}
	if err := t.execMany(t.ctx, "add_status", 12, statuses); err != nil {
		return err
	}
	if err := t.outputs(w.Add); err != nil {
		return err
	}
	if err := t.exec(t.ctx, "set_counter", seq+1, "seq"); err != nil {
		return err
	}
	return t.fill(filled)
}

// outputs stores those of new tasks that have ended.
func (t *tx) outputs(records []*durable.Record) error {
	for _, r := range records {
		if !r.State.Ended() || r.Output == nil {
			continue
		}
		if err := t.exec(t.ctx, "set_output", durable.Pack(r.Output), r.ID[:]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) nodes(nodes []pawl.Node) error {
	for i := range nodes {
		n := &nodes[i]
		if err := t.exec(t.ctx, "add_node", n.Hash[:], hashArg(&n.Parent), n.Content[:]); err != nil {
			return err
		}
		if err := t.exec(t.ctx, "add_message", n.Content[:], durable.PackText(n.Message.JSON())); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) claim(w *durable.Writes, d deltas) error {
	if len(w.Claim) == 0 {
		return nil
	}
	records := make(map[int64]*durable.Record, len(w.Claim))
	var with []*durable.Record // those that may have steps
	for _, c := range w.Claim {
		r := t.seen[c.ID]
		if r == nil {
			return fmt.Errorf("claim of %s, which was not among the first of its bin", c.ID)
		}
		if r.MayHaveSteps() {
			with = append(with, r)
		}
		r.BeClaimed(w.Now, c.Worker, c.Lease.Sub(w.Now))
		r.Bin, r.Queue, r.Limit, r.Priority, r.User, r.Operation = c.Bin, c.In.Queue, c.In.Limit, c.In.Priority, c.In.User, c.In.Operation
		r.Calls, r.Cost, r.Share, r.Token = c.Calls, c.Cost, c.Share, stateNumber(pawl.Pending)
		rest, err := packRest(r)
		if err != nil {
			return err
		}
		if err := t.exec(t.ctx, "claim", stateNumber(pawl.Running), micros(r.LeaseUntil), rest, r.ID[:]); err != nil {
			return err
		}
		d.move(r)
		records[r.Seq], c.Row = r, &r.TaskRow
	}
	if err := t.complete(records); err != nil {
		return err
	}
	return t.addSteps(with, false)
}

func (t *tx) change(w *durable.Writes, d deltas) error {
	for _, r := range w.Change {
		d.move(r)
		if err := t.store(r); err != nil {
			return err
		}
	}
	return nil
}

// store writes all of a status that may change. A task that has not ended has no
// output.
func (t *tx) store(r *durable.Record) error {
	rest, err := packRest(r)
	if err != nil {
		return err
	}
	var output []byte
	if r.State.Ended() {
		output = durable.Pack(r.Output)
	}
	return t.exec(t.ctx, "change", stateNumber(r.State), timeArg(micros(r.Wake())), timeArg(micros(r.Ended)), hashArg(&r.Head),
		textArg(string(r.LastAttempt().Class)), textArg(r.Fingerprint), rest, output, r.ID[:])
}

func (t *tx) end(w *durable.Writes, d deltas) error {
	for _, r := range w.End {
		d.move(r)
		if err := t.store(r); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) revive(w *durable.Writes, d deltas) error {
	if w.Input && len(w.Revive) > 0 {
		if err := t.renew(w.Revive); err != nil {
			return err
		}
	}
	for _, r := range w.Revive {
		d.move(r)
		if err := t.store(r); err != nil {
			return err
		}
		if err := t.exec(t.ctx, "set_twin", twinArg(r), r.ID[:]); err != nil {
			return err
		}
	}
	return nil
}

// renew gives tasks a new input: what they had stored for the old one goes.
func (t *tx) renew(records []*durable.Record) error {
	loose, err := t.heads(records)
	if err != nil {
		return err
	}
	if err := t.queryMany(t.ctx, "heads_of", recordArgs(records), loose.scan); err != nil {
		return err
	}
	if err := t.execMany(t.ctx, "delete_steps", 1, seqArgs(records)); err != nil {
		return err
	}
	for _, r := range records {
		body, err := packBody(r)
		if err != nil {
			return err
		}
		if err := t.exec(t.ctx, "renew_task", body, r.Seq); err != nil {
			return err
		}
		if err := t.exec(t.ctx, "renew_status", hashArg(&r.Identity), hashArg(&r.Head), r.ID[:]); err != nil {
			return err
		}
	}
	return t.sweep(loose)
}

// record writes what happened inside running tasks.
func (t *tx) record(w *durable.Writes, _ deltas) error {
	for _, r := range w.Calls {
		if err := t.store(r); err != nil {
			return err
		}
	}
	for _, r := range w.Beats {
		if err := t.exec(t.ctx, "beat", micros(r.LeaseUntil), r.ID[:]); err != nil {
			return err
		}
	}
	for i := range w.Steps {
		s := &w.Steps[i]
		err := t.exec(t.ctx, "add_step", s.Task[:], s.Key, hashArg(&s.Head), packStep(&s.StepRow), durable.PackText(s.Result))
		if err != nil {
			return err
		}
	}
	return nil
}

// book writes pages and letters.
func (t *tx) book(w *durable.Writes) error {
	if w.Opened {
		if err := t.exec(t.ctx, "drop_letters"); err != nil {
			return err
		}
	}
	if len(w.Posts) > 0 {
		posts, err := json.Marshal(w.Posts)
		if err != nil {
			return fmt.Errorf("store posts: %w", err)
		}
		if err := t.exec(t.ctx, "add_letter", posts); err != nil {
			return err
		}
	}
	deleted := false
	for _, p := range w.Pages {
		deleted = deleted || p.Value == nil
		if err := t.exec(t.ctx, "put_page", p.Key, w.Version, p.Value); err != nil {
			return err
		}
	}
	if deleted {
		return t.forget(w.Version - deletedPages)
	}
	return nil
}

// deletedPages is for how many versions of the book deleted pages are kept, for
// other processes that have not read of it.
const deletedPages = 1000

func (t *tx) forget(upTo int64) error {
	_, found, err := t.number(t.ctx, "forgettable", upTo)
	if err != nil || !found {
		return err
	}
	if err := t.exec(t.ctx, "forget_pages", upTo); err != nil {
		return err
	}
	return t.exec(t.ctx, "set_counter", upTo, "deleted")
}

func runArg(r *durable.Record) any {
	if r.Run == r.ID {
		return nil
	}
	return r.Run[:]
}

func hashArg(h *pawl.Hash) any {
	if h.IsZero() {
		return nil
	}
	return h[:]
}

func textArg(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func timeArg(micros int64) any {
	if micros == 0 {
		return nil
	}
	return micros
}

func recordArgs(records []*durable.Record) []any {
	args := make([]any, len(records))
	for i, r := range records {
		args[i] = r.ID[:]
	}
	return args
}

func seqArgs(records []*durable.Record) []any {
	args := make([]any, len(records))
	for i, r := range records {
		args[i] = r.Seq
	}
	return args
}
