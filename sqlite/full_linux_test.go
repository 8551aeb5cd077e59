package sqlite_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pawlhq/pawl/sqlite"
)

// Where it may be mounted, the disk is a real one that is full; everywhere else
// TestFileThatMayNotGrow says what SQLite says then.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("pawl", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Logf("no file system can be mounted here: %v", err)
		TestFileThatMayNotGrow(t)
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, filepath.Join(dir, "a.db"))
	full(t, s, func() *sqlite.Store {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestReadOnlyFileSystem(t *testing.T) {
	dir := openFolder(t)
	if err := syscall.Mount("pawl", dir, "tmpfs", syscall.MS_RDONLY, "size=1m,mode=755"); err != nil {
		t.Logf("no file system can be mounted here: %v", err)
		lock(t, dir, 0o555)
	} else {
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		})
	}
	unprivileged(t, func() { refused(t, filepath.Join(dir, "a.db"), "cannot be written", "another one") })
}
