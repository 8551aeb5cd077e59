package services_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl/internal/services"
)

// Tests that run side by side do not see each other. Those that come later find
// nothing of earlier ones, whose sessions may be open still.
func TestDatabasesAreTheTestsOwn(t *testing.T) {
	ctx := within(t)
	for name, place := range map[string]func(testing.TB) string{"direct": services.Postgres, "PgBouncer": services.PgBouncer} {
		var first string
		var open *pgx.Conn
		t.Run(name, func(t *testing.T) {
			first = place(t)
			second := place(t)
			execute(t, first, "create table mine (n int); create schema other; create table other.mine (n int)")
			if query[bool](t, second, "select to_regclass('mine') is not null") {
				t.Errorf("%s sees the table of %s", second, first)
			}
			var err error
			open, err = pgx.Connect(ctx, first)
			must(t, err)
			_, err = open.Exec(ctx, "begin; lock table mine")
			must(t, err)
		})
		if err := open.Ping(ctx); err == nil {
			t.Errorf("%s: a session goes on after its test", name)
		}
		open.Close(ctx)
		for range 3 { // two were left, and are taken again
			url := place(t)
			if url == first {
				t.Errorf("%s: %s was given twice", name, url)
			}
			if query[bool](t, url, "select to_regclass('mine') is not null or to_regnamespace('other') is not null") {
				t.Errorf("%s: %s holds what an earlier test made", name, url)
			}
			if got := query[string](t, url, "select current_schema()"); got != "public" {
				t.Errorf("%s: the schema is %q; want public", name, got)
			}
		}
	}
}

func TestSchemasAreTheTestsOwn(t *testing.T) {
	var url, schema string
	t.Run("two", func(t *testing.T) {
		url = services.Schema(t)
		execute(t, url, "create table mine (n int)")
		if second := services.Schema(t); query[bool](t, second, "select to_regclass('mine') is not null") {
			t.Errorf("%s sees the table of %s", second, url)
		}
		schema = query[string](t, url, "select current_schema()")
	})
	if query[bool](t, url, "select to_regnamespace($1) is not null", schema) {
		t.Errorf("the schema %s is there after its test", schema)
	}
}

func TestRedisDatabasesAreTheTestsOwn(t *testing.T) {
	ctx := within(t)
	var first string
	t.Run("two", func(t *testing.T) {
		first = services.Redis(t)
		must(t, redisClient(t, first).Set(ctx, "mine", 1, 0).Err())
		second := services.Redis(t)
		if n, err := redisClient(t, second).DBSize(ctx).Result(); err != nil || n != 0 {
			t.Errorf("DBSize of %s = %d, %v; want 0", second, n, err)
		}
	})
	if n, err := redisClient(t, first).DBSize(ctx).Result(); err != nil || n != 0 {
		t.Errorf("DBSize after the test = %d, %v; want 0", n, err)
	}
}

func TestClusterKeysOfATestAreDeleted(t *testing.T) {
	ctx := within(t)
	var url, prefix string
	t.Run("one", func(t *testing.T) {
		url, prefix = services.RedisCluster(t)
		client := clusterClient(t, url)
		for _, key := range []string{prefix, prefix + ":a", "{" + prefix + ":b}c"} {
			must(t, client.Set(ctx, key, 1, 0).Err())
		}
	})
	client := clusterClient(t, url)
	for _, key := range []string{prefix, prefix + ":a", "{" + prefix + ":b}c"} {
		if n, err := client.Exists(ctx, key).Result(); err != nil || n != 0 {
			t.Errorf("Exists %s after the test = %d, %v; want 0", key, n, err)
		}
	}
}

// Encrypted connections are made by who trusts the certificate, and by nobody else.
func TestPostgresTLS(t *testing.T) {
	url := services.PostgresTLS(t)
	if !query[bool](t, url, "select ssl from pg_stat_ssl where pid = pg_backend_pid()") {
		t.Error("the connection is not encrypted")
	}
	config, err := pgx.ParseConfig(url)
	must(t, err)
	config.TLSConfig.RootCAs = nil
	config.Fallbacks = nil
	conn, err := pgx.ConnectConfig(within(t), config)
	if err == nil {
		conn.Close(context.Background())
	}
	wantUnknownAuthority(t, err)
}

func TestRedisTLS(t *testing.T) {
	ctx := within(t)
	url, ca := services.RedisTLS(t)
	options := redisOptions(t, url)
	conn, err := tls.Dial("tcp", options.Addr, nil)
	if err == nil {
		conn.Close()
	}
	wantUnknownAuthority(t, err)

	pem, err := os.ReadFile(ca)
	must(t, err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", ca)
	}
	options.TLSConfig = &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
	trusting := redis.NewClient(options)
	defer trusting.Close()
	must(t, trusting.Ping(ctx).Err())
}

func wantUnknownAuthority(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		t.Errorf("a connection that trusts nobody: %v; want an unknown authority", err)
	}
}
