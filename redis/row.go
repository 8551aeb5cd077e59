package redis

import (
	"encoding/binary"
	"fmt"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// A row is all of a task but its input, its output and its steps. It begins with
// what scripts look at and what a claim replaces:
//
//	version  8 bytes, another one after each change
//	state    1 byte
//	attempt  4 bytes
//	length   4 bytes, of the lease
//	lease    what a claim sets
//	rest     what a claim leaves as it is
//
// Numbers are big-endian. Scripts count the bytes: see commit.lua.
const (
	rowLease   = 17 // where the lease begins
	versionLen = 8
)

// states are the states as they are stored. Their order must never change.
var states = []pawl.State{
	"", pawl.Blocked, pawl.Scheduled, pawl.Pending, pawl.Running, pawl.Succeeded, pawl.Dead, pawl.Cancelled,
}

func stateCode(s pawl.State) byte {
	for i, known := range states {
		if s == known {
			return byte(i)
		}
	}
	panic("redis: unknown state " + string(s)) // a state that this version of pawl does not have
}

func stateOf(code byte) (pawl.State, error) {
	if int(code) >= len(states) {
		return "", fmt.Errorf("state %d is unknown: was the task written by a newer version of this program?", code)
	}
	return states[code], nil
}

// appendRow appends r as a row under a version.
func appendRow(b buffer, r *durable.Record, version uint64) (buffer, error) {
	b, err := appendLease(b, r, version)
	if err != nil {
		return nil, err
	}
	b.optional(r.Run[:], r.Run == r.ID)
	b.int(r.Seq)
	b.int(r.Bin)
	b.int(int64(r.Priority))
	for _, name := range []string{r.Operation, r.Queue, r.Limit, r.User, r.Fingerprint} {
		b.text(name)
	}
	for _, h := range []pawl.Hash{r.Identity, r.Conversation, r.Head} {
		b.hash(h)
	}
	for _, n := range []int{r.Size.Chars, r.Size.MaxTokens, r.Size.Output, r.Used, r.Deaths, r.NotSent, r.MaxAttempts} {
		b.int(int64(n))
	}
	b.time(r.Added)
	b.time(r.Deadline)
	b.time(r.Ended)
	b.bool(r.Cancelling)
	b.int(int64(len(r.Attempts)))
	for i := range r.Attempts {
		b.attempt(&r.Attempts[i])
	}
	links, err := durable.PackLinks(&r.TaskRow)
	b.bytes(links)
	return b, err
}

// appendLease appends the beginning of a row, with the lease.
func appendLease(b buffer, r *durable.Record, version uint64) (buffer, error) {
	b = binary.BigEndian.AppendUint64(b, version)
	b.byte(stateCode(r.State))
	b = binary.BigEndian.AppendUint32(b, uint32(r.Attempt))
	length := len(b)
	b = append(b, 0, 0, 0, 0)
	b.time(r.Started)
	b.time(r.LeaseUntil)
	b.time(r.Due)
	b.text(r.Worker)
	b.float(r.Cost)
	b.float(r.Share)
	b.bytes(durable.PackCalls(r.Calls))
	binary.BigEndian.PutUint32(b[length:], uint32(len(b)-length-4))
	return b, nil
}

// readRow returns the record of a row. Its Token is the version.
func readRow(id pawl.ID, row string) (*durable.Record, error) {
	rec := &durable.Record{}
	r := reader{rest: row}
	rec.ID = id
	rec.Token = int64(r.fixed64())
	var err error
	if rec.State, err = stateOf(r.byte()); err != nil {
		return nil, fmt.Errorf("task %s: %w", id, err)
	}
	rec.Attempt = int(r.fixed32())
	lease := reader{rest: r.take(int(r.fixed32()))}
	if rec.Run = id; r.bool() {
		rec.Run = r.id()
	}
	rec.Seq = r.int()
	rec.Bin = r.int()
	rec.Priority = pawl.Priority(r.int())
	for _, name := range []*string{&rec.Operation, &rec.Queue, &rec.Limit, &rec.User, &rec.Fingerprint} {
		*name = r.text()
	}
	for _, h := range []*pawl.Hash{&rec.Identity, &rec.Conversation, &rec.Head} {
		*h = r.hash()
	}
	for _, n := range []*int{&rec.Size.Chars, &rec.Size.MaxTokens, &rec.Size.Output, &rec.Used, &rec.Deaths, &rec.NotSent, &rec.MaxAttempts} {
		*n = int(r.int())
	}
	rec.Added = r.time()
	rec.Deadline = r.time()
	rec.Ended = r.time()
	rec.Cancelling = r.bool()
	if n := r.int(); n > 0 && n <= int64(len(r.rest)) {
		rec.Attempts = make([]pawl.Attempt, n)
		for i := range rec.Attempts {
			r.attempt(&rec.Attempts[i])
		}
	}
	links := r.bytes()
	if r.err == nil {
		r.err = lease.lease(rec)
	}
	if r.err == nil {
		r.err = durable.UnpackLinks(links, &rec.TaskRow)
	}
	if r.err != nil {
		return nil, fmt.Errorf("row of task %s: %w", id, r.err)
	}
	return rec, nil
}

// withLease returns a row with another lease, as commit.lua makes it.
func withLease(row, lease string) string {
	r := reader{rest: row}
	r.take(rowLease - 4)
	r.take(int(r.fixed32()))
	return lease + r.rest
}

func (r *reader) lease(rec *durable.Record) error {
	rec.Started = r.time()
	rec.LeaseUntil = r.time()
	rec.Due = r.time()
	rec.Worker = r.text()
	rec.Cost = r.float()
	rec.Share = r.float()
	if calls := r.bytes(); calls != nil {
		var err error
		rec.Calls, err = durable.UnpackCalls(calls)
		return err
	}
	return r.err
}

func (b *buffer) attempt(a *pawl.Attempt) {
	b.int(int64(a.Number))
	b.text(a.Worker)
	b.time(a.Started)
	b.time(a.Ended)
	b.usage(a.Usage)
	b.int(int64(a.Calls))
	b.int(int64(a.Saved))
	b.int(int64(a.Unknown))
	b.text(string(a.Class))
	b.text(a.As)
	b.text(a.Message)
	b.int(int64(a.Waited))
	b.usage(a.Spared)
	thought := a.Usage.Reasoning != 0 || a.Spared.Reasoning != 0
	b.flags(a.Used, thought, a.Cost != 0, len(a.Open) > 0, a.Failed != 0, a.Model != "", len(a.Models) > 0)
	b.int(int64(a.Unasked))
	if thought {
		b.int(a.Usage.Reasoning)
		b.int(a.Spared.Reasoning)
	}
	if a.Cost != 0 {
		b.int(int64(a.Cost))
		b.text(a.Currency)
	}
	if len(a.Open) > 0 {
		b.int(int64(len(a.Open)))
		for _, step := range a.Open {
			b.text(step)
		}
	}
	if a.Failed != 0 {
		b.int(int64(a.Failed))
	}
	if a.Model != "" {
		b.text(a.Model)
	}
	if len(a.Models) > 0 {
		b.models(a.Models)
	}
}

func (r *reader) attempt(a *pawl.Attempt) {
	a.Number = int(r.int())
	a.Worker = r.text()
	a.Started = r.time()
	a.Ended = r.time()
	a.Usage = r.usage()
	a.Calls = int(r.int())
	a.Saved = int(r.int())
	a.Unknown = int(r.int())
	a.Class = llm.Class(r.text())
	a.As = r.text()
	a.Message = r.text()
	a.Waited = r.duration()
	a.Spared = r.usage()
	var thought, priced, open, failed, ofOne, ofMany bool
	r.flags(&a.Used, &thought, &priced, &open, &failed, &ofOne, &ofMany)
	a.Unasked = int(r.int())
	if thought {
		a.Usage.Reasoning = r.int()
		a.Spared.Reasoning = r.int()
	}
	if priced {
		a.Cost = price.Money(r.int())
		a.Currency = r.text()
	}
	if open {
		for n := r.int(); n > 0 && r.err == nil; n-- {
			a.Open = append(a.Open, r.text())
		}
	}
	if failed {
		a.Failed = int(r.int())
	}
	if ofOne {
		a.Model = r.text()
	}
	if ofMany {
		a.Models = r.models()
	}
}

func (b *buffer) models(all pawl.ModelSums) {
	b.int(int64(len(all)))
	for i := range all {
		s := &all[i]
		b.text(s.Model)
		b.int(s.Calls)
		b.usage(s.Usage)
		b.int(s.Usage.Reasoning)
		b.int(int64(s.Cost))
		b.text(s.Currency)
	}
}

func (r *reader) models() (all pawl.ModelSums) {
	for n := r.int(); n > 0 && r.err == nil; n-- {
		s := pawl.ModelSum{Model: r.text()}
		s.Calls, s.Usage = r.int(), r.usage()
		s.Usage.Reasoning, s.Cost, s.Currency = r.int(), price.Money(r.int()), r.text()
		all = append(all, s)
	}
	return all
}

// usage appends four of its kinds. Reasoning has a place of its own, after a flag, as
// have the cost, the open steps, the failed calls and the models of an attempt: rows of
// earlier versions have none.
func (b *buffer) usage(u llm.Usage) {
	for _, n := range []int64{u.Input, u.Output, u.CacheRead, u.CacheWrite} {
		b.int(n)
	}
}

func (r *reader) usage() (u llm.Usage) {
	for _, n := range []*int64{&u.Input, &u.Output, &u.CacheRead, &u.CacheWrite} {
		*n = r.int()
	}
	return u
}
