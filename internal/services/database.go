package services

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed empty.sql
var emptySQL string

// placeLimit is how long it may take to make or to remove a place on a server.
const placeLimit = time.Minute

// databases are those that the tests of this process have left. To empty one
// takes some milliseconds, where a new one takes hundreds: PostgreSQL copies a
// thousand files.
var databases spares

type spares struct {
	mu    sync.Mutex
	names []string
}

// newDatabase returns the name of an empty database, which is t's until it has
// ended. No name is given twice, so that no pool of connections mistakes it.
func newDatabase(t testing.TB, server string) string {
	t.Helper()
	name, sql := unique(), "create database %s template template0"
	if spare := databases.take(); spare != "" {
		sql = "alter database " + spare + " rename to %s"
	}
	if err := execute(server, fmt.Sprintf(sql, name)); err != nil {
		t.Fatalf("services: %v", err)
	}
	t.Cleanup(func() {
		if err := execute(database(server, name), emptySQL); err != nil {
			t.Errorf("services: empty database %s: %v", name, err)
			return
		}
		databases.put(name)
	})
	return name
}

func (s *spares) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.names) == 0 {
		return ""
	}
	name := s.names[0]
	s.names = s.names[1:]
	return name
}

func (s *spares) put(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = append(s.names, name)
}

// drop drops all spare databases.
func (s *spares) drop(server string) error {
	var errs []error
	for name := s.take(); name != ""; name = s.take() {
		errs = append(errs, execute(server, "drop database "+name+" with (force)"))
	}
	return errors.Join(errs...)
}

// newSchema returns the name of an empty schema, which is dropped when t has ended.
func newSchema(t testing.TB, server string) string {
	t.Helper()
	name := unique()
	if err := execute(server, "create schema "+name); err != nil {
		t.Fatalf("services: %v", err)
	}
	t.Cleanup(func() {
		if err := execute(server, "drop schema "+name+" cascade"); err != nil {
			t.Errorf("services: %v", err)
		}
	})
	return name
}

// execute has no context of its caller's: that of a test ends before its cleanups.
func execute(server, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), placeLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// database returns a PostgreSQL server's URL with another database.
func database(server, name string) string {
	u := parse(server)
	u.Path = "/" + name
	return u.String()
}

// parse parses a URL that this package, or who set a variable, has made.
func parse(server string) *url.URL {
	u, err := url.Parse(server)
	if err != nil {
		panic(fmt.Sprintf("services: %v", err))
	}
	return u
}

// unique returns a name that no other test has, in this process or another.
func unique() string { return "pawl_test_" + strings.ToLower(rand.Text()[:16]) }
