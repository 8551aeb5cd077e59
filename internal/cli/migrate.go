package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
)

type migrateCommand struct {
	Up     migrateUpCommand     `cmd:"" help:"Bring the schema up to date. A store does so itself when it is opened; this is for doing it beforehand."`
	Status migrateStatusCommand `cmd:"" help:"List the migrations, and which of them the database has."`
	SQL    migrateSQLCommand    `cmd:"" name:"sql" help:"Print the SQL of the migrations that the database lacks, or of all."`
}

// migrator opens the database that the flag names, to migrate it.
func (f storeFlag) migrator(ctx context.Context) (stores.Migrator, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	m, err := stores.OpenMigrator(ctx, f.Store)
	if errors.Is(err, stores.ErrNoSchema) {
		return nil, usagef("--store %s: %w", stores.Redact(f.Store), err)
	}
	return m, err
}

type migrateUpCommand struct {
	storeFlag
	outputFlag
}

// Run implements a command of kong.
func (c *migrateUpCommand) Run(ctx context.Context, t *terminal) (err error) {
	m, err := c.migrator(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	applied, err := m.Up(ctx)
	if err != nil {
		return err
	}
	if c.json() {
		return printMigrations(t, applied)
	}
	for _, a := range applied {
		fmt.Fprintf(t.out, "applied %d, %s\n", a.Number, a.Name)
	}
	if len(applied) == 0 {
		fmt.Fprintln(t.out, "the schema is up to date")
	}
	return nil
}

// printMigrations prints migrations as JSON.
func printMigrations(t *terminal, all []pawl.Migration) error {
	return printJSON(t.out, struct {
		Migrations []pawl.Migration `json:"migrations"`
	}{list(all)})
}

type migrateStatusCommand struct {
	storeFlag
	outputFlag
}

// Run implements a command of kong.
func (c *migrateStatusCommand) Run(ctx context.Context, t *terminal) error {
	all, err := c.migrations(ctx)
	if err != nil {
		return err
	}
	if c.json() {
		return printMigrations(t, all)
	}
	tab := &table{columns: []column{{title: "NO", right: true}, {title: "NAME", least: 12}, {title: "APPLIED"}, {title: "CHECKSUM", least: 12}}}
	missing := 0
	for _, m := range all {
		applied := moment(m.Applied)
		if applied == "" {
			missing++
			applied = "not yet"
		}
		tab.add("", strconv.Itoa(m.Number), m.Name, applied, m.Checksum)
	}
	tab.print(t.out, t.width(), t.palette)
	if missing > 0 {
		fmt.Fprintf(t.out, "\n%s to apply: pawl migrate up\n", plural(missing, "migration"))
	}
	return nil
}

// migrations returns all that this program knows, as the database has them.
func (f storeFlag) migrations(ctx context.Context) (all []pawl.Migration, err error) {
	m, err := f.migrator(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	return m.Migrations(ctx)
}

type migrateSQLCommand struct {
	storeFlag
	All bool `help:"All migrations, not only those that the database lacks."`
	outputFlag
}

// Run implements a command of kong.
func (c *migrateSQLCommand) Run(ctx context.Context, t *terminal) error {
	all, err := c.migrations(ctx)
	if err != nil {
		return err
	}
	wanted := []pawl.Migration{}
	for _, m := range all {
		if c.All || m.Applied.IsZero() {
			wanted = append(wanted, m)
		}
	}
	if c.json() {
		return printMigrations(t, wanted)
	}
	for _, m := range wanted {
		fmt.Fprintf(t.out, "-- %d, %s, SHA-256 %s\n%s\n\n", m.Number, m.Name, m.Checksum, strings.TrimSpace(m.SQL))
	}
	if len(wanted) == 0 {
		fmt.Fprintln(t.out, "-- the schema is up to date; --all prints what it was made with")
	}
	return nil
}
