package sqlite

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// options are the parameters behind a path, as in agent.db?poll=10ms.
type options struct {
	poll  time.Duration // how often to look for commits of other processes
	busy  time.Duration // how long to wait for another process that writes
	pages int64         // the most pages that the file may have; 0 for no bound
}

const (
	pollDefault = 50 * time.Millisecond
	busyDefault = 30 * time.Second
)

const allowedOptions = "want poll=50ms, busy=30s or max_pages=1000000, put together with &"

// splitPath takes the parameters off a path. A question mark without parameters
// behind it belongs to the path.
func splitPath(path string) (string, options, error) {
	o := options{poll: pollDefault, busy: busyDefault}
	at := strings.LastIndexByte(path, '?')
	if at < 0 || !strings.Contains(path[at:], "=") {
		return path, o, nil
	}
	given, err := url.ParseQuery(path[at+1:])
	if err != nil {
		return "", o, fmt.Errorf("sqlite: parameters %q: %w; %s", path[at+1:], err, allowedOptions)
	}
	for name, values := range given {
		if err := o.set(name, values[len(values)-1]); err != nil {
			return "", o, err
		}
	}
	return path[:at], o, nil
}

func (o *options) set(name, value string) error {
	switch name {
	case "poll":
		return setDuration(&o.poll, name, value)
	case "busy":
		return setDuration(&o.busy, name, value)
	case "max_pages":
		if _, err := fmt.Sscanf(value, "%d", &o.pages); err != nil || o.pages < 1 {
			return fmt.Errorf("sqlite: max_pages is %q; want a number from 1", value)
		}
		return nil
	}
	return fmt.Errorf("sqlite: there is no parameter %q; %s", name, allowedOptions)
}

func setDuration(to *time.Duration, name, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return fmt.Errorf("sqlite: %s is %q; want a duration such as 50ms or 30s", name, value)
	}
	*to = d
	return nil
}

// What every connection is set to, and what only the one that writes is. The
// figures of the last two were measured; see docs/decisions.
var (
	everySetting = []string{
		"PRAGMA foreign_keys = OFF", // there are none: what belongs together is written together
		"PRAGMA temp_store = MEMORY",
	}
	writerSettings = []string{
		"PRAGMA busy_timeout = 0", // begin waits by itself, and can be told to stop
		"PRAGMA synchronous = FULL",
		"PRAGMA cache_size = -8192",        // KiB
		"PRAGMA wal_autocheckpoint = 4000", // pages
	}
	readerSettings = []string{
		"PRAGMA busy_timeout = 5000", // for the moment in which another process recovers the log
		"PRAGMA query_only = ON",
	}
)

func (o options) prepareWriter(ctx context.Context, s *session) error {
	settings := append(append([]string{}, everySetting...), writerSettings...)
	if o.pages > 0 {
		settings = append(settings, fmt.Sprintf("PRAGMA max_page_count = %d", o.pages))
	}
	return s.set(ctx, settings)
}

func (o options) prepareReader(ctx context.Context, s *session) error {
	return s.set(ctx, append(append([]string{}, everySetting...), readerSettings...))
}

func (s *session) set(ctx context.Context, pragmas []string) error {
	for _, p := range pragmas {
		if _, err := s.conn.ExecContext(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return nil
}
