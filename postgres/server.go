package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// server is what is known of a server from the start.
type server struct {
	config  *pgx.ConnConfig
	schema  string
	address string // for messages: host, port and database
	version int    // as 150004
	pooled  bool   // a pooler stands between: no state of a session holds
	polls   bool   // events are asked for, not listened to
	quiet   bool   // nobody is told of them
	own     bool   // and only this process's own are of interest
}

const versionLeast = 13

// probe looks at a server: whether it is one that the queue can live on.
func probe(ctx context.Context, config *pgx.ConnConfig, o options) (server, error) {
	s := server{config: config, schema: o.schema, address: addressOf(config)}
	c, err := connect(ctx, config)
	if err != nil {
		return s, s.explain(err)
	}
	defer c.Close(context.WithoutCancel(ctx))
	var pid uint32
	var standby bool
	err = c.QueryRow(ctx, "select current_setting('server_version_num')::int, pg_backend_pid(), pg_is_in_recovery()").Scan(&s.version, &pid, &standby)
	if err != nil {
		return s, s.explain(err)
	}
	if s.version < versionLeast*10000 {
		return s, fmt.Errorf("postgres at %s: the server is PostgreSQL %s; want %d or later", s.address, c.PgConn().ParameterStatus("server_version"), versionLeast)
	}
	if standby {
		return s, fmt.Errorf("postgres at %s: the server is a standby, which takes no writes; "+
			"name the primary in the URL, or all servers with target_session_attrs=read-write", s.address)
	}
	// A server tells its own process number at the start; a pooler tells another one.
	s.pooled = pid != c.PgConn().PID()
	s.polls = s.pooled && o.events != "listen" || o.events == "poll"
	s.quiet = o.events == "poll" || o.events == "own"
	s.own = o.events == "own"
	return s, nil
}

func addressOf(c *pgx.ConnConfig) string {
	address := c.Host
	if !strings.HasPrefix(c.Host, "/") {
		address = fmt.Sprintf("%s:%d", c.Host, c.Port)
	}
	if c.Database != "" {
		address += "/" + strings.TrimPrefix(c.Database, "/")
	}
	return address
}

// listening returns how to connect for notifications. Waiting ends by a deadline,
// not by a request to the server.
func (s *server) listening() *pgx.ConnConfig {
	c := s.config.Copy()
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	return c
}
