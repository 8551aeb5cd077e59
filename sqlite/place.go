package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkPlace reports why a file cannot be kept at path. It opens nothing that
// SQLite may have open: to close it would drop SQLite's locks.
func checkPlace(path string) error {
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("sqlite: the folder %s does not exist: create it, or name another path", folder)
	case err != nil:
		return fmt.Errorf("sqlite: the folder of %s cannot be read: %w", path, err)
	case !info.IsDir():
		return fmt.Errorf("sqlite: %s is not a folder: name a path within one", folder)
	}
	for _, suffix := range []string{"", walSuffix, "-shm"} {
		if err := checkFile(path + suffix); err != nil {
			return err
		}
	}
	if system, remote := fileSystem(folder); remote {
		return fmt.Errorf("sqlite: %s is on %s, a network file system, whose locks do not protect a database: "+
			"put the file on a disk of this machine, or use PostgreSQL or Redis for workers on several machines", path, system)
	}
	if err := writable(folder); err != nil {
		return fmt.Errorf("sqlite: the folder %s cannot be written (%w), and SQLite keeps a log beside the file: "+
			"let this user write to the folder, or name a path in another one", folder, err)
	}
	return nil
}

// checkFile accepts a file that is not there.
func checkFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("sqlite: %w", err)
	case info.IsDir():
		return fmt.Errorf("sqlite: %s is a folder: name a file within it, for example %s", path, filepath.Join(path, "agent.db"))
	case !info.Mode().IsRegular():
		return fmt.Errorf("sqlite: %s is not a regular file: name another path", path)
	}
	if err := writable(path); err != nil {
		return fmt.Errorf("sqlite: %s cannot be written (%w): let this user write to it, or name another path", path, err)
	}
	return nil
}
