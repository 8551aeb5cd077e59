package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pawlhq/pawl"
)

// Check implements [pawl.Checker]: what Open looks at, and whether the file is
// whole, which takes a second for some gigabytes.
func (s *Store) Check(ctx context.Context) ([]pawl.Finding, error) {
	findings := s.db.quickFindings(ctx)
	whole, err := s.db.wholeFinding(ctx)
	if err != nil {
		return nil, err
	}
	return append(findings, whole), nil
}

const (
	roomLeast = 1 << 30 // bytes that should be free on the disk
	logMost   = 1 << 30 // bytes that the log should have at most
)

// quickFindings takes no time.
func (d *database) quickFindings(context.Context) []pawl.Finding {
	folder := filepath.Dir(d.path)
	system, _ := fileSystem(folder)
	findings := []pawl.Finding{
		{Level: pawl.FindingOK, What: "file", Found: fmt.Sprintf("%s has %s", d.path, megabytes(sizeOf(d.path)))},
		{Level: pawl.FindingOK, What: "file system", Found: "it is on " + system + ", a disk of this machine"},
	}
	if memoryOnly[system] {
		findings[1] = pawl.Finding{
			Level: pawl.FindingWarning, What: "file system", Found: system + " keeps files in memory: the tasks are gone when the machine stops",
			Remedy: "put the file on a disk",
		}
	}
	return append(findings, d.roomFinding(folder), d.logFinding())
}

var memoryOnly = map[string]bool{"tmpfs": true, "ramfs": true}

func (d *database) roomFinding(folder string) pawl.Finding {
	f := pawl.Finding{Level: pawl.FindingOK, What: "room on the disk", Found: "how much is free cannot be told here"}
	free, ok := freeBytes(folder)
	if !ok {
		return f
	}
	f.Found = megabytes(free) + " are free"
	if free < roomLeast {
		f.Level, f.Remedy = pawl.FindingWarning, "make room before it is full: then no task can be added or finished"
	}
	return f
}

func (d *database) logFinding() pawl.Finding {
	size := sizeOf(d.path + walSuffix)
	f := pawl.Finding{Level: pawl.FindingOK, What: "log", Found: "the log beside it has " + megabytes(size)}
	if size > logMost {
		f.Level = pawl.FindingWarning
		f.Remedy = "it grows while a program reads for long: find it with \"fuser " + d.path + "\""
	}
	return f
}

// wholeFinding has SQLite look at every page.
func (d *database) wholeFinding(ctx context.Context) (pawl.Finding, error) {
	f := pawl.Finding{Level: pawl.FindingOK, What: "integrity", Found: "every page of the file is whole"}
	err := d.read(ctx, func(v *view) error {
		var found string
		err := v.conn.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found)
		if err == nil && found != "ok" {
			f.Level, f.Found, f.Remedy = pawl.FindingError, found, remedyDamaged
		}
		return err
	})
	return f, err
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
