package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/services"
)

// Statements are planned once on each connection, perhaps while their tables are
// empty. A plan that reads a whole table then is the end of the queue when there
// is a backlog. So what is counted is the pages that are touched for each task.
func TestPlansOfEmptyTablesHoldForFullOnes(t *testing.T) {
	const backlog, batch, rounds, most = 20_000, 100, 5, 80
	at := services.Postgres(t)
	s := open(t, inSchemaOf(t, at, "pool_max_conns", "1"))
	c := connect(t, at, pgx.QueryExecModeExec)
	for _, table := range []string{"task", "live", "ended", "step", "page", "inbox"} {
		exec(t, at, "alter table pawl."+table+" set (autovacuum_enabled = off)")
	}
	fill := func(n int) {
		other := open(t, at)
		defer other.Close()
		client := pawl.New(other, pawl.Config{})
		for range n / 1000 {
			inputs := make([]string, 1000)
			if _, err := greet.AddMany(t.Context(), client, inputs, pawl.Keep); err != nil {
				t.Fatal(err)
			}
		}
	}
	cycle := func(n int) {
		client := pawl.New(s, pawl.Config{})
		for i := range n {
			if _, err := greet.Add(t.Context(), client, fmt.Sprint(time.Now(), i)); err != nil {
				t.Fatal(err)
			}
		}
		claimed, err := s.Claim(t.Context(), time.Time{}, pawl.Claim{Worker: "w", Operations: []string{"greet"}, Max: n, Lease: time.Minute})
		if err != nil || len(claimed.Tasks) != n {
			t.Fatalf("Claim = %d tasks, %v; want %d", len(claimed.Tasks), err, n)
		}
		held := make([]pawl.Lease, n)
		finishes := make([]pawl.Finish, n)
		for i, r := range claimed.Tasks {
			held[i] = r.Lease()
			finishes[i] = pawl.Finish{Lease: r.Lease(), To: pawl.Succeeded, Output: []byte("1"), Attempt: pawl.Attempt{Used: true}}
			if i%2 == 1 {
				finishes[i].To, finishes[i].Delay = pawl.Scheduled, time.Hour
			}
		}
		if _, err := s.Beat(t.Context(), time.Time{}, time.Minute, held); err != nil {
			t.Fatal(err)
		}
		step := pawl.Save{Lease: held[0], Step: &pawl.StepRow{Key: "k", Name: "k", Result: []byte("1")}}
		if _, err := s.Save(t.Context(), time.Time{}, []pawl.Save{step}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Finish(t.Context(), time.Time{}, finishes); err != nil {
			t.Fatal(err)
		}
	}
	touched := func() (n int64) {
		sql := `select sum(coalesce(heap_blks_hit, 0) + coalesce(heap_blks_read, 0) + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0))::bigint
			from pg_statio_user_tables where schemaname = 'pawl'`
		if err := c.QueryRow(t.Context(), sql).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}

	// alone waits until so many sessions of the store are left: those that are gone
	// have told what they touched.
	alone := func(most int) {
		for n := most + 1; n > most; {
			if err := c.QueryRow(t.Context(), "select count(*) from pg_stat_activity where application_name = 'pawl' and datname = current_database()").Scan(&n); err != nil {
				t.Fatal(err)
			}
		}
	}

	cycle(2)
	exec(t, at, "analyze pawl.task", "analyze pawl.live", "analyze pawl.ended", "analyze pawl.step", "analyze pawl.page", "analyze pawl.inbox")
	cycle(2)
	fill(backlog)
	alone(1)
	before := touched()
	for range rounds {
		cycle(batch)
	}
	if err := s.Close(); err != nil { // the session counts what it touched at its end
		t.Fatal(err)
	}
	alone(0)
	n := touched()
	if each := (n - before) / (rounds * batch); each == 0 || each > most {
		t.Errorf("each task touches %d pages with %d waiting; want 1 to %d", each, backlog, most)
	} else {
		t.Logf("each task touches %d pages", each)
	}
}
