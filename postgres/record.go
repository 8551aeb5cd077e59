package postgres

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// States as numbers, in the order of pawl.States. The partial indexes and some
// statements name them.
var stateNumbers = map[pawl.State]int16{
	pawl.Blocked: 1, pawl.Scheduled: 2, pawl.Pending: 3, pawl.Running: 4,
	pawl.Succeeded: 5, pawl.Dead: 6, pawl.Cancelled: 7,
}

func stateOf(n int16) pawl.State {
	if all := pawl.States(); n >= 1 && int(n) <= len(all) {
		return all[n-1]
	}
	return ""
}

// extra is the payload of a task that few tasks have. The values of Data are kept
// to the byte, which JSON within JSON is not.
type extra struct {
	Data map[string][]byte `json:"data,omitempty"`
	Next []pawl.Stage      `json:"next,omitempty"`
}

func packExtra(r *pawl.TaskRow) ([]byte, error) {
	if len(r.Data) == 0 && len(r.Next) == 0 {
		return nil, nil
	}
	x := extra{Next: r.Next}
	if len(r.Data) > 0 {
		x.Data = make(map[string][]byte, len(r.Data))
	}
	for name, value := range r.Data {
		x.Data[name] = value
	}
	b, err := json.Marshal(x)
	if err != nil {
		return nil, fmt.Errorf("encode data of %s: %w", r.ID, err)
	}
	return durable.Pack(b), nil
}

func unpackExtra(packed []byte, r *pawl.TaskRow) error {
	b, err := durable.Unpack(packed)
	if len(b) == 0 || err != nil {
		return err
	}
	var x extra
	if err := json.Unmarshal(b, &x); err != nil {
		return fmt.Errorf("decode data of %s: %w", r.ID, err)
	}
	r.Next = x.Next
	if len(x.Data) > 0 {
		r.Data = make(map[string]json.RawMessage, len(x.Data))
	}
	for name, value := range x.Data {
		r.Data[name] = value
	}
	return nil
}

// more is what a task has once something has happened to it, as JSON in one
// column, with times in microseconds.
type more struct {
	Used       int       `json:"used,omitempty"`
	Deaths     int       `json:"deaths,omitempty"`
	NotSent    int       `json:"not_sent,omitempty"`
	Due        int64     `json:"due,omitempty"`
	Deadline   int64     `json:"deadline,omitempty"`
	Cancelling bool      `json:"cancelling,omitempty"`
	Head       string    `json:"head,omitempty"`
	Attempts   []attempt `json:"attempts,omitempty"`
	Size       []int     `json:"size,omitempty"` // of a task that has ended; else it has columns
	Links      []byte    `json:"links,omitempty"`
}

// attempt is a pawl.Attempt. Of a task that has ended, the worker is left out where
// it is the row's.
type attempt struct {
	Number   int           `json:"n"`
	Worker   *string       `json:"w,omitempty"`
	Started  int64         `json:"s"`
	Ended    int64         `json:"e"`
	Usage    llm.Usage     `json:"u,omitzero"`
	Calls    int           `json:"c,omitempty"`
	Saved    int           `json:"v,omitempty"`
	Failed   int           `json:"d,omitempty"`
	Unknown  int           `json:"k,omitempty"`
	Class    llm.Class     `json:"f,omitempty"`
	Message  string        `json:"m,omitempty"`
	Waited   time.Duration `json:"t,omitempty"`
	Spared   llm.Usage     `json:"p,omitzero"`
	Used     bool          `json:"x,omitempty"`
	As       string        `json:"a,omitempty"`
	Unasked  int           `json:"q,omitempty"`
	Open     []string      `json:"o,omitempty"`
	Cost     int64         `json:"b,omitempty"` // a price.Money, which as JSON would be a decimal
	Currency string        `json:"y,omitempty"`
	Model    string        `json:"l,omitempty"`
	Models   []modelSum    `json:"ls,omitempty"`
}

// modelSum is a pawl.ModelSum.
type modelSum struct {
	Model    string    `json:"l,omitempty"`
	Calls    int64     `json:"c,omitempty"`
	Usage    llm.Usage `json:"u,omitzero"`
	Cost     int64     `json:"b,omitempty"`
	Currency string    `json:"y,omitempty"`
}

func packModels(all pawl.ModelSums) (packed []modelSum) {
	for _, s := range all {
		packed = append(packed, modelSum{s.Model, s.Calls, s.Usage, int64(s.Cost), s.Currency})
	}
	return packed
}

func unpackModels(packed []modelSum) (all pawl.ModelSums) {
	for _, s := range packed {
		sum := pawl.Sum{Calls: s.Calls, Usage: s.Usage, Cost: price.Money(s.Cost)}
		all = append(all, pawl.ModelSum{Model: s.Model, Sum: sum, Currency: s.Currency})
	}
	return all
}

func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// packMore returns the column more of a row, nil if there is nothing to say.
func packMore(r *pawl.TaskRow) ([]byte, error) {
	links, err := durable.PackLinks(r)
	if err != nil {
		return nil, err
	}
	m := more{
		Used: r.Used, Deaths: r.Deaths, NotSent: r.NotSent,
		Due: micro(r.Due), Deadline: micro(r.Deadline), Cancelling: r.Cancelling, Head: r.Head.String(),
		Links: links,
	}
	if r.State.Ended() && r.Size != (limit.Size{}) {
		m.Size = []int{r.Size.Chars, r.Size.MaxTokens, r.Size.Output}
	}
	if len(r.Attempts) > 0 {
		m.Attempts = make([]attempt, len(r.Attempts))
	}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		m.Attempts[i] = attempt{
			Number: a.Number, Started: micro(a.Started), Ended: micro(a.Ended), Usage: a.Usage, Calls: a.Calls, Saved: a.Saved,
			Failed: a.Failed, Unknown: a.Unknown, Class: a.Class, Message: a.Message, Waited: a.Waited, Spared: a.Spared, Used: a.Used,
			As: a.As, Unasked: a.Unasked, Open: a.Open, Cost: int64(a.Cost), Currency: a.Currency,
			Model: a.Model, Models: packModels(a.Models),
		}
		if a.Worker != r.Worker || !r.State.Ended() {
			m.Attempts[i].Worker = &a.Worker
		}
	}
	if m.isZero() {
		return nil, nil
	}
	b, err := json.Marshal(&m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", r.ID, err)
	}
	return durable.Pack(b), nil
}

func (m *more) isZero() bool {
	return m.Used == 0 && m.Deaths == 0 && m.NotSent == 0 && m.Due == 0 && m.Deadline == 0 && !m.Cancelling &&
		m.Head == "" && len(m.Attempts) == 0 && len(m.Size) == 0 && len(m.Links) == 0
}

// unpackMore sets what the column says; the row's worker and state are set.
func unpackMore(packed []byte, r *pawl.TaskRow) error {
	b, err := durable.Unpack(packed)
	if len(b) == 0 || err != nil {
		return err
	}
	var m more
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("decode %s: %w", r.ID, err)
	}
	r.Used, r.Deaths, r.NotSent, r.Cancelling = m.Used, m.Deaths, m.NotSent, m.Cancelling
	r.Due, r.Deadline = timeOf(m.Due), timeOf(m.Deadline)
	if err := r.Head.UnmarshalText([]byte(m.Head)); err != nil {
		return fmt.Errorf("decode %s: %w", r.ID, err)
	}
	if len(m.Size) == 3 {
		r.Size = limit.Size{Chars: m.Size[0], MaxTokens: m.Size[1], Output: m.Size[2]}
	}
	if err := durable.UnpackLinks(m.Links, r); err != nil {
		return err
	}
	if len(m.Attempts) > 0 {
		r.Attempts = make([]pawl.Attempt, len(m.Attempts))
	}
	for i := range m.Attempts {
		a := &m.Attempts[i]
		r.Attempts[i] = pawl.Attempt{
			Number: a.Number, Worker: r.Worker, Started: timeOf(a.Started), Ended: timeOf(a.Ended), Usage: a.Usage, Calls: a.Calls, Saved: a.Saved,
			Failed: a.Failed, Unknown: a.Unknown, Class: a.Class, Message: a.Message, Waited: a.Waited, Spared: a.Spared, Used: a.Used,
			As: a.As, Unasked: a.Unasked, Open: a.Open, Cost: price.Money(a.Cost), Currency: a.Currency,
			Model: a.Model, Models: unpackModels(a.Models),
		}
		if a.Worker != nil {
			r.Attempts[i].Worker = *a.Worker
		}
	}
	return nil
}

func unpackCalls(b []byte) ([]durable.Call, error) {
	calls, err := durable.UnpackCalls(b)
	if err != nil {
		return nil, fmt.Errorf("decode calls: %w", err)
	}
	return calls, nil
}

// readLive reads a row of the statement held: all but what never changes.
func readLive(r *row) (*durable.Record, error) {
	rec := &durable.Record{}
	t := &rec.TaskRow
	t.ID = r.uuid()
	if t.Run = r.uuid(); t.Run.IsZero() {
		t.Run = t.ID
	}
	t.Seq, rec.Bin, t.State, t.Attempt = r.int8(), r.int8(), stateOf(r.int2()), r.int4()
	wake := r.time()
	if t.State == pawl.Running {
		t.LeaseUntil = wake
	}
	t.Started, t.Worker = r.time(), r.text()
	t.Size = limit.Size{Chars: r.int4(), MaxTokens: r.int4(), Output: r.int4()}
	rec.Cost, rec.Share = r.float8(), r.float8()
	r.next() // class: it is in the attempts
	t.Identity = r.hash()
	calls, err := unpackCalls(r.next())
	if err != nil {
		return nil, err
	}
	rec.Calls = calls
	if err := unpackMore(r.next(), t); err != nil {
		return nil, err
	}
	rec.Token = r.xid()
	return rec, nil
}

// endedToken marks the Token of a row of ended, above the 32 bits of its version.
const endedToken = 1 << 32

// readEnded reads a row of the statement heldEnded.
func readEnded(r *row) (*durable.Record, error) {
	rec := &durable.Record{}
	t := &rec.TaskRow
	t.ID, t.Run, t.Seq, rec.Bin = r.uuid(), r.uuid(), r.int8(), r.int8()
	t.State, t.Attempt, t.Ended, t.Started, t.Worker = stateOf(r.int2()), r.int4(), r.time(), r.time(), r.text()
	r.next() // class: it is in the attempts
	t.Fingerprint = r.text()
	if err := unpackMore(r.next(), t); err != nil {
		return nil, err
	}
	rec.Token = r.xid() | endedToken
	return rec, nil
}

// setBin sets the parts of a bin.
func setBin(r *pawl.TaskRow, b durable.Bin) {
	r.Queue, r.Limit, r.Priority, r.User, r.Operation = b.Queue, b.Limit, b.Priority, b.User, b.Operation
}
