package stores

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// address is a URL that was understood.
type address struct {
	engine engine
	scheme string   // in lower case
	rest   string   // of the URL, behind the scheme and its colon
	url    string   // as it was given, with the scheme in lower case
	hosts  []string // of Redis: more than one for a Cluster
}

// engine is a kind of store, by the name that people know.
type engine string

const (
	inMemory   engine = "memory"
	sqliteFile engine = "SQLite"
	postgreSQL engine = "PostgreSQL"
	redisOne   engine = "Redis"
	redisMany  engine = "Redis Cluster"
)

var engines = map[string]engine{
	"memory": inMemory, "sqlite": sqliteFile,
	"postgres": postgreSQL, "postgresql": postgreSQL,
	"redis": redisOne, "rediss": redisOne, "redis+cluster": redisMany, "rediss+cluster": redisMany,
}

const allowed = `want memory:, sqlite:agent.db, postgres://user@host/name, redis://host:6379, or redis://host1:6379,host2:6379 for a Cluster`

// parse returns the address that a URL names, or what is wrong with it.
func parse(url string) (address, error) {
	scheme, rest, ok := strings.Cut(url, ":")
	a := address{engine: engines[strings.ToLower(scheme)], scheme: strings.ToLower(scheme), rest: rest}
	switch {
	case strings.TrimSpace(url) == "":
		return a, errors.New("stores: the URL is empty; " + allowed)
	case !ok || a.engine == "" && !strings.HasPrefix(rest, "//"):
		return a, fmt.Errorf("stores: %q is not the URL of a store; %s%s", Redact(url), allowed, meant(url))
	case a.engine == "":
		return a, fmt.Errorf("stores: %q: there is no store of the scheme %q; %s", Redact(url), scheme, allowed)
	}
	a.url = a.scheme + ":" + rest
	if err := a.check(); err != nil {
		return a, fmt.Errorf("stores: %q: %w", Redact(url), err)
	}
	return a, nil
}

// meant adds what was probably meant by a path.
func meant(url string) string {
	if strings.ContainsAny(url, "@ ") || strings.Contains(url, "://") {
		return ""
	}
	return fmt.Sprintf(" (for a SQLite file: %q)", "sqlite:"+url)
}

func (a *address) check() error {
	switch a.engine {
	case inMemory:
		if a.rest != "" {
			return errors.New("memory: takes nothing behind it")
		}
		return nil
	case sqliteFile:
		return a.checkFile()
	case postgreSQL:
		return a.checkServer("postgres://user@host:5432/name")
	}
	if err := a.checkServer("redis://host:6379"); err != nil {
		return err
	}
	return a.checkNodes()
}

// checkFile takes "sqlite:///path" for "sqlite:/path".
func (a *address) checkFile() error {
	if host, ok := strings.CutPrefix(a.rest, "//"); ok {
		if !strings.HasPrefix(host, "/") {
			return fmt.Errorf("a file has no host; want sqlite:%s, or sqlite:/PATH for an absolute path", host)
		}
		a.rest = host
	}
	switch {
	case a.file() == "":
		return errors.New("the path is empty; want sqlite:agent.db or another path")
	case a.file() == ":memory:" || strings.HasPrefix(a.rest, "file:"):
		return errors.New("want a path, not a name of SQLite's own; memory: is a store in memory")
	}
	return nil
}

// file is the path of a SQLite file, without the parameters behind it. A question
// mark without any belongs to the path.
func (a *address) file() string {
	if at := strings.LastIndexByte(a.rest, '?'); at >= 0 && strings.Contains(a.rest[at:], "=") {
		return a.rest[:at]
	}
	return a.rest
}

func (a *address) checkServer(example string) error {
	if !strings.HasPrefix(a.rest, "//") {
		return fmt.Errorf("%q has no //; want %s", a.scheme+":", example)
	}
	if authority, behind := cutAuthority(a.rest); !strings.Contains(authority, "@") && torn(authority, behind) {
		return errors.New("the user or the password holds a character that ends them; write / as %2F, ? as %3F, # as %23 and @ as %40")
	}
	return nil
}

// torn reports whether what stands behind the hosts of a URL is the rest of a user
// or a password that was not escaped. A parameter may have an "@".
func torn(authority, behind string) bool {
	path, _, _ := strings.Cut(behind, "?")
	if strings.Contains(path, "@") {
		return true
	}
	for _, host := range strings.Split(authority, ",") {
		if _, port, err := net.SplitHostPort(host); err == nil && strings.Trim(port, "0123456789") != "" {
			return strings.Contains(behind, "@")
		}
	}
	return false
}

// checkNodes reads the addresses of Redis. Several are those of a Cluster.
func (a *address) checkNodes() error {
	a.hosts = strings.Split(hostsOf(a.rest), ",")
	for _, host := range a.hosts {
		if host == "" {
			return errors.New("an address is empty; want redis://host:6379, or redis://host1:6379,host2:6379 for a Cluster")
		}
		_, port, err := net.SplitHostPort(host)
		if err != nil && strings.Contains(host, ":") && !strings.HasSuffix(host, "]") {
			return fmt.Errorf("the address %q is not host:port; an IPv6 address needs brackets: [::1]:6379", host)
		}
		if _, bad := strconv.ParseUint(port, 10, 16); err == nil && bad != nil {
			return fmt.Errorf("the port of %q is no number up to 65535", host)
		}
	}
	if len(a.hosts) > 1 {
		a.engine = redisMany
	}
	return nil
}

// hostsOf returns the hosts in what stands behind a scheme: "//user@host:1/path?x=y".
func hostsOf(rest string) string {
	authority, _ := cutAuthority(rest)
	return authority[strings.LastIndex(authority, "@")+1:]
}

// cutAuthority divides "//user@host:1/path?x=y" before the path.
func cutAuthority(rest string) (authority, behind string) {
	rest = strings.TrimPrefix(rest, "//")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		return rest[:end], rest[end:]
	}
	return rest, ""
}
