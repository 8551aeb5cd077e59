package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawlhq/pawl/internal/durable"
)

// Codes of PostgreSQL's errors; see its appendix A.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505"
	lockNotAvailable     = "55P03"
)

// isConflict reports whether a transaction failed because of another one at the
// same time.
func isConflict(e *pgconn.PgError) bool {
	switch e.Code {
	case serializationFailure, deadlockDetected, lockNotAvailable:
		return true
	}
	return e.Code == uniqueViolation && strings.HasSuffix(e.ConstraintName, "_pkey")
}

// explained is an error of a server, with what to do about it.
type explained struct {
	address string
	err     error
	remedy  string
}

func (e *explained) Error() string {
	text := fmt.Sprintf("postgres at %s: %s", e.address, oneLine(e.err.Error()))
	if e.remedy != "" {
		text += "; " + e.remedy
	}
	return text
}

// oneLine returns a text in one line. The library has a line for each try to connect, and
// a server that is down says the same to all of them.
func oneLine(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Replace(strings.Join(lines, ", "), ":, ", ": ", 1)
}

func (e *explained) Unwrap() error { return e.err }

// explain says where an error comes from and what to do about it; conflicts become
// durable.ErrConflict, and the end of a context stays as it is.
func (s *server) explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, durable.ErrConflict) {
		return err
	}
	if _, done := errors.AsType[*explained](err); done {
		return err
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	if ok && isConflict(e) {
		return fmt.Errorf("%w: %w", durable.ErrConflict, err)
	}
	remedy := ""
	if ok {
		remedy = s.remedy(e)
	} else if _, unreachable := errors.AsType[*pgconn.ConnectError](err); unreachable {
		remedy = "start the server there, or mend host and port in the URL"
	}
	return &explained{s.address, err, remedy}
}

// remedy returns what to do about an error of the server, "" if only the server
// knows.
func (s *server) remedy(e *pgconn.PgError) string {
	database, user := strings.TrimPrefix(s.config.Database, "/"), s.config.User
	switch e.Code {
	case "3D000": // invalid_catalog_name
		return fmt.Sprintf("create the database, with createdb %s, or mend its name in the URL", database)
	case "28P01", "28000": // invalid_password, invalid_authorization_specification
		return fmt.Sprintf("mend user and password in the URL (or PGPASSWORD), or the server's pg_hba.conf; the user was %q", user)
	case "42501": // insufficient_privilege
		return fmt.Sprintf("as the owner of the database, run: create schema %s authorization %q; or grant what is missing", s.schema, user)
	case "25006": // read_only_sql_transaction
		return "the server or the user is read-only: name the primary in the URL, or reset default_transaction_read_only"
	case "42P01", "3F000", "42883": // undefined_table, invalid_schema_name, undefined_function
		return fmt.Sprintf("the schema %s is not as this program made it; run pawl migrate up, or name another schema in the URL", s.schema)
	case "53300": // too_many_connections
		return "raise max_connections of the server, put a PgBouncer in front of it, or lower pool_max_conns in the URL"
	case "53100": // disk_full
		return "make room on the server's disk; nothing is corrupt, and what was not accepted is tried again"
	case "53200": // out_of_memory
		return "give the server more memory, or raise max_locks_per_transaction if that is what the message names"
	case "57P03": // cannot_connect_now
		return "the server is starting or stopping; try again in a moment"
	case "26000", "08P01", "42P05": // invalid_sql_statement_name, protocol_violation, duplicate_prepared_statement
		return "a pooler may stand between that changes the server's sessions: it must tell its own process number, as PgBouncer does"
	}
	return ""
}
