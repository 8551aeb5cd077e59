package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/services"
	"github.com/pawlhq/pawl/postgres"
	"github.com/pawlhq/pawl/storetest"
)

func TestOpenBySeveralAtOnce(t *testing.T) {
	at := services.Postgres(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s, err := postgres.Open(t.Context(), at)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := greet.Add(t.Context(), pawl.New(s, pawl.Config{}), "hello", pawl.Keep); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s := open(t, at)
	defer s.Close()
	if n := work(t, s); n != 8 {
		t.Errorf("%d tasks were added; want 8", n)
	}
}

// with returns a URL with parts of it changed.
func with(t *testing.T, raw string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

func exec(t *testing.T, at string, sql ...string) {
	t.Helper()
	c := connect(t, at, pgx.QueryExecModeSimpleProtocol)
	for _, one := range sql {
		if _, err := c.Exec(t.Context(), one); err != nil {
			t.Fatalf("%s: %v", one, err)
		}
	}
}

// clean runs SQL at the end of a test, when its context has ended.
func clean(t *testing.T, at string, sql ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, at)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close(ctx)
	for _, one := range sql {
		if _, err := c.Exec(ctx, one); err != nil {
			t.Errorf("%s: %v", one, err)
		}
	}
}

// With its default of TLS the library tries each address twice, and writes a line for each
// try.
func TestAServerThatIsDownIsToldOnce(t *testing.T) {
	s, err := postgres.Open(t.Context(), "postgres://u@127.0.0.1:1,127.0.0.1:2/x?sslmode=prefer")
	if err == nil {
		_ = s.Close()
		t.Fatal("Open succeeded; want nobody to listen there")
	}
	text := err.Error()
	if strings.ContainsAny(text, "\n\t") {
		t.Errorf("Open = %q; want one line", text)
	}
	for _, at := range []string{"dial tcp 127.0.0.1:1: connect: connection refused", "dial tcp 127.0.0.1:2: connect: connection refused"} {
		if n := strings.Count(text, at); n != 1 {
			t.Errorf("Open = %q; it says %q %d times, want once", text, at, n)
		}
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	at := services.Postgres(t)
	exec(t, at, "create role pawl_guest login password 'guest'")
	exec(t, at, "create schema taken", "create table taken.migration (number integer primary key, name text, checksum text, applied timestamptz)",
		"insert into taken.migration select n, 'later', 'sum', now() from generate_series(1, 99) n")
	t.Cleanup(func() { clean(t, at, "drop role pawl_guest") })
	guest := url.UserPassword("pawl_guest", "guest")
	for name, test := range map[string]struct {
		at   string
		says []string
	}{
		"no server":      {with(t, at, func(u *url.URL) { u.Host = "127.0.0.1:1" }), []string{"127.0.0.1:1", "start the server"}},
		"wrong password": {with(t, at, func(u *url.URL) { u.User = url.UserPassword("pawl_guest", "secret-guess") }), []string{"password", "pg_hba.conf"}},
		"no database":    {with(t, at, func(u *url.URL) { u.Path = "nowhere" }), []string{"createdb nowhere"}},
		"no right":       {with(t, at, func(u *url.URL) { u.User = guest }), []string{"permission denied", "create schema pawl authorization"}},
		"read-only":      {inSchemaOf(t, at, "schema", "fresh", "default_transaction_read_only", "on"), []string{"read-only", "primary"}},
		"newer schema":   {inSchemaOf(t, at, "schema", "taken"), []string{"schema taken", "the schema"}},
		"bad schema":     {inSchemaOf(t, at, "schema", "No Good"), []string{`schema is "No Good"`, "lower-case"}},
		"bad events":     {inSchemaOf(t, at, "events", "shout"), []string{`events is "shout"`, "want listen, poll"}},
		"bad pool":       {inSchemaOf(t, at, "pool_max_conns", "0"), []string{`pool_max_conns is "0"`}},
		"no URL":         {"postgres://%zz", []string{"cannot be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := postgres.Open(t.Context(), test.at)
			if err == nil {
				_ = s.Close()
				t.Fatal("Open succeeded")
			}
			for _, part := range test.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("Open = %v; want it to say %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "secret-guess") {
				t.Errorf("Open tells the password: %v", err)
			}
		})
	}
}

func TestOpenWithoutRightsToASchemaThatIsThere(t *testing.T) {
	at := services.Postgres(t)
	if err := open(t, at).Close(); err != nil {
		t.Fatal(err)
	}
	exec(t, at, "create role pawl_worker login password 'w'", "grant usage on schema pawl to pawl_worker",
		"grant all on all tables in schema pawl to pawl_worker", "grant all on all sequences in schema pawl to pawl_worker")
	t.Cleanup(func() { clean(t, at, "drop owned by pawl_worker", "drop role pawl_worker") })
	s := open(t, with(t, at, func(u *url.URL) { u.User = url.UserPassword("pawl_worker", "w") }))
	defer s.Close()
	if _, err := greet.Add(t.Context(), pawl.New(s, pawl.Config{}), "hello"); err != nil {
		t.Error(err)
	}
}

func TestMigrator(t *testing.T) {
	at := services.Postgres(t)
	m, err := postgres.OpenMigrator(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	before, err := m.Migrations(t.Context())
	if err != nil || len(before) == 0 || !before[0].Applied.IsZero() {
		t.Fatalf("Migrations = %+v, %v; want some, none applied", before, err)
	}
	done, err := m.Up(t.Context())
	if err != nil || len(done) != len(before) {
		t.Fatalf("Up = %d migrations, %v; want %d", len(done), err, len(before))
	}
	after, err := m.Migrations(t.Context())
	if err != nil || time.Since(after[0].Applied).Abs() > time.Hour {
		t.Errorf("Migrations = %+v, %v; want them applied now", after, err)
	}
	if done, err := m.Up(t.Context()); err != nil || len(done) != 0 {
		t.Errorf("Up again = %+v, %v; want nothing", done, err)
	}
}

func TestTLS(t *testing.T) {
	s := open(t, services.PostgresTLS(t))
	defer s.Close()
	if _, err := greet.Add(t.Context(), pawl.New(s, pawl.Config{}), "hello"); err != nil {
		t.Error(err)
	}
	w, err := s.Watch(t.Context(), pawl.EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if f := finding(t, s, "encryption"); f.Level != pawl.FindingOK {
		t.Errorf("encryption = %+v; want ok", f)
	}
}

func finding(t *testing.T, s *postgres.Store, what string) pawl.Finding {
	t.Helper()
	findings, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.What == what {
			return f
		}
	}
	t.Fatalf("Check found nothing about %s: %+v", what, findings)
	return pawl.Finding{}
}

func TestCheckOfSettings(t *testing.T) {
	at := services.Postgres(t)
	s := open(t, at)
	defer s.Close()
	if f := finding(t, s, "fsync"); f.Level != pawl.FindingError || f.Remedy == "" {
		t.Errorf("fsync = %+v; want an error with a remedy: the tests' server runs without", f)
	}
	for what, want := range map[string]pawl.FindingLevel{
		"server": pawl.FindingOK, "synchronous_commit": pawl.FindingOK, "autovacuum": pawl.FindingOK, "pooler": pawl.FindingOK, "vacuum": pawl.FindingOK,
	} {
		if f := finding(t, s, what); f.Level != want {
			t.Errorf("%s = %+v; want %s", what, f, want)
		}
	}
	lax := open(t, inSchemaOf(t, at, "synchronous_commit", "off"))
	defer lax.Close()
	if f := finding(t, lax, "synchronous_commit"); f.Level != pawl.FindingWarning || !strings.Contains(f.Found, "off") {
		t.Errorf("synchronous_commit = %+v; want a warning", f)
	}
}

func TestContractBehindPgBouncer(t *testing.T) {
	at, n := services.PgBouncer(t), 0
	storetest.Run(t, func(t *testing.T) pawl.Store {
		n++
		schema := fmt.Sprint("case_", n)
		t.Cleanup(func() { clean(t, at, "drop schema "+schema+" cascade") }) // the server has no locks for all of them at once
		return open(t, inSchemaOf(t, at, "schema", schema))
	})
}

func TestPoolerIsFound(t *testing.T) {
	s := open(t, services.PgBouncer(t))
	defer s.Close()
	if f := finding(t, s, "pooler"); f.Level != pawl.FindingWarning || !strings.Contains(f.Found, "once a second") {
		t.Errorf("pooler = %+v; want a warning that events are asked for", f)
	}
}

func TestLostConnectionsAreReplaced(t *testing.T) {
	at := services.Postgres(t)
	s := open(t, at)
	defer s.Close()
	client := pawl.New(s, pawl.Config{})
	for i := range 5 {
		if _, err := greet.Add(t.Context(), client, fmt.Sprint("hello ", i)); err != nil {
			t.Errorf("Add after its sessions were ended %d times = %v", i, err)
		}
		exec(t, at, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pawl' and datname = current_database()")
		c := connect(t, at, pgx.QueryExecModeExec)
		for n := 1; n > 0; {
			sql := "select count(*) from pg_stat_activity where application_name = 'pawl' and datname = current_database()"
			if err := c.QueryRow(t.Context(), sql).Scan(&n); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := work(t, s); n != 5 {
		t.Errorf("%d tasks could be claimed; want 5", n)
	}
}

func TestNothingIsLeftRunning(t *testing.T) {
	at := place(t)
	before := goleak.IgnoreCurrent()
	s := open(t, at)
	w, err := s.Watch(t.Context(), pawl.EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := greet.Add(t.Context(), pawl.New(s, pawl.Config{}), "hello"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, _ = s.Claim(ctx, time.Time{}, pawl.Claim{Worker: "w", Operations: []string{"greet"}, Max: 1, Lease: time.Minute})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Next(t.Context()); err == nil {
		t.Error("Next of a closed store = nil")
	}
	goleak.VerifyNone(t, before)
}

func TestPollingSleepsInABubble(t *testing.T) {
	at := place(t, "events", "poll")
	synctest.Test(t, func(t *testing.T) {
		s := open(t, at)
		defer s.Close()
		client := pawl.New(s, pawl.Config{})
		greet.Handle(client, func(_ context.Context, task *pawl.Task[string]) (string, error) { return "hello " + task.Input, nil })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- client.Run(ctx) }()
		time.Sleep(time.Hour) // of the bubble: it passes only while nobody waits for the network
		run, err := greet.Add(t.Context(), client, "bubble")
		if err != nil {
			t.Fatal(err)
		}
		if out, err := run.Wait(t.Context()); err != nil || out != "hello bubble" {
			t.Errorf("Wait = %q, %v; want hello bubble", out, err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}
