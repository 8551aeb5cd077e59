package main

import (
	"strings"
	"testing"
)

const (
	tracedLog  = "<//t/a.db-wal>"
	tracedFile = "<//t/a.db>"
	tracedMark = "<//t/marks>"
)

// judge reads a trace in which w, s and m stand for a write to the log, a sync of
// it, and a mark.
func judge(lines ...string) error {
	s := newSyncs("//t/a.db", "//t/marks")
	for _, line := range lines {
		if err := s.line(line); err != nil {
			return err
		}
	}
	return nil
}

const (
	w       = `11 pwrite64(5` + tracedLog + `, "7"..., 24, 4120) = 24`
	restart = `11 pwrite64(5` + tracedLog + `, "7"..., 32, 0) = 32`
	synced  = `11 fdatasync(5` + tracedLog + `) = 0`
	m       = `11 write(6` + tracedMark + `, "added 1\n", 8) = 8`
	page    = `12 pwrite64(4` + tracedFile + `, "S"..., 4096, 0) = 4096`
	flush   = `12 fsync(4` + tracedFile + `) = 0`
)

func TestSyncsAcceptsWhatWasSyncedBefore(t *testing.T) {
	for _, trace := range [][]string{
		{w, w, synced, m, w, synced, m},
		{w, synced, m, page, flush, restart, synced, m},
		{ // in two threads
			`11 pwrite64(5` + tracedLog + `, "7"..., 24, 56 <unfinished ...>`,
			`12 fdatasync(9</t/other>) = 0`,
			`11 <... pwrite64 resumed>) = 24`,
			`11 fdatasync(5` + tracedLog + ` <unfinished ...>`,
			`11 <... fdatasync resumed>) = 0`, m,
		},
		{"11 +++ exited with 0 +++", "11 --- SIGURG {si_signo=SIGURG} ---"},
	} {
		if err := judge(trace...); err != nil {
			t.Errorf("%v: %v; want nil", trace, err)
		}
	}
}

func TestSyncsFindsWhatWasNot(t *testing.T) {
	for want, trace := range map[string][]string{
		"1 of 1 writes to the log not synced":   {w, m},
		"1 of 2 writes to the log not synced":   {w, synced, w, m},
		"without a write to the log":            {w, synced, m, m},
		"starts again, and the file is not":     {w, synced, m, page, restart},
		"syncs in a way that is not understood": {`11 msync(5` + tracedLog + `, 4096, MS_SYNC) = 0`},
		"2 of 2 writes to the log not synced":   {w, w, strings.Replace(synced, "= 0", "= -1 EIO (Input/output error)", 1), m},
		"1 of 1 writes to the log not synced at ": { // the sync began before the write had ended
			`11 pwrite64(5` + tracedLog + `, "7"..., 24, 56 <unfinished ...>`, strings.Replace(synced, "11", "12", 1),
			`11 <... pwrite64 resumed>) = 24`, m,
		},
	} {
		err := judge(trace...)
		if err == nil || !strings.Contains(err.Error()+" at ", want) {
			t.Errorf("%v: %v; want an error with %q", trace, err, want)
		}
	}
}
