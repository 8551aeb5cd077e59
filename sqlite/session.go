package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// statements are the files in the folder sql, by name without the ending. In a
// statement, "X, ..." stands for as many X as there are rows: X is a "?" or the
// parenthesis before it.
var statements = loadStatements()

func loadStatements() map[string]string {
	all := map[string]string{}
	entries, err := fs.ReadDir(sqlFiles, "sql")
	if err != nil {
		panic(err) // the folder is embedded
	}
	for _, e := range entries {
		text, err := sqlFiles.ReadFile(path.Join("sql", e.Name()))
		if err != nil {
			panic(err)
		}
		all[strings.TrimSuffix(e.Name(), ".sql")] = string(text)
	}
	return all
}

// repeated returns a statement for n rows.
func repeated(text string, n int) string {
	before, after, ok := strings.Cut(text, ", ...")
	if !ok {
		return text
	}
	start := len(before) - 1
	if before[start] == ')' {
		start = strings.LastIndex(before, "(")
	}
	return before + strings.Repeat(", "+before[start:], n-1) + after
}

// rowCounts are how many rows one statement is prepared for, the most first:
// fewer statements than rows, and few enough to keep them all prepared.
var rowCounts = []int{64, 32, 16, 8, 4, 2, 1}

// session is one connection with its prepared statements, for one goroutine at a
// time.
type session struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
}

func newSession(ctx context.Context, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, prepared: map[string]*sql.Stmt{}}, nil
}

func (s *session) close() error {
	s.forget()
	return s.conn.Close()
}

func (s *session) forget() {
	for _, stmt := range s.prepared {
		_ = stmt.Close() // the connection goes with them
	}
	clear(s.prepared)
}

// discard closes a session in an unknown state, so that nobody gets its connection
// out of the pool.
func (s *session) discard() {
	s.forget()
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.conn.Close()
}

// stmt returns a statement of the folder sql for n rows.
func (s *session) stmt(ctx context.Context, name string, n int) (*sql.Stmt, error) {
	text, ok := statements[name]
	if !ok {
		return nil, fmt.Errorf("there is no statement %q", name)
	}
	key := name
	if n > 1 {
		key = fmt.Sprintf("%s*%d", name, n)
	}
	if stmt := s.prepared[key]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(ctx, repeated(text, n))
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", name, err)
	}
	s.prepared[key] = stmt
	return stmt, nil
}

// exec runs a statement.
func (s *session) exec(ctx context.Context, name string, args ...any) error {
	stmt, err := s.stmt(ctx, name, 1)
	if err != nil {
		return err
	}
	if _, err := stmt.ExecContext(ctx, args...); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// execMany runs a statement for rows of some arguments each, many at a time.
func (s *session) execMany(ctx context.Context, name string, each int, args []any) error {
	for len(args) > 0 {
		n := 1
		for _, count := range rowCounts {
			if count*each <= len(args) {
				n = count
				break
			}
		}
		stmt, err := s.stmt(ctx, name, n)
		if err != nil {
			return err
		}
		if _, err := stmt.ExecContext(ctx, args[:n*each]...); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		args = args[n*each:]
	}
	return nil
}

// query runs a statement and calls each for every row.
func (s *session) query(ctx context.Context, name string, each func(*sql.Rows) error, args ...any) error {
	return s.queryRows(ctx, name, 1, each, args)
}

// queryMany runs a statement with a list, in parts. It repeats the last argument to
// fill a list.
func (s *session) queryMany(ctx context.Context, name string, args []any, each func(*sql.Rows) error) error {
	for len(args) > 0 {
		n := rowCounts[0]
		for _, count := range rowCounts {
			if count >= len(args) {
				n = count
			}
		}
		part := args[:min(n, len(args))]
		args = args[len(part):]
		if len(part) < n {
			part = append(make([]any, 0, n), part...)
			for len(part) < n {
				part = append(part, part[len(part)-1])
			}
		}
		if err := s.queryRows(ctx, name, n, each, part); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) queryRows(ctx context.Context, name string, n int, each func(*sql.Rows) error, args []any) error {
	stmt, err := s.stmt(ctx, name, n)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err == nil {
		err = readAll(rows, each)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// queryText runs a query that is put together.
func (s *session) queryText(ctx context.Context, text string, args []any, each func(*sql.Rows) error) error {
	rows, err := s.conn.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	return readAll(rows, each)
}

// errEnough is returned for a row that is not wanted, nor those behind it.
var errEnough = errors.New("enough")

func readAll(rows *sql.Rows, each func(*sql.Rows) error) error {
	for rows.Next() {
		err := each(rows)
		if err == errEnough {
			return rows.Close()
		}
		if err != nil {
			_ = rows.Close() // the first error tells more
			return err
		}
	}
	if err := rows.Err(); err != nil {
		_ = rows.Close()
		return err
	}
	return rows.Close()
}

// number returns the one number that a statement gives; ok is false without a row.
func (s *session) number(ctx context.Context, name string, args ...any) (n int64, ok bool, err error) {
	err = s.query(ctx, name, func(rows *sql.Rows) error {
		ok = true
		return rows.Scan(&n)
	}, args...)
	return n, ok, err
}

// plain runs SQL that changes no data: BEGIN, COMMIT, PRAGMA.
func (s *session) plain(ctx context.Context, text string) error {
	stmt := s.prepared[text]
	if stmt == nil {
		var err error
		if stmt, err = s.conn.PrepareContext(ctx, text); err != nil {
			return err
		}
		s.prepared[text] = stmt
	}
	_, err := stmt.ExecContext(ctx)
	return err
}
