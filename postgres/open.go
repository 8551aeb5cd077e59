package postgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// Store implements [pawl.Store] and [pawl.Checker] on PostgreSQL. It is safe for
// concurrent use, by any number of processes.
type Store struct {
	*durable.Store
	db *database
}

var (
	_ pawl.Store   = (*Store)(nil)
	_ pawl.Checker = (*Store)(nil)
)

// Open opens the queue in a database, and creates or migrates its schema. It
// logs as a warning what could make the queue lose something or be slow; see
// [Store.Check].
//
// The URL is that of pgx, postgres://user:password@host:port/database with the
// parameters of libpq (sslmode, sslrootcert and so on), and these:
//
//   - schema names the schema that holds the queue; default pawl.
//   - events=poll asks for events once a second, in place of a connection that
//     listens for them; events=listen has it listen in any case. By default it
//     listens, unless a pooler stands between. events=own does neither: for one
//     process that has the queue for itself, such as a test.
//   - pool_max_conns is how many connections there may be at a time, but for the
//     one that listens; default 4, or the number of processors if that is higher.
func Open(ctx context.Context, url string) (*Store, error) {
	config, o, err := parse(url)
	if err != nil {
		return nil, err
	}
	server, err := probe(ctx, config, o)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, server); err != nil {
		return nil, err
	}
	db := newDatabase(server, o)
	s := &Store{durable.New(db), db}
	if err := s.warn(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func parse(url string) (*pgx.ConnConfig, options, error) {
	rest, o, err := split(url)
	if err != nil {
		return nil, o, err
	}
	config, err := pgx.ParseConfig(rest)
	if err != nil {
		return nil, o, fmt.Errorf("postgres: %w", err) // pgx leaves the password out
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "pawl"
	}
	return config, o, nil
}

func newDatabase(server server, o options) *database {
	c := server.config.Config.Copy()
	if !server.pooled {
		maps.Copy(c.RuntimeParams, sessionSettings)
	}
	c.BuildContextWatcherHandler = cancels
	if server.pooled {
		c.BuildContextWatcherHandler = hangsUp
	}
	return &database{
		pool: newPool(c, o.connections), server: server, schema: server.schema, sql: loadStatements(server.schema), locks: locksOf(server.schema),
		log: eventLog{turn: make(chan struct{}, 1)}, bells: bells{channel: "pawl_" + server.schema, own: rand.Text()[:12] + " "},
	}
}

// sessionSettings hold for the connections of the pool. Plans are made once, for
// any number of tasks: by the indexes, row by row. Nobody waits for a lock for
// ever, and a process that stops in the middle of a transaction holds up the
// others for half a minute.
var sessionSettings = map[string]string{
	"lock_timeout": "10s", "idle_in_transaction_session_timeout": "30s",
	"plan_cache_mode": "force_generic_plan", "jit": "off",
	"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
}

const cancelLimit = time.Second

// cancels has the server stop what a context's end has made pointless.
func cancels(c *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: cancelLimit}
}

// hangsUp gives up the connection when a context ends, and so has a pooler stop the
// server: a request to cancel goes through a pooler on its own, and PgBouncer 1.18
// does not survive one whose connection is closed by then.
func hangsUp(c *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn()}
}

// warn logs what Check finds.
func (s *Store) warn(ctx context.Context) error {
	findings, err := s.Check(ctx)
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Level != pawl.FindingOK {
			slog.WarnContext(ctx, "postgres: "+f.Found, "what", f.What, "remedy", f.Remedy)
		}
	}
	return nil
}

// connect opens one connection that is not of the pool.
func connect(ctx context.Context, c *pgx.ConnConfig) (*pgx.Conn, error) {
	c = c.Copy()
	c.BuildContextWatcherHandler = cancels
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.StatementCacheCapacity, c.DescriptionCacheCapacity = 0, 0
	return pgx.ConnectConfig(ctx, c)
}
