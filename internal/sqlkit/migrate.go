package sqlkit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pawlhq/pawl"
)

var (
	// ErrNewer is returned for a database with a migration that this program does
	// not know.
	ErrNewer = errors.New("the schema is newer than this program")

	// ErrChanged is returned for a database in which a migration was applied that
	// differs from the one of its number in this program.
	ErrChanged = errors.New("the schema was made by a different build")

	// ErrPending is returned by Check for a database in which migrations are
	// missing.
	ErrPending = errors.New("the schema is older than this program")
)

// Database is a database that is migrated.
type Database interface {
	// Applied returns what is recorded as applied, by number: Number, Name,
	// Checksum and Applied. It changes nothing, and a database that was never
	// migrated has none.
	Applied(ctx context.Context) ([]pawl.Migration, error)

	// Exclusively runs f in a transaction, and no other one of Exclusively in
	// any process at the same time. It commits if f returns nil.
	Exclusively(ctx context.Context, f func(Tx) error) error

	Close() error
}

// Tx is a transaction in which migrations are applied.
type Tx interface {
	// Applied is that of the Database, as of the transaction.
	Applied(ctx context.Context) ([]pawl.Migration, error)

	// Apply runs m.SQL and records m as applied now. With the first one it makes the
	// table of the records.
	Apply(ctx context.Context, m pawl.Migration) error
}

// Migrator brings the schema of a database up to that of this program.
type Migrator struct {
	known []pawl.Migration
	db    Database
}

// New returns a migrator with the migrations in files; see [Load]. It owns db.
func New(files fs.FS, db Database) (*Migrator, error) {
	known, err := Load(files)
	if err != nil {
		return nil, err
	}
	return &Migrator{known, db}, nil
}

// Migrations returns all migrations that this program knows, by number, and
// when each was applied. It changes nothing. It returns [ErrNewer] or
// [ErrChanged] for a schema that this program must not touch.
func (m *Migrator) Migrations(ctx context.Context) ([]pawl.Migration, error) {
	applied, err := m.db.Applied(ctx)
	if err != nil {
		return nil, err
	}
	if err := compare(m.known, applied); err != nil {
		return nil, err
	}
	return merge(m.known, applied), nil
}

// Check returns nil if the schema is that of this program, [ErrPending] if
// migrations are missing, or else what Migrations returns.
func (m *Migrator) Check(ctx context.Context) error {
	all, err := m.Migrations(ctx)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.Applied.IsZero() {
			return fmt.Errorf("%w: migration %d (%s) is not applied; run pawl migrate up", ErrPending, one.Number, one.Name)
		}
	}
	return nil
}

// Up applies the migrations that are missing, all or none, and returns those
// that it applied. Any number of processes may do so at once: one works, the
// others find it done. It returns what Migrations returns for a schema that this
// program must not touch.
func (m *Migrator) Up(ctx context.Context) ([]pawl.Migration, error) {
	if m.Check(ctx) == nil {
		return nil, nil // without the lock: it is what happens at nearly every start
	}
	var done []pawl.Migration
	err := m.db.Exclusively(ctx, func(tx Tx) error {
		var err error
		done, err = m.up(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return done, nil
}

func (m *Migrator) up(ctx context.Context, tx Tx) ([]pawl.Migration, error) {
	before, err := tx.Applied(ctx)
	if err != nil {
		return nil, err
	}
	if err := compare(m.known, before); err != nil {
		return nil, err
	}
	for _, missing := range m.known[len(before):] {
		if err := tx.Apply(ctx, missing); err != nil {
			return nil, fmt.Errorf("migration %d (%s): %w", missing.Number, missing.Name, err)
		}
	}
	after, err := tx.Applied(ctx)
	if err != nil {
		return nil, err
	}
	return merge(m.known, after)[len(before):], nil
}

// Close closes the database.
func (m *Migrator) Close() error { return m.db.Close() }

// compare returns an error unless what is applied is a beginning of what is known.
func compare(known, applied []pawl.Migration) error {
	for i, a := range applied {
		switch {
		case i >= len(known):
			last := applied[len(applied)-1]
			return fmt.Errorf("%w: it has migration %d (%s), and the last one known here is %d; use the version of pawl that made it, or a later one",
				ErrNewer, last.Number, last.Name, len(known))
		case a.Number != known[i].Number:
			return fmt.Errorf("%w: migration %d is missing, and %d (%s) is applied; restore the database from a backup, or start with a new one",
				ErrChanged, known[i].Number, a.Number, a.Name)
		case a.Checksum != known[i].Checksum:
			return fmt.Errorf("%w: migration %d (%s) was applied with checksum %.12s, and here it has %.12s; use that build, or start with a new database",
				ErrChanged, a.Number, a.Name, a.Checksum, known[i].Checksum)
		}
	}
	return nil
}

// merge returns the known migrations with the times at which they were applied.
func merge(known, applied []pawl.Migration) []pawl.Migration {
	all := append([]pawl.Migration{}, known...)
	for i := range applied {
		all[i].Applied = applied[i].Applied
	}
	return all
}
