package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
)

// Postgres returns the URL of a database that is empty, and t's own until it
// has ended. Then its sessions are ended and all in it is dropped. The server
// does not sync; what measures commits starts its own with [StartPostgres].
func Postgres(t testing.TB) string {
	t.Helper()
	server := variable(t, varPostgres, (*All).postgres)
	return database(server, newDatabase(t, server))
}

// PostgresTLS is [Postgres] with sslmode=verify-full.
func PostgresTLS(t testing.TB) string {
	t.Helper()
	server := variable(t, varPostgres, (*All).postgres)
	return database(variable(t, varPostgresTLS, (*All).postgres), newDatabase(t, server))
}

// PgBouncer is [Postgres] through a PgBouncer in transaction mode.
func PgBouncer(t testing.TB) string {
	t.Helper()
	server := variable(t, varPostgres, (*All).postgres)
	bouncer := variable(t, varPgBouncer, func(a *All, ctx context.Context) (Environment, error) {
		return a.pgbouncer(ctx, server)
	})
	return database(bouncer, newDatabase(t, server))
}

// Schema returns the URL of a schema that is empty, and t's own until it has
// ended, as the search_path of its connections. It is the quickest to make. The
// channels of NOTIFY and advisory locks belong to the database, which all
// schemas share.
func Schema(t testing.TB) string {
	t.Helper()
	server := variable(t, varPostgres, (*All).postgres)
	u := parse(server)
	q := u.Query()
	q.Set("search_path", newSchema(t, server))
	u.RawQuery = q.Encode()
	return u.String()
}

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

// Main runs the tests of a package. Then it stops the servers that were started
// for them, if any were, and drops what they left on servers that go on:
//
//	func TestMain(m *testing.M) { services.Main(m) }
//
// Without it private servers end with the process all the same, a moment later.
func Main(m *testing.M) {
	code := m.Run()
	var err error
	if shared := os.Getenv(varPostgres); shared != "" {
		err = databases.drop(shared)
	}
	if err := errors.Join(err, private.all.Close()); err != nil {
		fmt.Fprintln(os.Stderr, "services:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}
