package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// syncs reads the system calls of a program, as strace prints them, and judges
// when what was written is on the disk:
//
//  1. A write to the log is safe once a sync has ended well that began after the
//     write had ended.
//  2. At a mark, which is written after an acknowledgement, all writes to the log
//     are safe, and there was one at least since the mark before.
//  3. The log is written from its start again only when all writes to the file
//     are safe: until then the log is what holds them.
type syncs struct {
	log, file written
	path      map[string]*written // by the path that strace prints
	open      map[string]call     // calls under way, by thread
	marksPath string
	marks     int
	before    int // writes to the log before the last mark
}

// written is what became of the writes to one file.
type written struct {
	started, ended int // writes
	safe           int // writes that a sync covers
	syncs          int
}

// call is a call under way.
type call struct {
	name   string
	to     *written
	covers int // for a sync, the writes that had ended before it began
}

func newSyncs(database, marks string) *syncs {
	s := &syncs{open: map[string]call{}, marksPath: marks}
	s.path = map[string]*written{database: &s.file, database + "-wal": &s.log}
	return s
}

var (
	// 4711 pwrite64(7</tmp/a.db-wal>, "7\177\6"..., 32, 0) = 32
	begun = regexp.MustCompile(`^(\d+) +(\w+)\(\d+<([^>]*)>(.*)$`)
	// 4711 <... fdatasync resumed>) = 0
	resumed = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>`)
	result  = regexp.MustCompile(`\) += (-?\d+)`)
	atStart = regexp.MustCompile(`, 0(\) +=| <unfinished)`)
)

// line reads one line. Its errors are writes that were acknowledged and not safe.
func (s *syncs) line(text string) error {
	if m := resumed.FindStringSubmatch(text); m != nil {
		c, ok := s.open[m[1]]
		delete(s.open, m[1])
		if !ok {
			return nil
		}
		return s.end(c, text)
	}
	m := begun.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	thread, name, path, rest := m[1], m[2], m[3], m[4]
	if path == s.marksPath {
		return s.mark()
	}
	to := s.path[path]
	if to == nil {
		return nil
	}
	if err := s.begin(name, to, rest); err != nil {
		return err
	}
	c := call{name, to, -1}
	if to.ended == to.started {
		c.covers = to.started
	}
	if isWrite(name) {
		to.started++
	}
	if strings.HasSuffix(text, "<unfinished ...>") {
		s.open[thread] = c
		return nil
	}
	return s.end(c, text)
}

func isWrite(name string) bool { return strings.Contains(name, "write") }

func (s *syncs) begin(name string, to *written, rest string) error {
	if name == "msync" || name == "sync_file_range" {
		return fmt.Errorf("%s syncs in a way that is not understood here", name)
	}
	if to == &s.log && name == "pwrite64" && atStart.MatchString(rest) && s.file.safe < s.file.started {
		return errors.New("the log starts again, and the file is not synced")
	}
	return nil
}

func (s *syncs) end(c call, text string) error {
	m := result.FindStringSubmatch(text)
	if m == nil {
		return errors.New("a call without a result")
	}
	switch {
	case isWrite(c.name):
		c.to.ended++
	case m[1] == "0":
		c.to.syncs++
		c.to.safe = max(c.to.safe, c.covers)
	}
	return nil
}

// mark judges one acknowledgement.
func (s *syncs) mark() error {
	s.marks++
	l := &s.log
	switch {
	case l.safe < l.started:
		return fmt.Errorf("acknowledged with %d of %d writes to the log not synced", l.started-l.safe, l.started)
	case l.started == s.before:
		return errors.New("acknowledged without a write to the log")
	}
	s.before = l.started
	return nil
}
