package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/sqlkit"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrator brings the schema of a database up to date, and tells how it stands. It
// is for one goroutine.
type Migrator struct{ *sqlkit.Migrator }

// OpenMigrator connects to a database to migrate its schema. The URL is that of
// [Open]. Nothing is applied before Up.
func OpenMigrator(ctx context.Context, url string) (*Migrator, error) {
	config, o, err := parse(url)
	if err != nil {
		return nil, err
	}
	server, err := probe(ctx, config, o)
	if err != nil {
		return nil, err
	}
	return newMigrator(ctx, server)
}

func newMigrator(ctx context.Context, server server) (*Migrator, error) {
	c, err := connect(ctx, server.config)
	if err != nil {
		return nil, server.explain(err)
	}
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	m, err := sqlkit.New(files, &migrated{server, c})
	if err != nil {
		_ = c.Close(ctx)
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return &Migrator{m}, nil
}

// migrate brings the schema up to date.
func migrate(ctx context.Context, server server) error {
	m, err := newMigrator(ctx, server)
	if err != nil {
		return err
	}
	defer m.Close()
	if _, err := m.Up(ctx); err != nil {
		return server.explain(fmt.Errorf("migrate schema %s: %w", server.schema, err))
	}
	return nil
}

// migrated implements [sqlkit.Database].
type migrated struct {
	server server
	conn   *pgx.Conn
}

// Applied implements [sqlkit.Database].
func (m *migrated) Applied(ctx context.Context) ([]pawl.Migration, error) {
	all, err := applied(ctx, m.conn, m.server.schema)
	return all, m.server.explain(err)
}

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func applied(ctx context.Context, q querier, schema string) ([]pawl.Migration, error) {
	var exists bool
	err := q.QueryRow(ctx, "select exists (select from pg_tables where schemaname = $1 and tablename = 'migration')", schema).Scan(&exists)
	if err != nil || !exists {
		return nil, err
	}
	rows, err := q.Query(ctx, inSchema("select number, name, checksum, applied from pawl.migration order by number", schema))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (m pawl.Migration, err error) {
		var at time.Time
		err = r.Scan(&m.Number, &m.Name, &m.Checksum, &at)
		m.Applied = at.UTC()
		return m, err
	})
}

// Exclusively implements [sqlkit.Database].
func (m *migrated) Exclusively(ctx context.Context, f func(sqlkit.Tx) error) error {
	return m.server.explain(pgx.BeginFunc(ctx, m.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1, $2)", locksOf(m.server.schema).class, int32(lockSchema)); err != nil {
			return err
		}
		return f(&migration{tx, m.server.schema})
	}))
}

// Close implements [sqlkit.Database].
func (m *migrated) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	return m.conn.Close(ctx)
}

// migration implements [sqlkit.Tx].
type migration struct {
	tx     pgx.Tx
	schema string
}

// Applied implements [sqlkit.Tx].
func (m *migration) Applied(ctx context.Context) ([]pawl.Migration, error) {
	return applied(ctx, m.tx, m.schema)
}

const migrationTable = `create table if not exists pawl.migration (
	number integer primary key, name text not null, checksum text not null, applied timestamptz not null)`

// Apply implements [sqlkit.Tx]. A schema that is there is not created: that would
// need a right on the database.
func (m *migration) Apply(ctx context.Context, one pawl.Migration) error {
	var exists bool
	if err := m.tx.QueryRow(ctx, "select exists (select from pg_namespace where nspname = $1)", m.schema).Scan(&exists); err != nil {
		return err
	}
	script := inSchema(migrationTable+";\n"+one.SQL, m.schema)
	if !exists {
		script = "create schema " + pgx.Identifier{m.schema}.Sanitize() + ";\n" + script
	}
	if _, err := m.tx.Exec(ctx, script, pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	_, err := m.tx.Exec(ctx, inSchema("insert into pawl.migration values ($1, $2, $3, clock_timestamp())", m.schema), one.Number, one.Name, one.Checksum)
	return err
}
