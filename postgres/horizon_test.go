package postgres_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/services"
	"github.com/pawlhq/pawl/postgres"
)

func TestHoldersAreNamed(t *testing.T) {
	at := services.Postgres(t)
	c := connect(t, at, pgx.QueryExecModeExec)
	exec(t, at, "create table seen (id int)")
	tx := begin(t, c)
	if _, err := tx.Exec(t.Context(), "insert into seen values (1)"); err != nil {
		t.Fatal(err)
	}
	s := open(t, inSchemaOf(t, at, "events", "own")) // which looks only when it is told to
	defer s.Close()
	if f := finding(t, s, "vacuum"); f.Level != pawl.FindingOK {
		t.Errorf("vacuum = %+v; want ok: the transaction is young", f)
	}
	postgres.SetHeldLong(t, 0)
	pid := fmt.Sprint(c.PgConn().PID())
	var found bool
	findings, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.What == "vacuum" && strings.Contains(f.Found, "process "+pid) {
			found = true
			if f.Level != pawl.FindingWarning || !strings.Contains(f.Found, "user postgres") || !strings.Contains(f.Found, "insert into seen") || !strings.Contains(f.Remedy, pid) {
				t.Errorf("vacuum = %+v; want a warning with the user, the query and how to end it", f)
			}
		}
	}
	if !found {
		t.Errorf("Check = %+v; want it to name process %s", findings, pid)
	}

	var log bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(old)
	for range 3 {
		postgres.Look(t.Context(), s)
	}
	if n := strings.Count(log.String(), "process "+pid); n != 1 {
		t.Errorf("the log names process %s %d times; want once:\n%s", pid, n, &log)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}
