package redis

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// payloads are those of tasks that are added, and the outcomes of those among them that
// have ended: all in one piece of memory, by key.
type payloads struct {
	memory buffer
	parts  []*payloadPart
	open   map[string]*payloadPart
}

type payloadPart struct {
	key    string
	fields []string
	ends   []int // where each begins and ends in memory
}

func (ps *payloads) add(k *keys, r *durable.Record) (err error) {
	b, from := bucketOf(r.ID), len(ps.memory)
	if ps.memory, err = appendPayload(ps.memory, r); err != nil {
		return err
	}
	ps.put(k.payload(b), payloadField(r.ID, false), from)
	if r.Output != nil {
		from = len(ps.memory)
		ps.memory = durable.AppendPack(ps.memory, r.Output)
		ps.put(k.output(b), outputField(r), from)
	}
	return nil
}

// put notes where the memory from somewhere on belongs.
func (ps *payloads) put(key, field string, from int) {
	p := ps.open[key]
	if p == nil || len(p.fields) >= mostArguments {
		if ps.open == nil {
			ps.open = map[string]*payloadPart{}
		}
		p = &payloadPart{key: key}
		ps.open[key] = p
		ps.parts = append(ps.parts, p)
	}
	p.fields = append(p.fields, field)
	p.ends = append(p.ends, from, len(ps.memory))
}

// queue appends the commands that write them.
func (ps *payloads) queue(ctx context.Context, pipe redis.Pipeliner) {
	for _, p := range ps.parts {
		args := make([]any, 2, 2+2*len(p.fields))
		args[0], args[1] = "hset", p.key
		for i, field := range p.fields {
			args = append(args, field, []byte(ps.memory[p.ends[2*i]:p.ends[2*i+1]]))
		}
		pipe.Do(ctx, args...)
	}
}

// runWith runs commit.lua together with what goes around it, in one transaction of the
// server: before it the payloads of new tasks are written, after it those of claimed
// tasks are read.
func (t *tx) runWith(ctx context.Context, s script, p *program, w *writer) (answer any, read []any, err error) {
	program := []byte(p.pack)
	if len(w.fresh.parts)+len(w.claims.parts) == 0 {
		answer, err = t.run(ctx, s, p.keys, program)
		return answer, nil, err
	}
	err = t.retry(ctx, func() error {
		pipe := t.client.TxPipeline()
		w.fresh.queue(ctx, pipe)
		cmd := s.sha(ctx, p.keys, program)
		_ = pipe.Process(ctx, cmd)
		reads := w.claims.queue(ctx, pipe, &t.keys)
		cmds, err := pipe.Exec(ctx)
		if err != nil && redis.HasErrorPrefix(cmd.Err(), "EXECABORT") {
			return cause(cmds)
		}
		if answer, err = t.answer(ctx, cmd, cmd.Err(), s, p.keys, []any{program}); err != nil {
			return err
		}
		read = make([]any, len(reads))
		for i, r := range reads {
			if read[i], err = any(r.Val()), r.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	return answer, read, err
}

// cause returns why a transaction of the server was refused.
func cause(cmds []redis.Cmder) error {
	var abort error
	for _, c := range cmds {
		err := c.Err()
		if err != nil && !redis.HasErrorPrefix(err, "EXECABORT") {
			return err
		}
		abort = errors.Join(abort, err)
	}
	return abort
}

// drop removes the payloads of tasks that were not added after all. If it fails, they
// stay, and nobody finds them.
func (d *database) drop(ctx context.Context, tasks []*durable.Record) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookMost)
	defer cancel()
	ids := make([]pawl.ID, len(tasks))
	for i, r := range tasks {
		ids[i] = r.ID
	}
	for _, s := range shelves(ids) {
		args := make([]any, len(s.places))
		for i, at := range s.places {
			args[i] = ids[at][:]
		}
		_, _ = d.run(ctx, scriptDrop, []string{d.keys.row(s.bucket), d.keys.payload(s.bucket), d.keys.output(s.bucket)}, args...)
	}
}
