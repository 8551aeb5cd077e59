package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/services"
	"github.com/pawlhq/pawl/postgres"
)

var greet = pawl.Operation[string, string]{Name: "greet"}

// connect returns a connection of the caller's to the database of a URL.
func connect(t testing.TB, url string, mode pgx.QueryExecMode) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = mode
	c, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func begin(t testing.TB, c *pgx.Conn) pgx.Tx {
	t.Helper()
	tx, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// work claims and finishes all that there is, and returns how many tasks that were.
func work(t testing.TB, s pawl.Store) int {
	t.Helper()
	claimed, err := s.Claim(t.Context(), time.Time{}, pawl.Claim{Worker: "w", Operations: []string{"greet"}, Max: 100, Lease: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	finishes := make([]pawl.Finish, len(claimed.Tasks))
	for i, r := range claimed.Tasks {
		finishes[i] = pawl.Finish{Lease: r.Lease(), To: pawl.Succeeded, Output: []byte(`"done"`), Attempt: pawl.Attempt{Used: true}}
	}
	errs, err := s.Finish(t.Context(), time.Time{}, finishes)
	if err := errors.Join(append(errs, err)...); err != nil {
		t.Fatal(err)
	}
	return len(finishes)
}

func TestAddInCallersTransaction(t *testing.T) {
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		t.Run(mode.String(), func(t *testing.T) {
			raw := services.Schema(t)
			s := open(t, inSchemaOf(t, raw))
			defer s.Close()
			c := connect(t, raw, mode)
			if _, err := c.Exec(t.Context(), "create table orders (id int)"); err != nil {
				t.Fatal(err)
			}
			for _, commits := range []bool{true, false} {
				tx := begin(t, c)
				inside := s.Tx(tx)
				client := pawl.New(inside, pawl.Config{})
				if _, err := tx.Exec(t.Context(), "insert into orders values (1)"); err != nil {
					t.Fatal(err)
				}
				for i := range 3 {
					if run, err := greet.Add(t.Context(), client, fmt.Sprint(commits, i)); err != nil || run.As != pawl.AsNew {
						t.Fatalf("Add = %+v, %v; want a new task", run, err)
					}
				}
				if rows, err := inside.List(t.Context(), time.Time{}, pawl.Filter{States: []pawl.State{pawl.Pending}}); err != nil || len(rows) != 3 {
					t.Errorf("inside, List = %d tasks, %v; want 3", len(rows), err)
				}
				if n := work(t, s); n != 0 {
					t.Errorf("before the end, %d tasks could be claimed; want 0", n)
				}
				end, want := tx.Commit, 3
				if !commits {
					end, want = tx.Rollback, 0
				}
				if err := end(t.Context()); err != nil {
					t.Fatal(err)
				}
				inside.Ring()
				if n := work(t, s); n != want {
					t.Errorf("after the end (commit %v), %d tasks could be claimed; want %d", commits, n, want)
				}
				if _, err := greet.Add(t.Context(), client, "late"); !errors.Is(err, pgx.ErrTxClosed) {
					t.Errorf("Add after the end = %v; want ErrTxClosed", err)
				}
			}
		})
	}
}

func TestOpenTransactionHoldsUpNobody(t *testing.T) {
	raw := services.Schema(t)
	s := open(t, inSchemaOf(t, raw))
	defer s.Close()
	tx := begin(t, connect(t, raw, pgx.QueryExecModeCacheStatement))
	inside := pawl.New(s.Tx(tx), pawl.Config{})
	for i := range 100 {
		if _, err := greet.Add(t.Context(), inside, fmt.Sprint("held ", i)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	client := pawl.New(s, pawl.Config{})
	inputs := make([]string, 1000)
	for i := range inputs {
		inputs[i] = fmt.Sprint("free ", i)
	}
	if _, err := greet.AddMany(ctx, client, inputs); err != nil {
		t.Fatalf("AddMany while a transaction is open: %v", err)
	}
	if _, err := greet.Add(ctx, client, "one more"); err != nil {
		t.Fatalf("Add while a transaction is open: %v", err)
	}
	done := 0
	for n := work(t, s); n > 0; n = work(t, s) {
		done += n
	}
	if done != 1001 {
		t.Errorf("while a transaction is open, %d tasks were done; want 1,001", done)
	}
	identical := make(chan error, 1)
	go func() {
		run, err := greet.Add(ctx, client, "held 7")
		if err == nil && run.As != pawl.AsJoined {
			err = fmt.Errorf("the identical task was %s; want joined", run.As)
		}
		identical <- err
	}()
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-identical; err != nil {
		t.Error(err)
	}
	if n := work(t, s); n != 100 {
		t.Errorf("after the commit, %d tasks could be claimed; want 100", n)
	}
}

func TestTransactionSurvivesWhatFails(t *testing.T) {
	raw := services.Schema(t)
	s := open(t, inSchemaOf(t, raw))
	defer s.Close()
	outside := pawl.New(s, pawl.Config{})
	if _, err := greet.Add(t.Context(), outside, "there"); err != nil {
		t.Fatal(err)
	}
	tx := begin(t, connect(t, raw, pgx.QueryExecModeCacheStatement))
	inside := s.Tx(tx)
	client := pawl.New(inside, pawl.Config{})
	if _, err := greet.Add(t.Context(), client, "there", pawl.Replace); !errors.Is(err, postgres.ErrInTx) {
		t.Errorf("Add that replaces = %v; want ErrInTx", err)
	}
	if run, err := greet.Add(t.Context(), client, "there"); err != nil || run.As != pawl.AsJoined {
		t.Errorf("Add = %v; want joined", err)
	}
	if _, err := greet.Add(t.Context(), client, "mine"); err != nil {
		t.Errorf("Add = %v", err)
	}
	if _, err := client.Cancel(t.Context(), pawl.Filter{}); !errors.Is(err, postgres.ErrInTx) {
		t.Errorf("Cancel = %v; want ErrInTx", err)
	}
	look := pawl.Look{Scope: pawl.Hash{1}}
	if found, err := inside.Near(t.Context(), time.Time{}, []pawl.Look{look}); err != nil || len(found) != 1 {
		t.Errorf("Near = %v, %v; want one answer", found, err)
	}
	look.Near = &pawl.Near{}
	if _, err := inside.Near(t.Context(), time.Time{}, []pawl.Look{look}); !errors.Is(err, postgres.ErrInTx) {
		t.Errorf("Near of a task that is to be under way = %v; want ErrInTx", err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := work(t, s); n != 2 {
		t.Errorf("%d tasks could be claimed; want 2", n)
	}
	failed := begin(t, connect(t, raw, pgx.QueryExecModeCacheStatement))
	_, _ = failed.Exec(t.Context(), "no sql")
	if _, err := greet.Add(t.Context(), pawl.New(s.Tx(failed), pawl.Config{}), "x"); err == nil {
		t.Error("Add in a failed transaction succeeded")
	}
}

func TestAddInTransactionEndsWithItsContext(t *testing.T) {
	raw := services.Schema(t)
	s := open(t, inSchemaOf(t, raw))
	defer s.Close()
	c := connect(t, raw, pgx.QueryExecModeCacheStatement)
	blocker := begin(t, connect(t, raw, pgx.QueryExecModeCacheStatement))
	if _, err := greet.Add(t.Context(), pawl.New(s.Tx(blocker), pawl.Config{}), "same"); err != nil {
		t.Fatal(err)
	}
	tx := begin(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := greet.Add(ctx, pawl.New(s.Tx(tx), pawl.Config{}), "same"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Add behind an identical one = %v; want context.DeadlineExceeded", err)
	}
	_ = tx.Rollback(t.Context()) // nothing else uses the connection: -race sees to it
	if err := blocker.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := work(t, s); n != 1 {
		t.Errorf("%d tasks could be claimed; want 1", n)
	}
}
