package engines

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"

	_ "modernc.org/sqlite" // the driver that Pawl uses too
)

// openSQLite opens the file in WAL mode with synchronous=FULL: what is committed
// is on the disk. Writers take their lock at the start, so that they wait and do not fail.
func openSQLite(path string, conns int) (*sql.DB, error) {
	settings := url.Values{
		"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(60000)", "foreign_keys(ON)"},
		"_txlock": {"immediate"},
	}
	db, err := sql.Open("sqlite", "file:"+path+"?"+settings.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// sqliteStore is what the engines on SQLite share.
type sqliteStore struct {
	db   *sql.DB
	left string // a query that counts the tasks whose completion is not stored
}

func (s sqliteStore) Left(ctx context.Context) (int, error) {
	var n int
	err := s.db.QueryRowContext(ctx, s.left).Scan(&n)
	return n, err
}

// Settings fails unless a commit waits for the disk.
func (s sqliteStore) Settings(ctx context.Context) (map[string]string, error) {
	settings := make(map[string]string)
	for name, query := range map[string]string{
		"journal_mode": "PRAGMA journal_mode",
		"synchronous":  "PRAGMA synchronous",
		"version":      "SELECT sqlite_version()",
	} {
		var value string
		if err := s.db.QueryRowContext(ctx, query).Scan(&value); err != nil {
			return nil, fmt.Errorf("%s: %w", query, err)
		}
		settings[name] = value
	}
	return settings, want(settings, map[string]string{"journal_mode": "wal", "synchronous": "2"})
}

func (s sqliteStore) Close() error { return s.db.Close() }

// want returns an error that names a setting which is not as it must be.
func want(settings, wanted map[string]string) error {
	for name, value := range wanted {
		if settings[name] != value {
			return fmt.Errorf("%s is %q; want %q", name, settings[name], value)
		}
	}
	return nil
}
