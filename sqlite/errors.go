package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// movedError is the error of a file that is no longer where it was opened.
type movedError struct{ path string }

func (e *movedError) Error() string {
	return fmt.Sprintf("%s was deleted, moved or replaced while it was open: nothing more is written; put it back where it was, or open the store again", e.path)
}

const remedyDamaged = `keep a copy of it with its -wal file, and see what "sqlite3 FILE .recover" saves, or restore a backup`

// remedies say what to do about an error of SQLite's, by its primary code.
var remedies = map[int]string{
	codes.SQLITE_FULL: "the disk is full: what was answered before is safe, this call changed nothing; make room, and it goes on",
	codes.SQLITE_READONLY: "the file cannot be written: see that this user may write it, its folder and the files beside it " +
		"that end in -wal and -shm, and that the file system is not mounted read-only",
	codes.SQLITE_CANTOPEN: "the file cannot be opened: see that its folder exists and that this user may write it",
	codes.SQLITE_NOTADB:   "the file is not a SQLite database, or is encrypted: name another file, or move this one away",
	codes.SQLITE_CORRUPT:  "the file is damaged: " + remedyDamaged,
	codes.SQLITE_IOERR:    "the disk could not be read or written: see the system's log for its errors",
	codes.SQLITE_BUSY:     `the file is locked by another process: find it with "fuser FILE"; a long transaction in another tool blocks all workers`,
	codes.SQLITE_NOLFS:    "the file has become too large for its file system",
}

// explain adds to an error of SQLite's which file it is about and what to do.
func (d *database) explain(err error) error { return explain(d.path, err) }

func explain(path string, err error) error {
	var torn torn
	if errors.As(err, &torn) {
		err = torn.error
	}
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return err
	}
	if remedy := remedies[failed.Code()&0xff]; remedy != "" {
		return fmt.Errorf("sqlite: %s: %s (%w)", filepath.Base(path), remedy, err)
	}
	return fmt.Errorf("sqlite: %s: %w", filepath.Base(path), err)
}

// isBusy reports whether another process was in the way.
func isBusy(err error) bool {
	var failed *sqlite.Error
	return errors.As(err, &failed) && (failed.Code()&0xff == codes.SQLITE_BUSY || failed.Code()&0xff == codes.SQLITE_LOCKED)
}
