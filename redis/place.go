package redis

import (
	"strconv"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// place is where a task stands in sets, by its state. Each is a member of at most
// one set of a kind.
type place struct {
	bin    int64
	member string // in the bin; "" if it does not wait there
	state  string // the key of the set of tasks in its state; "" for running ones
	lease  int64  // when it ends, of a running task
	wake   int64  // when something becomes of it by itself, of one that waits; 0 for never
	ended  int64
}

func (d *database) placeOf(r *durable.Record) place {
	if r.State == pawl.Running {
		return place{lease: micros(r.LeaseUntil)}
	}
	p := place{state: d.keys.state(r.State, r.Queue)}
	switch {
	case r.State == pawl.Pending:
		p.bin = r.Bin
		c := candidate{Candidate: durable.Candidate{ID: r.ID, Run: r.Run, Seq: r.Seq, Attempt: r.Attempt, Size: r.Size}}
		if !r.Deadline.IsZero() {
			c.flags |= hasDeadline
		}
		if newInput(r.Token) {
			c.flags |= hasNewInput
		}
		if r.MayHaveSteps() {
			c.flags |= hasSteps
		}
		p.member = string(appendMember(nil, &c))
		p.wake = micros(r.Wake())
	case r.State.Ended():
		p.ended = micros(r.Ended)
	default:
		p.wake = micros(r.Wake())
	}
	return p
}

// move takes a task from one place to another. Either may be nowhere, the zero
// place.
func (w *writer) move(id pawl.ID, from, to place) {
	k := &w.t.keys
	if from == to {
		return
	}
	if from.member != "" && (from.member != to.member || from.bin != to.bin) {
		w.do.to("ZREM", k.bin(from.bin)).text(from.member)
	}
	if from.state != "" && from.state != to.state {
		w.do.to("ZREM", from.state).bytes(id[:])
	}
	for _, set := range []struct {
		key      string
		from, to int64
	}{{k.leases, from.lease, to.lease}, {k.wakes, from.wake, to.wake}, {k.ended, from.ended, to.ended}} {
		switch {
		case set.to != 0 && set.to != set.from:
			add(w.do.to("ZADD", set.key), strconv.FormatInt(set.to, 10), id[:])
		case set.to == 0 && set.from != 0:
			w.do.to("ZREM", set.key).bytes(id[:])
		}
	}
	if to.member != "" && (from.member != to.member || from.bin != to.bin) {
		add(w.do.to("ZADD", k.bin(to.bin)), "0", []byte(to.member))
	}
	if to.state != "" && from.state != to.state {
		add(w.do.to("ZADD", to.state), "0", id[:])
	}
}

func add(c *call, score string, member []byte) {
	c.text(score)
	c.bytes(member)
}
