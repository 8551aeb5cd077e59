//go:build !linux

package sqlite_test

import "testing"

// unprivileged runs f. It must not be root who runs the tests.
func unprivileged(_ *testing.T, f func()) { f() }

func openFolder(t *testing.T) string { return t.TempDir() }
