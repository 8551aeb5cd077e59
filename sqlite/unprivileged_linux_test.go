package sqlite_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

const nobody = 65534

// unprivileged runs f as a user whom permissions bind. Root, whom they do not, is
// somebody else for as long as f runs, in this thread alone.
func unprivileged(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	become := func(user uintptr) {
		if _, _, err := syscall.RawSyscall(syscall.SYS_SETRESUID, user, user, 0); err != 0 {
			t.Fatalf("become user %d: %v", user, err)
		}
	}
	become(nobody)
	defer become(0)
	f()
}

// openFolder returns a new folder that everybody may enter.
func openFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
