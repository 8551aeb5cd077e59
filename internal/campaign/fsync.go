package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// Two commands of this program make the check: fsync has strace watch the system
// calls of writes, which prints a mark after each acknowledgement.
const (
	fsyncCommand  = "fsync"
	writesCommand = "writes"
)

// marksFile is the file that marks are written to, and databaseFile the store.
const (
	marksFile    = "marks"
	databaseFile = "traced.db"
)

// fsync checks that each acknowledged write of SQLite was synced before it was
// acknowledged.
func fsync(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("campaign fsync", flag.ContinueOnError)
	tasks := flags.Int("tasks", 200, "tasks to add, to work on and to finish")
	keep := flags.Bool("keep", false, "keep the trace of a run that went well too")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *tasks < 1 {
		return errors.New("-tasks must be more than 0")
	}
	dir, err := os.MkdirTemp("", "pawl-fsync-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil || *keep {
			progress("the trace is kept in %s", dir)
			return
		}
		err = os.RemoveAll(dir)
	}()
	file := filepath.Join(dir, "trace")
	if err := trace(ctx, file, dir, *tasks); err != nil {
		return err
	}
	sums, err := readTrace(file, filepath.Join(dir, databaseFile), filepath.Join(dir, marksFile))
	if err != nil {
		return err
	}
	if want := marksOf(*tasks); sums.marks != want {
		return fmt.Errorf("%d acknowledgements were seen; want %d", sums.marks, want)
	}
	fmt.Fprintf(out, "%d acknowledged writes of SQLite, each synced before its acknowledgement: %d writes to the log, %d syncs of it; %d writes to the file, %d syncs\n",
		sums.marks, sums.log.started, sums.log.syncs, sums.file.started, sums.file.syncs)
	return nil
}

// trace runs the command writes under strace.
func trace(ctx context.Context, file, dir string, tasks int) error {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return fmt.Errorf("strace is missing (apt-get install strace): %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, strace, "-f", "-y", "-qq", "-s", "16", "-o", file,
		"-e", "trace=write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,msync,sync_file_range",
		self, writesCommand, dir, fmt.Sprint(tasks))
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("strace: %w: %s", err, said)
	}
	return nil
}

// readTrace judges the trace of a program that wrote to a database, and marks to
// a file.
func readTrace(file, database, marks string) (*syncs, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := newSyncs(database, marks)
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		if err := s.line(lines.Text()); err != nil {
			return nil, fmt.Errorf("%s:%d: %w: %s", file, n, err, lines.Text())
		}
	}
	return s, lines.Err()
}
