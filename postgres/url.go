package postgres

import (
	"fmt"
	"net/url"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

const (
	defaultSchema    = "pawl"
	leastConnections = 4
)

// options are the parameters of a URL that are ours.
type options struct {
	schema string
	events string // "listen", "poll", "own", or "" for what suits the server

	connections int
}

// names that need no care: the schema is part of locks, channels and messages.
var schemaPattern = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,50}$`)

// split takes our parameters out of a URL, so that the server is not asked to set them.
func split(raw string) (rest string, o options, err error) {
	o.schema, o.connections = defaultSchema, max(leastConnections, runtime.NumCPU())
	if !strings.HasPrefix(raw, "postgres://") && !strings.HasPrefix(raw, "postgresql://") {
		return raw, o, nil // a line of keywords and values, or nothing: all from the environment
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", o, fmt.Errorf("postgres: the URL cannot be read: %w", redacted(err))
	}
	q := u.Query()
	if q.Has("schema") {
		o.schema = q.Get("schema")
	}
	o.events = q.Get("events")
	if n := q.Get("pool_max_conns"); n != "" {
		if o.connections, err = strconv.Atoi(n); err != nil || o.connections < 1 {
			return "", o, fmt.Errorf("postgres: pool_max_conns is %q; want a number, 1 or more", n)
		}
	}
	for _, ours := range []string{"schema", "events", "pool_max_conns"} {
		q.Del(ours)
	}
	u.RawQuery = q.Encode()
	if !schemaPattern.MatchString(o.schema) {
		return "", o, fmt.Errorf("postgres: schema is %q; want lower-case letters, digits and _, at most 51 of them", o.schema)
	}
	if o.events != "" && o.events != "listen" && o.events != "poll" && o.events != "own" {
		return "", o, fmt.Errorf("postgres: events is %q; want listen, poll, or own for those of this process only", o.events)
	}
	return u.String(), o, nil
}

// redacted returns why a URL cannot be read, without the URL.
func redacted(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}
