package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/sqlkit"
	"github.com/pawlhq/pawl/sqlite"
)

// refused checks that a path cannot be opened, and that the error says why and
// what to do.
func refused(t *testing.T, path string, says ...string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err == nil {
		_ = s.Close()
		t.Fatalf("Open(%q) = nil; want an error with %q", path, says)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("Open(%q) = %v; want %q in it", path, err, text)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "text"), strings.Repeat("This is no database. ", 100))
	refused(t, filepath.Join(dir, "missing", "a.db"), "does not exist", "create it")
	refused(t, dir, "is a folder", "agent.db")
	refused(t, filepath.Join(dir, "text", "a.db"), "text")
	refused(t, filepath.Join(dir, "text"), "not a SQLite database", "another file")
	refused(t, os.DevNull, "not a regular file")
}

// A file of another program's is left as it is, byte for byte, also by what only looks.
func TestOpenRefusesStrangers(t *testing.T) {
	for _, made := range []string{
		"CREATE TABLE customers (name TEXT); CREATE VIEW names AS SELECT name FROM customers",
		"CREATE TABLE customers (name TEXT); CREATE TABLE migration (version TEXT)",
		"CREATE TABLE a (x); CREATE TABLE b (x); CREATE TABLE c (x); CREATE TABLE d (x)",
	} {
		path := filepath.Join(t.TempDir(), "other.db")
		run(t, path, made)
		was := read(t, path)
		refused(t, path, path+" is another program's", "tables (", "name another path")
		m, err := sqlite.OpenMigrator(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if all, err := m.Migrations(t.Context()); err == nil || !strings.Contains(err.Error(), "another program's") {
			t.Errorf("Migrations of a file made by %q = %v, %v; want it refused", made, all, err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if got := read(t, path); got != was {
			t.Errorf("a file made by %q was changed", made)
		}
	}
}

// run runs SQL on a file as another program would.
func run(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOpenRefusesWhatCannotBeWritten(t *testing.T) {
	dir := openFolder(t)
	path := filepath.Join(dir, "a.db")
	if err := openAt(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	lock(t, path, 0o444)
	unprivileged(t, func() { refused(t, path, "a.db cannot be written", "let this user write") })
	lock(t, dir, 0o555)
	unprivileged(t, func() {
		refused(t, filepath.Join(dir, "b.db"), "the folder", "cannot be written", "log beside the file")
	})
}

// lock takes the right to write away until the test ends.
func lock(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chmod(path, 0o700); err != nil {
			t.Error(err)
		}
	})
}

func TestParameters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	refused(t, path+"?pol=1s", `"pol"`, "want poll=50ms, busy=30s")
	refused(t, path+"?poll=soon", `"soon"`, "50ms")
	refused(t, path+"?busy=-1s", `"-1s"`)
	refused(t, path+"?max_pages=0", `"0"`)
	openAt(t, path+"?poll=10ms&busy=1s")
	odd := filepath.Join(t.TempDir(), "50% off? yes #1.db")
	openAt(t, odd)
	for _, file := range []string{path, odd} {
		if _, err := os.Stat(file); err != nil {
			t.Errorf("the file is not where its path says: %v", err)
		}
	}
}

// The time to wait for others is no time within which a slow machine must be ready.
func TestOpenWithoutPatience(t *testing.T) {
	add(t, openAt(t, filepath.Join(t.TempDir(), "a.db")+"?busy=1ns"), task("1"))
}

func TestPathThatIsALink(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	add(t, openAt(t, path), task("1"))
	s := openAt(t, link)
	add(t, s, task("2"))
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	refusedAdd(t, s, task("3"), "a.db-wal", "was deleted")
}

func TestCheck(t *testing.T) {
	s := open(t)
	add(t, s, task("1"))
	findings, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range findings {
		seen[f.What] = true
		if f.Level == pawl.FindingError || f.Found == "" || (f.Level == pawl.FindingOK) != (f.Remedy == "") {
			t.Errorf("finding %+v; want none of errors, and a remedy for what is not fine", f)
		}
	}
	for _, what := range []string{"file", "file system", "room on the disk", "log", "integrity"} {
		if !seen[what] {
			t.Errorf("Check does not look at the %s", what)
		}
	}
}

func TestSchemaThatIsNotOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if err := openAt(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	raw(t, path, "UPDATE migration SET checksum = 'other' WHERE number = 1")
	refused(t, path, sqlkit.ErrChanged.Error(), "use that build")
	raw(t, path, "DELETE FROM migration")
	refused(t, path, "already exists")

	newer := filepath.Join(t.TempDir(), "a.db")
	if err := openAt(t, newer).Close(); err != nil {
		t.Fatal(err)
	}
	raw(t, newer, "INSERT INTO migration VALUES (99, 'future', 'x', 1)")
	refused(t, newer, sqlkit.ErrNewer.Error(), "99 (future)", "use the version of pawl")
}

// raw runs SQL on a file, as another program would.
func raw(t *testing.T, path, text string) {
	t.Helper()
	db := rawDB(t, path)
	if _, err := db.Exec(text); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func rawDB(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() }) // most are closed before
	return db
}

func TestMigrator(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "a.db")
	m, err := sqlite.OpenMigrator(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	all, err := m.Migrations(ctx)
	if err != nil || len(all) == 0 || !all[0].Applied.IsZero() || !strings.Contains(all[0].SQL, "CREATE TABLE") {
		t.Fatalf("Migrations = %+v, %v; want those that are missing, with their SQL", all, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Stat = %v; want no file: looking creates none", err)
	}
	done, err := m.Up(ctx)
	if err != nil || len(done) != len(all) || done[0].Applied.IsZero() {
		t.Errorf("Up = %+v, %v; want all", done, err)
	}
	if done, err := m.Up(ctx); err != nil || len(done) > 0 {
		t.Errorf("Up again = %+v, %v; want nothing", done, err)
	}
	openAt(t, path)
}

func TestManyOpenANewFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Errorf("Open = %v", err)
				return
			}
			add(t, s, task("1"))
			if err := s.Close(); err != nil {
				t.Errorf("Close = %v", err)
			}
		})
	}
	all.Wait()
	if n := len(list(t, openAt(t, path))); n != 8 {
		t.Errorf("%d tasks; want 8", n)
	}
}

func task(input string) pawl.NewTask {
	id := pawl.NewID()
	return pawl.NewTask{Row: pawl.TaskRow{
		ID: id, Run: id, Operation: "work", Queue: "default", Limit: pawl.NoLimit, MaxAttempts: 4, Input: []byte(input),
	}}
}

func add(t testing.TB, s pawl.Store, tasks ...pawl.NewTask) {
	t.Helper()
	if _, err := s.Add(context.Background(), time.Time{}, tasks); err != nil {
		t.Errorf("Add = %v", err)
	}
}

func list(t testing.TB, s pawl.Store) []*pawl.TaskRow {
	t.Helper()
	rows, err := s.List(context.Background(), time.Time{}, pawl.Filter{})
	if err != nil {
		t.Fatalf("List = %v", err)
	}
	return rows
}

func claim(t testing.TB, s pawl.Store, most int) []*pawl.TaskRow {
	t.Helper()
	c, err := s.Claim(context.Background(), time.Time{}, pawl.Claim{Worker: "w", Operations: []string{"work"}, Max: most, Lease: 24 * time.Hour})
	if err != nil {
		t.Fatalf("Claim = %v", err)
	}
	return c.Tasks
}

func finish(t testing.TB, s pawl.Store, r *pawl.TaskRow, to pawl.State) {
	t.Helper()
	errs, err := s.Finish(context.Background(), time.Time{}, []pawl.Finish{{
		Lease: r.Lease(), To: to, Output: []byte(`"done"`), Attempt: pawl.Attempt{Used: true},
	}})
	if err := errors.Join(append(errs, err)...); err != nil {
		t.Fatalf("Finish = %v", err)
	}
}
