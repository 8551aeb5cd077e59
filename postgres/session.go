package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// session is a connection as the store uses it: statements go out together, in
// one round trip, and their results come back in order.
//
// Statements are prepared once on each connection, in the round trip that needs
// them first. Behind a pooler, where the server's session is another one in each
// transaction, and on a connection of the caller's, they have no names and leave
// nothing behind.
type session struct {
	conn  *pgconn.PgConn
	named bool
}

// call is one statement of a round trip.
type call struct {
	*statement
	args []arg
	each func(*row) error      // for each row of the result; nil if it has none of interest
	late func() ([]arg, error) // makes the arguments, while the server works on what comes before
}

// flushFrom is how many bytes are sent to the server before the rest is made.
const flushFrom = 64 << 10

const preparedKey = "pawl" // in the custom data of a connection

// prepared returns which statements are prepared on the connection.
func (s session) prepared() map[*statement]bool {
	data := s.conn.CustomData()
	set, ok := data[preparedKey].(map[*statement]bool)
	if !ok {
		set = map[*statement]bool{}
		data[preparedKey] = set
	}
	return set
}

var binaryFormat = []int16{1}

// run sends statements in one round trip. After one that fails, the others are
// not run.
func (s session) run(ctx context.Context, calls ...call) (err error) {
	p := s.conn.StartPipeline(ctx)
	defer func() {
		if closed := p.Close(); err == nil && closed != nil {
			err = closed
		}
		if err != nil && ctx.Err() != nil {
			err = ctx.Err()
		}
	}()
	known := s.prepared()
	fresh, err := s.sendAll(p, known, calls)
	if err != nil {
		s.unprepared(known, fresh)
		return err
	}
	for i := range calls {
		if len(fresh) > 0 && fresh[0] == calls[i].statement {
			if _, err := p.GetResults(); err != nil {
				s.unprepared(known, fresh)
				return fmt.Errorf("prepare %s: %w", calls[i].name, err)
			}
			fresh = fresh[1:]
		}
		if err := receive(p, &calls[i]); err != nil {
			s.unprepared(known, fresh)
			return err
		}
	}
	return nil
}

// sendAll sends statements and returns those that are prepared with that.
func (s session) sendAll(p *pgconn.Pipeline, known map[*statement]bool, calls []call) (fresh []*statement, err error) {
	waiting := 0
	for i := range calls {
		c := &calls[i]
		if c.late != nil {
			if c.args, err = c.late(); err != nil {
				return fresh, err
			}
		}
		if s.send(p, known, c) {
			fresh = append(fresh, c.statement)
		}
		for _, a := range c.args {
			waiting += len(a.value)
		}
		if waiting >= flushFrom {
			if err := p.Flush(); err != nil {
				return fresh, err
			}
			waiting = 0
		}
	}
	return fresh, p.Sync()
}

// unprepared takes note of statements that were to be prepared behind one that
// failed, and were not.
func (s session) unprepared(known map[*statement]bool, fresh []*statement) {
	for _, st := range fresh {
		delete(known, st)
	}
}

// send sends one statement and reports whether it is prepared with it.
func (s session) send(p *pgconn.Pipeline, known map[*statement]bool, c *call) (prepares bool) {
	values, oids := make([][]byte, len(c.args)), make([]uint32, len(c.args))
	for i, a := range c.args {
		values[i], oids[i] = a.value, a.oid
	}
	if !s.named || c.name == "" {
		p.SendQueryParams(c.sql, values, oids, binaryFormat, binaryFormat)
		return false
	}
	if !known[c.statement] {
		p.SendPrepare(c.name, c.sql, oids)
		known[c.statement], prepares = true, true
	}
	p.SendQueryPrepared(c.name, values, binaryFormat, binaryFormat)
	return prepares
}

func receive(p *pgconn.Pipeline, c *call) error {
	results, err := p.GetResults()
	if err != nil {
		return err
	}
	reader, ok := results.(*pgconn.ResultReader)
	if !ok {
		return fmt.Errorf("postgres: %T in place of the result of %s", results, c.name)
	}
	var failed error
	var r row
	for reader.NextRow() {
		if c.each == nil || failed != nil {
			continue
		}
		r.values, r.at = reader.Values(), 0
		failed = c.each(&r)
	}
	if _, err := reader.Close(); err != nil {
		return err
	}
	return failed
}
