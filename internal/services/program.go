package services

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A program is a server that others publish and this package starts.
type program struct {
	name    string   // what a message calls it
	files   []string // executables that stand in one directory; the first tells its version
	least   int      // the lowest major version that serves
	debian  string   // the package of Debian and Ubuntu
	brew    string   // the formula of Homebrew
	folders []string // where else than in PATH it is installed, as glob patterns
}

var (
	postgresProgram = program{
		name: "PostgreSQL", files: []string{"postgres", "initdb"}, least: 13,
		debian: "postgresql", brew: "postgresql@16",
		folders: []string{
			"/usr/lib/postgresql/*/bin",                      // Debian, Ubuntu
			"/opt/homebrew/opt/postgresql*/bin",              // Homebrew, Apple silicon
			"/usr/local/opt/postgresql*/bin",                 // Homebrew, Intel
			"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin", // Homebrew, Linux
			"/usr/pgsql-*/bin",                               // the project's own packages for Red Hat
			"/usr/local/pgsql/bin",                           // make install
		},
	}
	redisProgram = program{
		name: "Redis", files: []string{"redis-server"}, least: 7,
		debian: "redis-server", brew: "redis", folders: system,
	}
	pgbouncerProgram = program{
		name: "PgBouncer", files: []string{"pgbouncer"}, least: 1,
		debian: "pgbouncer", brew: "pgbouncer", folders: system,
	}
	programs = []program{postgresProgram, redisProgram, pgbouncerProgram}
)

// system is where servers are installed that a user's PATH may leave out.
var system = []string{"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin",
	"/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin"}

// MissingError says that a server is not installed, or only too old a version of it.
type MissingError struct {
	Name   string // of the server, as "Redis"
	Reason string // what was looked for, and where, or what was found instead
	Mend   string // how to install it
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is missing: %s; %s", e.Name, e.Reason, e.Mend)
}

// find returns the directory of p's executables: bin if it is named, else the
// one with the highest version, in PATH before elsewhere.
func (p program) find(ctx context.Context, bin string) (string, error) {
	reason := fmt.Sprintf("no %s (version %d or later) in PATH, %s",
		strings.Join(p.files, " and "), p.least, strings.Join(p.folders, ", "))
	known := filepath.SplitList(os.Getenv("PATH"))
	if bin != "" {
		known, p.folders = []string{bin}, nil
		reason = fmt.Sprintf("no %s in %s", strings.Join(p.files, " and "), bin)
	}
	for _, group := range [][]string{known, p.installed()} {
		best, highest := "", 0
		for _, dir := range group {
			if !p.in(dir) {
				continue
			}
			major, line, err := p.version(ctx, dir)
			if err != nil {
				return "", err
			}
			if major < p.least {
				reason = fmt.Sprintf("%s is %q, and version %d or later is needed", filepath.Join(dir, p.files[0]), line, p.least)
			} else if major > highest {
				best, highest = dir, major
			}
		}
		if best != "" {
			return best, nil
		}
	}
	return "", &MissingError{Name: p.name, Reason: reason, Mend: p.mend()}
}

// installed returns the directories that the patterns of p.folders match.
func (p program) installed() []string {
	var dirs []string
	for _, pattern := range p.folders {
		found, _ := filepath.Glob(pattern) // fails on a malformed pattern only
		dirs = append(dirs, found...)
	}
	return dirs
}

func (p program) in(dir string) bool {
	return !slices.ContainsFunc(p.files, func(file string) bool {
		info, err := os.Stat(filepath.Join(dir, file))
		return err != nil || info.IsDir() || info.Mode()&0o111 == 0
	})
}

var firstNumber = regexp.MustCompile(`[0-9]+`)

// version returns the major version of the executables in dir, and the line that says it.
func (p program) version(ctx context.Context, dir string) (major int, line string, err error) {
	file := filepath.Join(dir, p.files[0])
	out, err := exec.CommandContext(ctx, file, "--version").Output()
	if err != nil {
		return 0, "", fmt.Errorf("ask %s for its version: %w", file, err)
	}
	line, _, _ = strings.Cut(string(out), "\n")
	if major, err = strconv.Atoi(firstNumber.FindString(line)); err != nil {
		return 0, "", fmt.Errorf("ask %s for its version: no number in %q", file, line)
	}
	return major, line, nil
}

func (p program) mend() string {
	return fmt.Sprintf("make services installs it with apt-get (as root or with sudo) or Homebrew; by hand: apt-get install %s, or brew install %s",
		p.debian, p.brew)
}
