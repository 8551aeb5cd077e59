package main

import (
	"fmt"
	"os"
	"syscall"
)

// mount puts a file system of some MiB, kept in memory, on dir, which it makes.
func mount(dir string, mib int) (unmount func() error, err error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	if err := syscall.Mount("pawl-campaign", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0755", mib)); err != nil {
		return nil, fmt.Errorf("mount a tmpfs of %d MiB: %w; it takes root", mib, err)
	}
	return func() error {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", dir, err)
		}
		return nil
	}, nil
}

// free returns how many bytes the file system of dir has left.
func free(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", dir, err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}
