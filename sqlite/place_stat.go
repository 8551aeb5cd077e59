//go:build linux || darwin || freebsd

package sqlite

import "syscall"

// freeBytes returns how much a folder's file system has left for this user.
func freeBytes(folder string) (int64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}

// writable reports why a file or folder cannot be written.
func writable(path string) error {
	const write = 2
	return syscall.Access(path, write)
}
