package postgres

import (
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/limit"
)

// byID returns records in the order of their ids, in which rows are locked.
func byID(records []*durable.Record) []*durable.Record {
	records = slices.Clone(records)
	slices.SortFunc(records, func(a, b *durable.Record) int { return compareIDs(a.ID, b.ID) })
	return records
}

// partRows is how many rows are written by one statement. The server works on one
// part while the next is made.
const partRows = 250

// writeAdded is the statements that store new tasks. The letter of them goes with
// the first.
func (tx *transaction) writeAdded(w *durable.Writes) ([]call, error) {
	live, ended := parted(w.Add)
	var calls []call
	posts, err := letter(w.Posts)
	if err != nil {
		return nil, err
	}
	for part := range slices.Chunk(live, partRows) {
		add := tx.call("addPending")
		with := posts
		add.late = func() ([]arg, error) { return pending(part, with) }
		calls = append(calls, add)
		posts, tx.posted = nil, true
	}
	if len(ended) > 0 { // replaced by a later one of the same batch
		add, err := tx.addTasks(ended)
		if err != nil {
			return nil, err
		}
		end := tx.call("addEnded")
		end.late = func() ([]arg, error) { return endedArgs(ended) }
		calls = append(calls, add, end)
	}
	return calls, nil
}

func parted(records []*durable.Record) (live, ended []*durable.Record) {
	if !slices.ContainsFunc(records, func(r *durable.Record) bool { return r.State.Ended() }) {
		return records, nil
	}
	for _, r := range records {
		if r.State.Ended() {
			ended = append(ended, r)
		} else {
			live = append(live, r)
		}
	}
	return live, ended
}

// taskColumns are the columns of what never changes.
type taskColumns struct {
	ids, runs, seqs, bins                *column
	queues, limits, operations, users    *column
	priorities, most, identities         *column
	conversations, inputs, extras, added *column
}

func columnsOf(records []*durable.Record) (taskColumns, error) {
	n := len(records)
	c := taskColumns{
		newColumn(pgtype.UUIDOID, n, 16), newColumn(pgtype.UUIDOID, n, 16), newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.Int8OID, n, 8),
		newColumn(pgtype.TextOID, n, 16), newColumn(pgtype.TextOID, n, 16), newColumn(pgtype.TextOID, n, 16), newColumn(pgtype.TextOID, n, 16),
		newColumn(pgtype.Int2OID, n, 2), newColumn(pgtype.Int4OID, n, 4), newColumn(pgtype.ByteaOID, n, 32),
		newColumn(pgtype.ByteaOID, n, 32), newColumn(pgtype.ByteaOID, n, inputSize(records)), newColumn(pgtype.ByteaOID, n, 0), newColumn(pgtype.Int8OID, n, 8),
	}
	for _, r := range records {
		c.ids.uuid(r.ID)
		c.runs.run(r)
		c.seqs.int8(r.Seq)
		c.bins.int8(r.Bin)
		c.queues.text(r.Queue)
		c.limits.text(r.Limit)
		c.operations.text(r.Operation)
		c.users.text(r.User)
		c.priorities.int2(int16(r.Priority))
		c.most.int4(r.MaxAttempts)
		c.identities.hash(r.Identity)
		c.conversations.hash(r.Conversation)
		c.inputs.packed(r.Input)
		c.added.int8(micro(r.Added))
		extra, err := packExtra(&r.TaskRow)
		if err != nil {
			return c, err
		}
		c.extras.bytes(extra)
	}
	return c, nil
}

// inputSize is about how long the inputs are.
func inputSize(records []*durable.Record) int { return len(records[0].Input) + 16 }

// pending is the arguments of the statement that stores new tasks that have not
// ended.
func pending(records []*durable.Record, posts []byte) ([]arg, error) {
	c, err := columnsOf(records)
	if err != nil {
		return nil, err
	}
	n := len(records)
	states, wakes, mores := newColumn(pgtype.Int2OID, n, 2), newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.ByteaOID, n, 0)
	sizes := newSizes(n)
	for _, r := range records {
		states.int2(stateNumbers[r.State])
		wakes.time(r.Wake())
		sizes.put(r.Size)
		more, err := packMore(&r.TaskRow)
		if err != nil {
			return nil, err
		}
		mores.bytes(more)
	}
	return []arg{c.ids.arg(), c.runs.arg(), c.seqs.arg(), c.bins.arg(), c.queues.arg(), c.limits.arg(), c.operations.arg(), c.users.arg(),
		c.priorities.arg(), c.most.arg(), c.identities.arg(), c.conversations.arg(), c.inputs.arg(), c.extras.arg(), bytesArg(posts), states.arg(),
		int8Arg(micro(records[0].Added)), wakes.arg(), sizes[0].arg(), sizes[1].arg(), sizes[2].arg(), mores.arg()}, nil
}

// addTasks is the statement that stores what never changes of tasks.
func (tx *transaction) addTasks(records []*durable.Record) (call, error) {
	c, err := columnsOf(records)
	return tx.call("addTasks", c.ids.arg(), c.runs.arg(), c.seqs.arg(), c.bins.arg(), c.added.arg(), c.queues.arg(), c.limits.arg(), c.operations.arg(), c.users.arg(),
		c.priorities.arg(), c.most.arg(), c.identities.arg(), c.conversations.arg(), c.inputs.arg(), c.extras.arg()), err
}

// run appends a task's run, null if the task is its run's first.
func (c *column) run(r *durable.Record) {
	if r.Run == r.ID {
		c.null()
		return
	}
	c.uuid(r.Run)
}

// sizes are the columns of a limit.Size.
type sizes [3]*column

func newSizes(n int) sizes {
	return sizes{newColumn(pgtype.Int4OID, n, 4), newColumn(pgtype.Int4OID, n, 4), newColumn(pgtype.Int4OID, n, 4)}
}

func (s sizes) put(size limit.Size) {
	s[0].int4(size.Chars)
	s[1].int4(size.MaxTokens)
	s[2].int4(size.Output)
}

// writeClaims is the statements that give pending tasks to a worker, and read the
// whole tasks.
func (tx *transaction) writeClaims(w *durable.Writes) ([]call, error) {
	var calls []call
	for claims := w.Claim; len(claims) > 0; {
		first := claims[0]
		n := slices.IndexFunc(claims, func(c *durable.Claim) bool { return c.Worker != first.Worker || !c.Lease.Equal(first.Lease) })
		if n < 0 {
			n = len(claims)
		}
		claim, err := tx.claim(w, claims[:n])
		if err != nil {
			return nil, err
		}
		calls = append(calls, claim...)
		if with := withSteps(claims[:n]); len(with) > 0 {
			calls = append(calls, tx.claimSteps(with))
		}
		claims = claims[n:]
	}
	return calls, nil
}

// withSteps returns the claimed tasks that may have had steps before the claim.
func withSteps(claims []*durable.Claim) map[pawl.ID]*pawl.TaskRow {
	with := map[pawl.ID]*pawl.TaskRow{}
	for _, c := range claims {
		before := pawl.TaskRow{Attempt: c.Attempt, Links: c.Row.Links}
		if before.MayHaveSteps() {
			with[c.ID] = c.Row
		}
	}
	return with
}

// claim is the statements that give tasks to one worker, for one lease.
func (tx *transaction) claim(w *durable.Writes, claims []*durable.Claim) ([]call, error) {
	claims = slices.Clone(claims)
	slices.SortFunc(claims, func(a, b *durable.Claim) int { return compareIDs(a.ID, b.ID) })
	if err := tx.claimed(claims, w.Now); err != nil {
		return nil, err
	}
	n := len(claims)
	ids, attempts := newColumn(pgtype.UUIDOID, n, 16), newColumn(pgtype.Int4OID, n, 4)
	costs, shares, calls := newColumn(pgtype.Float8OID, n, 8), newColumn(pgtype.Float8OID, n, 8), newColumn(pgtype.ByteaOID, n, 0)
	for _, c := range claims {
		ids.uuid(c.ID)
		attempts.int4(c.Attempt)
		costs.float8(c.Cost)
		shares.float8(c.Share)
		calls.bytes(durable.PackCalls(c.Calls))
	}
	first := claims[0]
	return []call{
		tx.call("claim", textArg(first.Worker), int8Arg(micro(w.Now)), int8Arg(micro(first.Lease)),
			ids.arg(), attempts.arg(), costs.arg(), shares.arg(), calls.arg(), int8Arg(int64(n))),
		tx.payloads(claims, ids.arg()),
	}, nil
}

// claimed sets the rows of claimed tasks to what is known of them, from Heads.
func (tx *transaction) claimed(claims []*durable.Claim, now time.Time) error {
	rows := make([]pawl.TaskRow, len(claims))
	for i, c := range claims {
		t := &rows[i]
		c.Row = t
		t.ID, t.Run, t.Seq, t.State, t.Size = c.ID, c.Run, c.Seq, pawl.Running, c.Size
		setBin(t, c.In)
		t.Attempt, t.Worker, t.Started, t.LeaseUntil = c.Attempt+1, c.Worker, now, c.Lease
		if err := unpackMore(tx.mores[c.ID], t); err != nil {
			return err
		}
	}
	return nil
}

// payloads is the statement that reads what never changes of claimed tasks.
func (tx *transaction) payloads(claims []*durable.Claim, ids arg) call {
	return tx.query("payloads", func(r *row) error {
		t := claims[r.int8()-1].Row
		t.Added = r.time()
		return readPayload(r, t)
	}, ids)
}

func (tx *transaction) claimSteps(tasks map[pawl.ID]*pawl.TaskRow) call {
	return tx.steps("steps", tasks, slices.Collect(maps.Keys(tasks)))
}
