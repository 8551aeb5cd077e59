package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// Store implements [pawl.Store] and [pawl.Checker] on one file. It is safe for
// concurrent use, and any number of processes of one machine may have the file
// open.
type Store struct {
	*durable.Store
	db *database
}

// Open opens the file at path, creates it if it is not there, and brings its
// schema up to date. Its folder must exist, be writable and on a disk of this
// machine. A file with tables of another program's alone is refused, and left as it is.
// What else is wrong with the file is logged as a warning; see [Store.Check].
//
// Parameters may stand behind the path: poll=50ms, how often to look for what
// other processes did; busy=30s, how long to wait for one that writes; and
// max_pages=N, a bound on the file, in pages of 4 KiB.
func Open(ctx context.Context, path string) (*Store, error) {
	db, err := open(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := migrated(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &Store{durable.New(db), db}
	for _, f := range db.quickFindings(ctx) {
		if f.Level != pawl.FindingOK {
			slog.WarnContext(ctx, "the store is at risk", "store", db.path, "what", f.What, "found", f.Found, "remedy", f.Remedy)
		}
	}
	return s, nil
}

// open opens the file as it is.
func open(ctx context.Context, path string) (*database, error) {
	path, o, err := splitPath(path)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // beside which SQLite keeps its log
	}
	if err := checkPlace(path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", name(path))
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	d, err := connect(ctx, path, o, db)
	if err != nil {
		_ = db.Close() // the first error tells more
		return nil, explain(path, err)
	}
	return d, nil
}

func connect(ctx context.Context, path string, o options, db *sql.DB) (*database, error) {
	writer, err := newSession(ctx, db)
	if err != nil {
		return nil, err
	}
	d := newDatabase(path, o, db, writer)
	if err := patiently(ctx, o.busy, func() error { return d.prepare(ctx) }); err != nil {
		_ = writer.close() // the first error tells more
		return nil, err
	}
	return d, nil
}

// prepare makes the connection ready that writes.
func (d *database) prepare(ctx context.Context) error {
	if err := d.checkVersion(ctx); err != nil {
		return err
	}
	if err := d.options.prepareWriter(ctx, d.writer); err != nil {
		return err
	}
	if err := d.refuseStranger(ctx); err != nil {
		return err
	}
	if err := d.useLog(ctx); err != nil {
		return err
	}
	var err error
	if d.version, _, err = d.writer.number(ctx, "data_version"); err != nil {
		return err
	}
	d.file, err = os.Stat(d.path)
	return err
}

// refuseStranger reports a file of another program's, before anything is written to it:
// it has tables, and no migration of Pawl's.
func (d *database) refuseStranger(ctx context.Context) error {
	const most = 3
	var tables []string
	err := d.writer.queryText(ctx, statements["strangers"], nil, func(rows *sql.Rows) error {
		tables = append(tables, "")
		return rows.Scan(&tables[len(tables)-1])
	})
	if err != nil || len(tables) == 0 {
		return err
	}
	if len(tables) > most {
		tables[most] = "…"
	}
	return fmt.Errorf("sqlite: %s is another program's: it has tables (%s), and none of them is Pawl's; name another path, of a file that is empty or not there", d.path, strings.Join(tables, ", "))
}

// useLog has SQLite write ahead into a log. That is a property of the file, which
// one process sets for all.
func (d *database) useLog(ctx context.Context) error {
	var mode string
	if err := d.writer.conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("sqlite: %s keeps its journal_mode %q; want wal: another program has locked it", d.path, mode)
	}
	return nil
}

// versionLeast is the first SQLite without a fault that could damage the log.
var versionLeast = []int{3, 53, 4}

func (d *database) checkVersion(ctx context.Context) error {
	var text string
	if err := d.writer.conn.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&text); err != nil {
		return err
	}
	var v [3]int
	if _, err := fmt.Sscanf(text, "%d.%d.%d", &v[0], &v[1], &v[2]); err != nil {
		return fmt.Errorf("sqlite: version %q: %w", text, err)
	}
	for i, least := range versionLeast {
		if v[i] > least {
			return nil
		}
		if v[i] < least {
			return fmt.Errorf("sqlite: SQLite %s is built in; want 3.53.4 or later, as earlier ones can damage the log: build with modernc.org/sqlite v1.60.1", text)
		}
	}
	return nil
}

// patiently does again what another process was in the way of, for that long. What
// only takes its time, on a slow machine, is not cut short.
func patiently(ctx context.Context, busy time.Duration, do func() error) error {
	gaveUp := time.Now().Add(busy)
	for pause := busyFirst; ; pause = min(2*pause, busyMost) {
		err := do()
		if !isBusy(err) || time.Now().After(gaveUp) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// name is a path as SQLite takes it: a URI in which nothing of the path has a
// meaning of its own.
func name(path string) string {
	path = filepath.ToSlash(path)
	if runtime.GOOS == "windows" {
		path = "/" + path
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath()
}
