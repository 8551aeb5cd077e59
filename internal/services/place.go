package services

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// placeLimit is how long it may take to make or to remove a place on a server.
const placeLimit = time.Minute

// Postgres returns the URL of a new, empty database. It is dropped when t has
// ended, with the connections to it that are still open. The server does not
// sync; what measures commits starts its own with [StartPostgres].
func Postgres(t testing.TB) string {
	t.Helper()
	return newDatabase(t, variable(t, varPostgres, (*All).postgres))
}

// PostgresTLS is [Postgres] with sslmode=verify-full.
func PostgresTLS(t testing.TB) string {
	t.Helper()
	return newDatabase(t, variable(t, varPostgresTLS, (*All).postgres))
}

// PgBouncer is [Postgres] through a PgBouncer in transaction mode.
func PgBouncer(t testing.TB) string {
	t.Helper()
	server := variable(t, varPostgres, (*All).postgres)
	bouncer := variable(t, varPgBouncer, func(a *All, ctx context.Context) (Environment, error) {
		return a.pgbouncer(ctx, server)
	})
	place, err := url.Parse(newDatabase(t, server))
	if err != nil {
		t.Fatalf("services: %v", err)
	}
	return database(bouncer, strings.TrimPrefix(place.Path, "/"))
}

// Schema returns the URL of a new, empty schema, which is quicker to make than
// a database. Its search_path is the schema. Advisory locks and the channels of
// NOTIFY belong to the database, which all schemas share. It is dropped when t
// has ended.
func Schema(t testing.TB) string {
	t.Helper()
	server := variable(t, varPostgres, (*All).postgres)
	name := unique()
	execute(t, server, "create schema "+name)
	t.Cleanup(func() { execute(t, server, "drop schema "+name+" cascade") })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("services: %v", err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

func newDatabase(t testing.TB, server string) string {
	t.Helper()
	name := unique()
	execute(t, server, "create database "+name+" template template0")
	t.Cleanup(func() { execute(t, server, "drop database "+name+" with (force)") })
	return database(server, name)
}

// execute outlives t's own context, which ends before its cleanups.
func execute(t testing.TB, server, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), placeLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatalf("services: %v", err)
	}
	_, err = conn.Exec(ctx, sql)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		t.Fatalf("services: %s: %v", sql, err)
	}
}

// unique returns a name that no other test has, in this process or another.
func unique() string { return "pawl_test_" + strings.ToLower(rand.Text()[:16]) }

// variable returns where a server is: as the environment says, else a private
// one for this process.
func variable(t testing.TB, name string, start func(*All, context.Context) (Environment, error)) string {
	t.Helper()
	if v := os.Getenv(name); v != "" {
		return v
	}
	v, err := private.variable(name, start)
	if err != nil {
		t.Fatalf("services: %v", err)
	}
	return v
}

// Main runs the tests of a package and then stops the servers that were started
// for them, if any were:
//
//	func TestMain(m *testing.M) { services.Main(m) }
//
// Without it they end with the process all the same, but a moment later.
func Main(m *testing.M) {
	code := m.Run()
	if err := private.all.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "services:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}
