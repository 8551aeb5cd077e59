package services_test

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pawlhq/pawl/internal/services"
)

func closed(t *testing.T, c io.Closer) {
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A campaign kills the server while clients are at work, and counts on what was
// committed, and on the address, when the server is back.
func TestPostgresComesBackAfterKill(t *testing.T) {
	ctx := within(t)
	s, err := services.StartPostgres(ctx, services.Options{Settings: map[string]string{"max_connections": "50"}})
	must(t, err)
	closed(t, s)
	execute(t, s.URL(), "create table kept (n int)")
	execute(t, s.URL(), "insert into kept values (1)")
	busy, err := pgx.Connect(ctx, s.URL())
	must(t, err)
	defer busy.Close(ctx)
	lost := make(chan error)
	go func() {
		_, err := busy.Exec(ctx, "select pg_sleep(600)")
		lost <- err
	}()
	backend := int(busy.PgConn().PID())

	url, pid := s.URL(), s.PID()
	must(t, s.Kill())
	if err := <-lost; err == nil {
		t.Error("a statement survived the kill of its server")
	}
	for _, pid := range []int{pid, backend} {
		if alive(pid) {
			t.Errorf("process %d runs after Kill", pid)
		}
	}
	if s.PID() != 0 {
		t.Errorf("PID after Kill = %d; want 0", s.PID())
	}
	if _, err := pgx.Connect(ctx, url); err == nil {
		t.Error("it answers after Kill")
	}
	if err := s.Kill(); err == nil {
		t.Error("Kill of a server that does not run = nil; want an error, or a crash would go unseen")
	}

	must(t, s.Start(ctx))
	if s.URL() != url {
		t.Errorf("URL = %s after Start; want %s as before", s.URL(), url)
	}
	if n := query[int](t, url, "select n from kept"); n != 1 {
		t.Errorf("n = %d after Kill and Start; want 1", n)
	}
	for name, want := range map[string]string{"fsync": "on", "synchronous_commit": "on", "max_connections": "50"} {
		if got := query[string](t, url, "select current_setting($1)", name); got != want {
			t.Errorf("%s = %s; want %s", name, got, want)
		}
	}
	if err := s.Start(ctx); err == nil {
		t.Error("Start of a server that runs = nil; want an error")
	}
}

func TestRedisComesBackAfterKillAndStop(t *testing.T) {
	ctx := within(t)
	s, err := services.StartRedis(ctx, services.Options{})
	must(t, err)
	closed(t, s)
	client := redisClient(t, s.URL())
	for name, end := range map[string]func() error{"Kill": s.Kill, "Stop": s.Stop} {
		must(t, client.Set(ctx, name, "kept", 0).Err())
		must(t, end())
		if conn, err := net.Dial("tcp", s.Addr()); err == nil {
			conn.Close()
			t.Errorf("it answers after %s", name)
		}
		must(t, s.Start(ctx))
		if got, err := client.Get(ctx, name).Result(); err != nil || got != "kept" {
			t.Errorf("Get after %s and Start = %q, %v; want kept", name, got, err)
		}
	}
	must(t, s.Stop())
	if err := s.Stop(); err != nil {
		t.Errorf("Stop of a server that does not run = %v; want nil", err)
	}
}

// The policies are those that a store asks for.
func TestRedisKeepsWhatItIsGiven(t *testing.T) {
	ctx := within(t)
	s, err := services.StartRedis(ctx, services.Options{Settings: map[string]string{"appendfsync": "always"}})
	must(t, err)
	closed(t, s)
	client := redisClient(t, s.URL())
	for name, want := range map[string]string{"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"} {
		if got, err := client.ConfigGet(ctx, name).Result(); err != nil || got[name] != want {
			t.Errorf("%s = %s, %v; want %s", name, got[name], err, want)
		}
	}
	options := redisOptions(t, s.URL())
	options.Password = ""
	stranger := redisClient(t, "redis://"+options.Addr)
	if stranger.Ping(ctx).Err() == nil {
		t.Error("it answers without a password")
	}
}

// In transaction mode a session's settings do not belong to the client, which
// is what a store has to live with.
func TestPgBouncerIsInTransactionMode(t *testing.T) {
	url := services.PgBouncer(t)
	if got := query[int](t, url, "select 1"); got != 1 {
		t.Errorf("select 1 = %d", got)
	}
	ctx := within(t)
	config, err := pgx.ParseConfig(url)
	must(t, err)
	config.Database = "pgbouncer" // its console, which knows the simple protocol only
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, config)
	must(t, err)
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "show config")
	must(t, err)
	found, err := pgx.CollectRows(rows, pgx.RowToMap)
	must(t, err)
	for _, row := range found {
		if row["key"] == "pool_mode" {
			if row["value"] != "transaction" {
				t.Errorf("pool_mode = %v; want transaction", row["value"])
			}
			return
		}
	}
	t.Error("show config names no pool_mode")
}

// A start that fails says what the server said, and leaves nothing.
func TestStartOfWrongSettings(t *testing.T) {
	dir := openDir(t)
	for name, start := range map[string]func(context.Context, services.Options) (*services.Server, error){
		"postgres": services.StartPostgres, "redis": services.StartRedis,
	} {
		_, err := start(within(t), services.Options{Dir: dir, Settings: map[string]string{"no_such_setting": "1"}})
		wantError(t, name, err, "no_such_setting")
	}
	wantEmpty(t, dir)
}
