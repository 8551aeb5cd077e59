//go:build !linux && !darwin

package sqlite

// fileSystem knows nothing of the file systems of this system.
func fileSystem(string) (name string, remote bool) { return "unknown", false }
