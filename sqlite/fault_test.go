package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/sqlite"
)

// refusedAdd checks that a task cannot be added, and that the error says why.
func refusedAdd(t *testing.T, s pawl.Store, n pawl.NewTask, says ...string) {
	t.Helper()
	_, err := s.Add(t.Context(), time.Time{}, []pawl.NewTask{n})
	for _, text := range says {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Fatalf("Add = %v; want %q in it", err, text)
		}
	}
}

func TestFileThatIsMovedAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := openAt(t, path)
	add(t, s, task("1"))
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	refusedAdd(t, s, task("2"), "moved", "put it back")
	write(t, path, "")
	refusedAdd(t, s, task("3"), "replaced")
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	add(t, s, task("4"))
	if n := len(list(t, s)); n != 2 {
		t.Errorf("%d tasks; want the two that were acknowledged", n)
	}
}

func TestLogThatIsDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := openAt(t, path)
	add(t, s, task("1"))
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	refusedAdd(t, s, task("2"), "a.db-wal", "was deleted")
}

func TestAnotherProgramThatWritesForLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := openAt(t, path+"?busy=20ms")
	other := rawDB(t, path)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	refusedAdd(t, s, task("1"), "another process has been writing for 20ms", "fuser")
	list(t, s) // readers do not wait

	patient := openAt(t, path)
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if _, err := patient.Add(ctx, time.Time{}, []pawl.NewTask{task("2")}); err != context.DeadlineExceeded {
		t.Errorf("Add = %v; want DeadlineExceeded", err)
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	add(t, patient, task("3"))
	add(t, s, task("4"))
	if n := len(list(t, s)); n != 2 {
		t.Errorf("%d tasks; want 2", n)
	}
}

// full fills a store whose file may not grow beyond some pages, or whose disk is
// small, and checks what is left, before and after there is room.
func full(t *testing.T, s *sqlite.Store, room func() *sqlite.Store) {
	t.Helper()
	big := `"` + strings.Repeat("x", 1000) + `"`
	acknowledged := map[pawl.ID]bool{}
	var failed error
	for failed == nil {
		n := task(big)
		if _, failed = s.Add(t.Context(), time.Time{}, []pawl.NewTask{n}); failed == nil {
			acknowledged[n.Row.ID] = true
		}
	}
	if !strings.Contains(failed.Error(), "disk is full") || !strings.Contains(failed.Error(), "make room") {
		t.Errorf("Add = %v; want that the disk is full, and what to do", failed)
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was added before the disk was full")
	}
	check := func() {
		t.Helper()
		rows := list(t, s)
		if len(rows) != len(acknowledged) {
			t.Errorf("%d tasks; want %d", len(rows), len(acknowledged))
		}
		for _, r := range rows {
			if !acknowledged[r.ID] || string(r.Input) != big {
				t.Errorf("%s was not acknowledged, or is not whole", r.ID)
			}
		}
		whole(t, s)
	}
	check()
	s = room()
	for range 10 {
		n := task(big)
		add(t, s, n)
		acknowledged[n.Row.ID] = true
	}
	check()
}

// whole checks that every finding of the file's integrity is fine.
func whole(t *testing.T, s pawl.Checker) {
	t.Helper()
	findings, err := s.Check(context.Background())
	if err != nil {
		t.Fatalf("Check = %v", err)
	}
	for _, f := range findings {
		if f.Level == pawl.FindingError {
			t.Errorf("%s: %s", f.What, f.Found)
		}
	}
}

func TestFileThatMayNotGrow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := openAt(t, path+"?max_pages=300")
	full(t, s, func() *sqlite.Store {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return openAt(t, path)
	})
}

// Calls that share a transaction with one that cannot be written must not suffer.
func TestCallsBesideOneThatFails(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "a.db?max_pages=1500"))
	huge := fmt.Sprintf("%q", bytes.Repeat([]byte("x"), 4000))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				add(t, s, task("1"))
			}
		})
		all.Go(func() {
			for range 5 {
				tasks := make([]pawl.NewTask, 2000)
				for i := range tasks {
					tasks[i] = task(huge)
				}
				if _, err := s.Add(context.Background(), time.Time{}, tasks); err == nil || !strings.Contains(err.Error(), "disk is full") {
					t.Errorf("Add of 8 MB = %v; want that the disk is full", err)
				}
			}
		})
	}
	all.Wait()
	if n := len(list(t, s)); n != 160 {
		t.Errorf("%d tasks; want the 160 that were acknowledged", n)
	}
	whole(t, s)
}

func TestDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := openAt(t, path)
	for range 50 {
		add(t, s, task(`"`+strings.Repeat("x", 1000)+`"`))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(4096); at < info.Size(); at += 4096 {
		if _, err := file.WriteAt(bytes.Repeat([]byte{0xAA}, 64), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, path, "damaged", "backup")
}

func TestClosed(t *testing.T) {
	s := open(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(t.Context()); err != pawl.ErrClosed {
		t.Errorf("Check = %v; want ErrClosed", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close again = %v", err)
	}
}

// The engine's tests run in bubbles: a store that is opened and closed in one must
// leave nothing behind, and must not keep the time from moving on.
func TestInABubble(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := s.Watch(t.Context(), pawl.EventFilter{Types: []pawl.EventType{pawl.EventReady, pawl.EventAdded}})
		if err != nil {
			t.Fatal(err)
		}
		n := task("1")
		n.Delay = time.Hour
		add(t, s, n)
		if tasks := claim(t, s, 1); len(tasks) > 0 {
			t.Errorf("claimed %d tasks before they are due", len(tasks))
		}
		time.Sleep(time.Hour)
		if tasks := claim(t, s, 1); len(tasks) != 1 {
			t.Errorf("claimed %d tasks; want 1", len(tasks))
		}
		if events, err := w.Next(t.Context()); err != nil || len(events) == 0 {
			t.Errorf("Next = %v, %v; want events", events, err)
		}
		w.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCommitsOfOthersAreHeard(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	a, b := openAt(t, path), openAt(t, path)
	w, err := a.Watch(t.Context(), pawl.EventFilter{Types: []pawl.EventType{pawl.EventAdded}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	n := task("1")
	add(t, b, n)
	events, err := w.Next(t.Context())
	if err != nil || len(events) != 1 || events[0].Task != n.Row.ID {
		t.Errorf("Next = %+v, %v; want what the other one added", events, err)
	}
}
