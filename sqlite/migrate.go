package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/sqlkit"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

func migrations() fs.FS {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return files
}

// Migrator brings the schema of a file up to that of this program, and says what
// is missing. See [sqlkit.Migrator] for its methods Migrations, Up and Close.
type Migrator = sqlkit.Migrator

// OpenMigrator returns a migrator of the file at path, which need not be there
// before Up. Open does the same by itself: this is for those who want to see it
// first.
func OpenMigrator(_ context.Context, path string) (*Migrator, error) {
	return sqlkit.New(migrations(), &schema{path: path, owned: true})
}

// migrated brings a file that is open up to date.
func migrated(ctx context.Context, d *database) error {
	m, err := sqlkit.New(migrations(), &schema{path: d.path, db: d})
	if err != nil {
		return err
	}
	if _, err := m.Up(ctx); err != nil {
		return fmt.Errorf("sqlite: schema of %s: %w", d.path, d.explain(err))
	}
	return nil
}

// schema implements [sqlkit.Database]. It opens the file when it is needed.
type schema struct {
	path  string
	owned bool
	db    *database
}

func (s *schema) open(ctx context.Context) (err error) {
	if s.db == nil {
		s.db, err = open(ctx, s.path)
	}
	return err
}

// Close implements [sqlkit.Database].
func (s *schema) Close() error {
	if s.db == nil || !s.owned {
		return nil
	}
	return s.db.Close()
}

// Applied implements [sqlkit.Database]. It creates no file, and leaves
// one that is empty as it is.
func (s *schema) Applied(ctx context.Context) ([]pawl.Migration, error) {
	path, _, err := splitPath(s.path)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); s.db == nil && (errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0) {
		return nil, checkPlace(path)
	}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	var applied []pawl.Migration
	err = s.db.read(ctx, func(v *view) (err error) {
		applied, err = appliedIn(ctx, v.session)
		return err
	})
	return applied, err
}

// Exclusively implements [sqlkit.Database].
func (s *schema) Exclusively(ctx context.Context, f func(sqlkit.Tx) error) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	return s.db.write(ctx, func(t *tx) (func() error, error) {
		return func() error { return f(&schemaTx{t}) }, nil
	})
}

// schemaTx implements [sqlkit.Tx].
type schemaTx struct{ *tx }

// Applied implements [sqlkit.Tx].
func (t *schemaTx) Applied(ctx context.Context) ([]pawl.Migration, error) {
	return appliedIn(ctx, t.session)
}

// Apply implements [sqlkit.Tx].
func (t *schemaTx) Apply(ctx context.Context, m pawl.Migration) error {
	for _, text := range []string{statements["create_migration"], m.SQL} {
		if _, err := t.conn.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	_, err := t.conn.ExecContext(ctx, statements["add_migration"], m.Number, m.Name, m.Checksum, micros(time.Now()))
	return err
}

func appliedIn(ctx context.Context, s *session) ([]pawl.Migration, error) {
	made := false
	err := s.queryText(ctx, statements["has_migrations"], nil, func(*sql.Rows) error {
		made = true
		return nil
	})
	if err != nil || !made {
		return nil, err
	}
	var applied []pawl.Migration
	err = s.queryText(ctx, statements["applied"], nil, func(rows *sql.Rows) error {
		var m pawl.Migration
		var at int64
		err := rows.Scan(&m.Number, &m.Name, &m.Checksum, &at)
		m.Applied = timeOf(at)
		applied = append(applied, m)
		return err
	})
	return applied, err
}
