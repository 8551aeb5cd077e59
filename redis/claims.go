package redis

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// claims are the tasks that a transaction claims, by bucket.
type claims struct {
	parts []*claimPart
	open  map[bucket]*claimPart
	bins  bins
	again []*durable.Claim // those that may have steps
}

type claimPart struct {
	bucket     bucket
	claims     []*durable.Claim
	payloads   []string // their fields
	leases     []string
	ids, lease list
}

// claimsAtOnce is how many rows one command of commit.lua writes; each is two arguments.
const claimsAtOnce = mostArguments / 2

func (w *writer) claim() error {
	for _, c := range w.w.Claim {
		head := w.t.heads[c.ID]
		if head == nil {
			return fmt.Errorf("task %s is claimed and was not read", c.ID)
		}
		r := &durable.Record{Calls: c.Calls, Cost: c.Cost, Share: c.Share}
		r.ID, r.State, r.Attempt, r.Queue = c.ID, pawl.Running, c.Attempt+1, c.In.Queue
		r.Worker, r.Started, r.LeaseUntil = c.Worker, w.w.Now, c.Lease
		r.Token = int64(head.flags & hasNewInput >> 1)
		lease, err := appendLease(w.scratch[:0], r, w.version|uint64(r.Token))
		if err != nil {
			return err
		}
		w.scratch = lease
		w.claims.add(c, head, lease)
		from := place{state: w.t.keys.state(pawl.Pending, r.Queue)} // the script takes it out of its bin
		if head.flags&hasDeadline != 0 {
			from.wake = 1
		}
		w.move(c.ID, from, w.t.placeOf(r))
		w.count(r.Queue, pawl.Pending, pawl.Running)
	}
	return nil
}

func (cs *claims) add(c *durable.Claim, head *candidate, lease []byte) {
	b := bucketOf(c.ID)
	p := cs.open[b]
	if p == nil || len(p.claims) >= claimsAtOnce {
		if cs.open == nil {
			cs.open = map[bucket]*claimPart{}
		}
		p = &claimPart{bucket: b}
		cs.open[b] = p
		cs.parts = append(cs.parts, p)
	}
	p.claims = append(p.claims, c)
	p.payloads = append(p.payloads, payloadField(c.ID, head.flags&hasNewInput != 0))
	p.ids.bytes(c.ID[:])
	p.leases = append(p.leases, string(lease))
	p.lease.bytes(lease)
	cs.bins.add(c.Bin, head)
	if head.flags&hasSteps != 0 {
		cs.again = append(cs.again, c)
	}
}

// bins are where claimed tasks stand, as they were read: what a claim is decided by. A
// pending task that changes stands there as another member.
type bins struct {
	parts []*binPart
	open  map[int64]*binPart
}

type binPart struct {
	bin     int64
	members list
}

func (bs *bins) add(bin int64, c *candidate) {
	p := bs.open[bin]
	if p == nil || p.members.n >= mostArguments {
		if bs.open == nil {
			bs.open = map[int64]*binPart{}
		}
		p = &binPart{bin: bin}
		bs.open[bin] = p
		bs.parts = append(bs.parts, p)
	}
	p.members.bytes(appendMember(nil, c))
}

// claims appends them, their places, and the keys of their steps, to a program.
func (p *program) claims(k *keys, cs *claims) {
	p.array(len(cs.parts))
	for _, part := range cs.parts {
		p.array(3)
		p.text(p.key(k.row(part.bucket)))
		p.list(&part.ids)
		p.list(&part.lease)
	}
	p.array(len(cs.bins.parts))
	for _, part := range cs.bins.parts {
		p.array(2)
		p.text(p.key(k.bin(part.bin)))
		p.list(&part.members)
	}
	p.array(len(cs.again))
	for _, c := range cs.again {
		p.array(2)
		p.text(p.key(k.steps(c.ID)))
		p.text(p.key(k.results(c.ID)))
	}
}

// claimed sets the rows of claims, from what the script answered and from their payloads.
func (w *writer) claimed(claimed, steps any, payloads []any) error {
	values, err := answersOf(claimed, len(w.claims.parts))
	if err != nil {
		return err
	}
	for i, part := range w.claims.parts {
		rows, err := texts(values[i])
		if err != nil {
			return err
		}
		payloads, err := texts(payloads[i])
		if err != nil {
			return err
		}
		if len(rows) != len(part.claims) || len(payloads) != len(part.claims) {
			return errAnswer
		}
		for j, c := range part.claims {
			if c.Row, err = w.claimedRow(c, rows[j], payloads[j]); err != nil {
				return err
			}
			w.t.known.set(c.ID, withLease(rows[j], part.leases[j]))
		}
	}
	return w.claimedSteps(steps)
}

func (w *writer) claimedRow(c *durable.Claim, row, payload string) (*pawl.TaskRow, error) {
	r, err := readRow(c.ID, row)
	if err != nil {
		return nil, err
	}
	if err := readPayload(&r.TaskRow, payload); err != nil {
		return nil, err
	}
	r.BeClaimed(w.w.Now, c.Worker, c.Lease.Sub(w.w.Now))
	return &r.TaskRow, nil
}

func (w *writer) claimedSteps(steps any) error {
	values, err := answersOf(steps, 2*len(w.claims.again))
	if err != nil {
		return err
	}
	for i, c := range w.claims.again {
		rows, err := texts(values[2*i])
		if err != nil {
			return err
		}
		fields, err := texts(values[2*i+1])
		if err != nil {
			return err
		}
		results := make(map[string]string, len(fields)/2)
		for j := 0; j+1 < len(fields); j += 2 {
			results[fields[j]] = fields[j+1]
		}
		if c.Row.Steps, err = stepsOf(rows, results); err != nil {
			return fmt.Errorf("steps of task %s: %w", c.ID, err)
		}
	}
	return nil
}

// queue appends the commands that read the payloads.
func (cs *claims) queue(ctx context.Context, pipe redis.Pipeliner, k *keys) []*redis.SliceCmd {
	reads := make([]*redis.SliceCmd, len(cs.parts))
	for i, p := range cs.parts {
		reads[i] = pipe.HMGet(ctx, k.payload(p.bucket), p.payloads...)
	}
	return reads
}
