package stores

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/redis"
)

// Open opens the store that a URL names; see the package's documentation for
// the URLs. A SQLite file that is not there is created, and a schema that is older
// than the program is brought up to date.
func Open(ctx context.Context, url string) (pawl.Store, error) {
	a, err := parse(url)
	if err != nil {
		return nil, err
	}
	store, err := a.open(ctx)
	return store, scrub(err, url)
}

// Check returns what is wrong with a URL, without connecting to anything.
func Check(url string) error {
	_, err := parse(url)
	return err
}

// ErrNoStore is returned by OpenExisting for a SQLite file that has no tables.
var ErrNoStore = errors.New("the file is empty, and no store yet")

// OpenExisting is Open for a store that must be there. It makes none of a SQLite file
// that is not there or empty, and returns an error then that wraps fs.ErrNotExist or
// ErrNoStore.
func OpenExisting(ctx context.Context, url string) (pawl.Store, error) {
	a, err := parse(url)
	if err != nil {
		return nil, err
	}
	if a.engine == sqliteFile {
		if err := a.isMade(ctx); err != nil {
			return nil, fmt.Errorf("stores: open %s: %w", url, err)
		}
	}
	return Open(ctx, url)
}

// isMade reports a SQLite file that Open would make a store of. What else is wrong with
// it Open says.
func (a *address) isMade(ctx context.Context) error {
	if _, err := os.Stat(a.file()); err != nil {
		return err
	}
	m, err := a.migrator(ctx)
	if err != nil {
		return err
	}
	all, unread := m.Migrations(ctx)
	if err := m.Close(); err != nil {
		return err
	}
	if unread == nil && all[0].Applied.IsZero() {
		return ErrNoStore
	}
	return nil
}

// Migrator brings the schema of a database up to date, and tells how it stands. It
// is for one goroutine.
type Migrator interface {
	// Migrations returns all that this program knows, in order, with Applied set
	// where the database has it. A database that is newer than the program is an error.
	Migrations(ctx context.Context) ([]pawl.Migration, error)

	// Up applies what is missing, in order, and returns it. Several programs may
	// do so at once.
	Up(ctx context.Context) ([]pawl.Migration, error)

	Close() error
}

// ErrNoSchema is returned by OpenMigrator for stores that have no schema: those in
// memory and Redis.
var ErrNoSchema = errors.New("stores: there is nothing to migrate: Redis and stores in memory have no schema")

// OpenMigrator opens the database that a URL names to migrate it. Nothing is
// applied before Up.
func OpenMigrator(ctx context.Context, url string) (Migrator, error) {
	a, err := parse(url)
	if err != nil {
		return nil, err
	}
	m, err := a.migrator(ctx)
	return m, scrub(err, url)
}

// LogTo has what the stores' client libraries tell beside their errors logged for
// debugging, in place of standard error; see [redis.LogTo].
func LogTo(log *slog.Logger) { redis.LogTo(log) }
