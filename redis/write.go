package redis

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// writer turns a Writes into the parts of a program for commit.lua.
type writer struct {
	t       *tx
	w       *durable.Writes
	version uint64 // of all rows that this transaction writes; the lowest bit is each row's own
	fresh   payloads
	known   []knownRow
	ended   []pawl.ID // tasks that do not run
	do      commands
	counts  map[string]int
	written map[pawl.ID]bool // tasks whose rows are written
	claims  claims
	twins   twins
	nodes   []pawl.Node
	refs    list
	unrefs  list // the keys of steps that go
	events  list
	*memory
}

type knownRow struct {
	id  pawl.ID
	row string
}

// memory is what writers work in, one after the other.
type memory struct {
	scratch  buffer // for one row
	payloads buffer // of all new tasks
	program  pack
}

var memories = sync.Pool{New: func() any { return new(memory) }}

// free gives up the writer's memory. Nothing that the writer made may be in use.
func (w *writer) free() {
	w.do.free()
	if cap(w.payloads)+cap(w.memory.program) <= mostKept {
		memories.Put(w.memory)
	}
	w.memory = nil
}

// write prepares everything that w changes.
func (t *tx) write(w *durable.Writes) (*writer, error) {
	wr := &writer{t: t, w: w, version: rand.Uint64() &^ 1, counts: map[string]int{}, written: map[pawl.ID]bool{}, nodes: w.Nodes, memory: memories.Get().(*memory)}
	wr.fresh.memory = wr.payloads[:0]
	for _, step := range []func() error{
		wr.add, wr.claim, wr.change, wr.end, wr.revive, wr.delete, wr.touch, wr.steps, wr.post, wr.pages, wr.ledger, wr.happen,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	for field, n := range wr.counts {
		if n != 0 {
			wr.do.once("HINCRBY", t.keys.counts, field, strconv.Itoa(n))
		}
	}
	return wr, nil
}

// count counts a task from one state to another; "" is none.
func (w *writer) count(queue string, from, to pawl.State) {
	if from == to {
		return
	}
	if from != "" {
		w.counts[string(from)+":"+queue]--
	}
	if to != "" {
		w.counts[string(to)+":"+queue]++
	}
}

// countMove counts a task that another queue may have now.
func (w *writer) countMove(old *was, r *durable.Record) {
	if old.queue == r.Queue {
		w.count(r.Queue, old.state, r.State)
		return
	}
	w.count(old.queue, old.state, "")
	w.count(r.Queue, "", r.State)
}

// row writes a task's row.
func (w *writer) row(r *durable.Record) error {
	row, err := appendRow(w.scratch[:0], r, w.version|uint64(r.Token&1))
	if err != nil {
		return err
	}
	w.scratch = row
	w.written[r.ID] = true
	if r.State == pawl.Running {
		w.known = append(w.known, knownRow{r.ID, string(row)})
	} else {
		w.ended = append(w.ended, r.ID)
	}
	w.set(w.t.keys.row(bucketOf(r.ID)), string(r.ID[:]), row)
	return nil
}

func (w *writer) set(key, field string, value []byte) {
	c := w.do.to("HSET", key)
	c.text(field)
	c.bytes(value)
}

// before returns a task as it was read.
func (w *writer) before(r *durable.Record) (*was, error) {
	if old := w.t.was[r.ID]; old != nil {
		return old, nil
	}
	return nil, fmt.Errorf("task %s is written and was not read", r.ID)
}

// put writes a task's row, and moves the task to where it belongs.
func (w *writer) put(r *durable.Record) (*was, error) {
	old, err := w.before(r)
	if err != nil {
		return nil, err
	}
	w.move(r.ID, old.place, w.t.placeOf(r))
	w.countMove(old, r)
	return old, w.row(r)
}

func (w *writer) add() error {
	k := &w.t.keys
	for _, r := range w.w.Add {
		if err := w.row(r); err != nil {
			return err
		}
		if err := w.payload(r); err != nil {
			return err
		}
		w.move(r.ID, place{}, w.t.placeOf(r))
		w.count(r.Queue, "", r.State)
		if r.Run != r.ID {
			add(w.do.to("ZADD", k.run(r.Run)), strconv.FormatInt(r.Seq, 10), r.ID[:])
		}
		w.twins.add(k, r, "new")
		w.ref(r.Conversation)
	}
	return nil
}

// payload writes a new task's payload.
func (w *writer) payload(r *durable.Record) error {
	k := &w.t.keys
	if !r.ID.IsDerived() || r.State.Ended() {
		return w.fresh.add(k, r)
	}
	payload, err := appendPayload(nil, r)
	if err != nil {
		return err
	}
	w.set(k.payload(bucketOf(r.ID)), payloadField(r.ID, false), payload)
	return nil
}

func (w *writer) change() error {
	for _, r := range w.w.Change {
		if _, err := w.put(r); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) end() error {
	for _, r := range w.w.End {
		if _, err := w.put(r); err != nil {
			return err
		}
		if r.Output != nil {
			w.set(w.t.keys.output(bucketOf(r.ID)), outputField(r), durable.Pack(r.Output))
		}
		what := "ended"
		if r.State == pawl.Succeeded {
			what = "succeeded"
		}
		w.twins.add(&w.t.keys, r, what)
	}
	return nil
}

func (w *writer) revive() error {
	for _, r := range w.w.Revive {
		if w.w.Input {
			payload, err := appendPayload(nil, r)
			if err != nil {
				return err
			}
			r.Token |= 1
			w.set(w.t.keys.payload(bucketOf(r.ID)), payloadField(r.ID, true), payload)
			w.dropSteps(r)
		}
		if _, err := w.put(r); err != nil {
			return err
		}
		w.twins.add(&w.t.keys, r, "new")
	}
	return nil
}

func (w *writer) delete() error {
	k := &w.t.keys
	for _, r := range w.w.Delete {
		old, err := w.before(r)
		if err != nil {
			return err
		}
		for _, key := range []string{k.row(bucketOf(r.ID)), k.payload(bucketOf(r.ID))} {
			w.do.to("HDEL", key).bytes(r.ID[:])
		}
		w.do.to("HDEL", k.output(bucketOf(r.ID))).text(outputField(r))
		if newInput(r.Token) {
			w.do.to("HDEL", k.payload(bucketOf(r.ID))).text(payloadField(r.ID, true))
		}
		w.move(r.ID, old.place, place{})
		w.count(r.Queue, old.state, "")
		if r.Run != r.ID {
			w.do.to("ZREM", k.run(r.Run)).bytes(r.ID[:])
		}
		w.twins.add(k, r, "deleted")
		if !r.Conversation.IsZero() {
			w.do.to("RPUSH", k.trash).bytes(r.Conversation[:])
		}
		w.dropSteps(r)
	}
	return nil
}

// dropSteps removes a task's steps.
func (w *writer) dropSteps(r *durable.Record) {
	if !r.MayHaveSteps() {
		return
	}
	k := &w.t.keys
	w.unrefs.text(k.steps(r.ID))
	w.do.to("UNLINK", k.steps(r.ID)).text(k.results(r.ID))
}

// touch writes the rows of which only little has changed.
func (w *writer) touch() error {
	for _, records := range [][]*durable.Record{w.w.Beats, w.w.Calls, w.w.Holds} { // the last for their versions alone
		for _, r := range records {
			if w.written[r.ID] {
				continue
			}
			if _, err := w.put(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) steps() error {
	k := &w.t.keys
	for i := range w.w.Steps {
		s := &w.w.Steps[i]
		results := k.results(s.Task)
		w.t.expect(results, s.Key, "")
		w.do.to("RPUSH", k.steps(s.Task)).bytes(appendStep(nil, &s.StepRow))
		c := w.do.to("HSET", results)
		c.text(s.Key)
		result := durable.PackText(s.Result)
		if result == nil {
			result = []byte{}
		}
		c.bytes(result)
		w.ref(s.Head)
	}
	return nil
}

// ref counts one more that refers to a conversation.
func (w *writer) ref(head pawl.Hash) {
	if !head.IsZero() {
		w.refs.text(w.t.keys.nodes[head[0]%parts])
		w.refs.bytes(head[:])
	}
}
