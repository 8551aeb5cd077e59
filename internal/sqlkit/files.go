package sqlkit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/pawlhq/pawl"
)

var fileName = regexp.MustCompile(`^(\d{4})_([a-z0-9_]+)\.sql$`)

// Load returns the migrations in the top folder of files, by number. Each file is
// called 0001_name.sql, and the numbers count from 1 without a gap. A checksum is
// that of the text with line feeds, however the file was checked out.
func Load(files fs.FS) ([]pawl.Migration, error) {
	entries, err := fs.ReadDir(files, ".") // sorted by name
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	var all []pawl.Migration
	for _, e := range entries {
		m, err := load(files, e.Name())
		if err != nil {
			return nil, err
		}
		if m.Number != len(all)+1 {
			return nil, fmt.Errorf("migration %s has number %d; want %d", e.Name(), m.Number, len(all)+1)
		}
		all = append(all, m)
	}
	return all, nil
}

func load(files fs.FS, name string) (pawl.Migration, error) {
	parts := fileName.FindStringSubmatch(name)
	if parts == nil {
		return pawl.Migration{}, fmt.Errorf("migration is called %q; want a name like 0001_tasks.sql", name)
	}
	number, err := strconv.Atoi(parts[1])
	if err != nil {
		return pawl.Migration{}, fmt.Errorf("migration %s: %w", name, err)
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return pawl.Migration{}, fmt.Errorf("read migration: %w", err)
	}
	sql := strings.ReplaceAll(string(text), "\r\n", "\n")
	sum := sha256.Sum256([]byte(sql))
	return pawl.Migration{Number: number, Name: parts[2], SQL: sql, Checksum: hex.EncodeToString(sum[:])}, nil
}
