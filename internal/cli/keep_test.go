package cli_test

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	queue "github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
)

// in runs a command in a folder, without a store in its environment.
func in(t *testing.T, dir string, args ...string) result {
	t.Helper()
	var out, errs strings.Builder
	cmd := command(t, []string{"PAWL_STORE="}, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	return end(t, cmd.Run(), &out, &errs)
}

// The demo leaves its tasks in a file, where the other commands find them, and
// where it can be run again.
func TestDemoKeepsItsTasks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		r := in(t, dir, "demo", "--speed", "60", "--faults", "0")
		if r.code != 0 || r.err != "" || !strings.Contains(r.out, "pawl tasks --store sqlite:pawl-demo.db") {
			t.Fatalf("exit code %d, stderr %q; want 0, nothing, and where the tasks are:\n%s", r.code, r.err, r.out)
		}
		r.checkBooks(t)
		if sent := r.number(t, "sent  ", 0); sent != 23 {
			t.Errorf("%d calls were sent; want 23", sent)
		}
	}
	r := in(t, dir, "tasks", "--store", "sqlite:pawl-demo.db", "-o", "json", "--max", "0", "--state", "dead")
	var list struct{ Tasks []*queue.TaskRow }
	if err := json.Unmarshal([]byte(r.out), &list); err != nil || len(list.Tasks) != 4 {
		t.Fatalf("%d dead letters, %v; want 2 of each run; stderr %q", len(list.Tasks), err, r.err)
	}
	r = in(t, dir, "usage", "--store", "sqlite:pawl-demo.db", "--by", "model")
	if answered := r.number(t, "simulated  ", 0); r.code != 0 || answered != 2*24 || !strings.Contains(r.out, "COST USD") { // with what is mended
		t.Errorf("usage: exit code %d, %d calls were answered, stderr %q; want 0 and 24 of each run:\n%s", r.code, answered, r.err, r.out)
	}
	r = in(t, dir, "show", list.Tasks[0].ID.String(), "--store", "sqlite:pawl-demo.db")
	for _, say := range []string{"operation    analyze, priority normal, queue demo, limit demo", "ATTEMPTS", "the model refused", "CONVERSATION", "user"} {
		if r.code != 0 || !strings.Contains(r.out, say) {
			t.Errorf("show prints\n%s\nstderr %q; want it to say %q", r.out, r.err, say)
		}
	}
}

// The prices of a file, which the environment names, are those that the ledger counts by.
func TestDemoPrices(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "demo.db")
	for _, c := range []struct{ model, says, cost string }{
		{"simulated", "prices.yaml, of 2026-05-04, in EUR\n", " EUR\n"},
		{"claude-haiku-4-5", "the simulated model costs what", " EUR\n"},
		{"other", "they have neither simulated nor", ""},
	} {
		path := filepath.Join(t.TempDir(), "prices.yaml")
		text := "date: 2026-05-04\ncurrency: EUR\nmodels:\n  " + c.model + ": {input: 1000, output: 2000}\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := pawl(t, []string{"PAWL_PRICES=" + path}, "demo", "--speed", "60", "--faults", "0", "--store", url, "documents/bees.txt")
		_, sums, _ := strings.Cut(r.out, "CALLS, TOKENS AND COSTS")
		if r.code != 0 || !strings.Contains(r.out, c.says) || strings.Contains(sums, " EUR") != (c.cost != "") || !strings.Contains(sums, c.cost) {
			t.Errorf("exit code %d, stderr %q; want 0, %q and costs in %q:\n%s", r.code, r.err, c.says, c.cost, r.out)
		}
	}
	r := pawl(t, nil, "usage", "--store", url)
	if answered := r.number(t, "simulated  ", 0); r.code != 0 || answered != 6 || !strings.Contains(r.out, "COST EUR") || !strings.Contains(r.out, "no price     simulated: 2 calls") {
		t.Errorf("usage: exit code %d, stderr %q; want 6 calls, 2 of them without a price:\n%s", r.code, r.err, r.out)
	}
}

// A command that looks creates no file, and says how a store is named.
func TestNoStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range []string{"tasks", "dead groups", "queues", "limits", "limits show x", "limits set x --new --requests 1", "queues pause x", "usage", "budgets", "budgets set all --calls 1", "similar report", "doctor"} {
		r := in(t, dir, strings.Fields(args)...)
		if said := r.out + r.err; r.code != 1 || !strings.Contains(said, "pawl.db") || !strings.Contains(said, "--store or PAWL_STORE") {
			t.Errorf("pawl %s: exit code %d, prints %q; want 1 and how to name a store", args, r.code, said)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("the commands left %v, %v; want nothing", files, err)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	say := func(code int, args string, says ...string) {
		t.Helper()
		r := in(t, dir, strings.Fields(args)...)
		for _, say := range says {
			if r.code != code || !strings.Contains(r.out+r.err, say) {
				t.Errorf("pawl %s: exit code %d, prints\n%s%s\nwant %d and %q", args, r.code, r.out, r.err, code, say)
			}
		}
	}
	say(0, "migrate status", "not yet", "to apply: pawl migrate up")
	say(0, "migrate sql", "-- 1, ", "CREATE TABLE")
	if _, err := os.Stat(filepath.Join(dir, "pawl.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("looking at migrations left a file: %v", err)
	}
	say(0, "migrate up", "applied 1, ")
	say(0, "migrate up", "the schema is up to date")
	say(0, "migrate sql", "-- the schema is up to date")
	say(0, "migrate sql --all", "CREATE TABLE")
	say(0, "tasks", "no tasks")
	say(2, "migrate up --store memory:", "there is nothing to migrate")
	say(2, "migrate up --store agent.db", "--store", "sqlite:agent.db")

	file := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file("empty.db", "")
	for _, command := range []string{"usage", "tasks", "budgets", "doctor", "queues pause a", "budgets set all --calls 1"} {
		say(1, command+" --store sqlite:empty.db", "the file is empty, and no")
	}
	say(0, "migrate up --store sqlite:empty.db", "applied 1, ")
	say(0, "usage --store sqlite:empty.db", "The ledger is empty")
	other, err := sql.Open("sqlite", filepath.Join(dir, "other.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "CREATE TABLE customers (name TEXT)"); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"usage", "migrate status", "migrate up", "worker", "demo"} {
		say(1, command+" --store sqlite:other.db", "other.db is another program's: it has tables (customers)")
	}

	var got struct{ Migrations []queue.Migration }
	r := in(t, dir, "migrate", "status", "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || len(got.Migrations) == 0 || got.Migrations[0].Number != 1 || got.Migrations[0].Applied.IsZero() || len(got.Migrations[0].Checksum) != 64 {
		t.Errorf("migrations = %+v, %v; want all that there are, applied", got, err)
	}
	if r = in(t, dir, "migrate", "up", "-o", "json"); strings.Join(strings.Fields(r.out), "") != `{"migrations":[]}` {
		t.Errorf("migrate up prints %q; want an empty list", r.out)
	}
}

// What a demo that was killed had begun, a worker brings to its end.
func TestWorkerGoesOnAfterAKill(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "demo.db")
	demo := command(t, nil, "demo", "--speed", "3", "--store", url)
	pipe, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		if strings.Contains(lines.Text(), "progress") && !strings.Contains(lines.Text(), "answered 0") {
			break
		}
	}
	_ = demo.Process.Kill()
	_ = demo.Wait() // it was killed

	store, err := stores.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	client := queue.New(store, queue.Config{})
	var out, errs strings.Builder
	worker := command(t, nil, "worker", "--speed", "60", "--store", url)
	worker.Stdout, worker.Stderr = &out, &errs
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	rows, err := client.List(t.Context(), queue.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for _, row := range rows {
		var dead *queue.DeadError
		if _, err := queue.RunOf[json.RawMessage](client, row.Run).Wait(t.Context()); err != nil && !errors.As(err, &dead) {
			t.Fatalf("Wait for the run of %s: %v", row.ID, err)
		}
	}
	if err := worker.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	r := end(t, worker.Wait(), &out, &errs)
	if r.code != 0 || r.err != "" || !strings.Contains(r.out, "interrupted: takes no more tasks") || !strings.Contains(r.out, "ended done=") {
		t.Errorf("the worker's exit code is %d after %v, stderr %q; want 0 and an orderly end:\n%s", r.code, time.Since(begun), r.err, r.out)
	}
	left, err := client.List(t.Context(), queue.Filter{States: []queue.State{queue.Blocked, queue.Scheduled, queue.Pending, queue.Running}})
	if err != nil || len(left) > 0 {
		t.Errorf("%d tasks are left, %v; want none", len(left), err)
	}
}
