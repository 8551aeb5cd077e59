package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// options is what a URL says.
type options struct {
	addrs    []string
	cluster  bool
	user     string
	password string
	db       int
	tls      *tls.Config
	prefix   string
	events   events
	pool     int
}

// events says how a process learns of what others did.
type events string

const (
	listen events = "listen" // by a subscription, and by looking at intervals
	poll   events = "poll"   // by looking at intervals: no connection waits for a message
	own    events = "own"    // not at all, because there are no others
)

const (
	defaultPort   = "6379"
	defaultPrefix = "pawl"
)

const wantURL = "want redis://user:password@host:6379/0, rediss:// for TLS, or redis://host1:6379,host2:6379 for a Cluster"

// parse returns what a URL says. Errors do not repeat it: it may hold a password.
func parse(rawURL string) (options, error) {
	o := options{prefix: defaultPrefix, events: listen}
	scheme, rest, ok := strings.Cut(rawURL, "://")
	if !ok {
		return o, fmt.Errorf("the URL has no scheme; %s", wantURL)
	}
	scheme, o.cluster = strings.CutSuffix(strings.ToLower(scheme), "+cluster")
	if scheme != "redis" && scheme != "rediss" {
		return o, fmt.Errorf("the scheme is %q; %s", scheme, wantURL)
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		if err := o.setUser(authority[:i]); err != nil {
			return o, err
		}
		authority = authority[i+1:]
	}
	for _, step := range []func() error{
		func() error { return o.setAddrs(authority) },
		func() error { return o.setDB(path) },
		func() error { return o.setParameters(query, scheme == "rediss") },
	} {
		if err := step(); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (o *options) setUser(info string) error {
	user, password, _ := strings.Cut(info, ":")
	for _, part := range []struct {
		to   *string
		from string
	}{{&o.user, user}, {&o.password, password}} {
		text, err := url.PathUnescape(part.from)
		if err != nil {
			return errors.New("the user or the password in the URL is not escaped as it should be; write % as %25")
		}
		*part.to = text
	}
	return nil
}

func (o *options) setAddrs(hosts string) error {
	for _, host := range strings.Split(hosts, ",") {
		if host == "" {
			return fmt.Errorf("an address is empty; %s", wantURL)
		}
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), defaultPort)
			if _, _, err := net.SplitHostPort(host); err != nil {
				return fmt.Errorf("the address %q is not host:port", host)
			}
		}
		o.addrs = append(o.addrs, host)
	}
	o.cluster = o.cluster || len(o.addrs) > 1
	return nil
}

func (o *options) setDB(path string) error {
	if path == "" {
		return nil
	}
	db, err := strconv.Atoi(path)
	if err != nil || db < 0 {
		return fmt.Errorf("the database is %q; want a number, as in redis://host:6379/0", path)
	}
	if o.cluster && db > 0 {
		return fmt.Errorf("the database is %d; a Cluster has only 0", db)
	}
	o.db = db
	return nil
}

func (o *options) setParameters(query string, secure bool) error {
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("the URL's parameters: %w", err)
	}
	if secure {
		o.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	for name, values := range parameters {
		if err := o.set(name, values[len(values)-1]); err != nil {
			return err
		}
	}
	return nil
}

func (o *options) set(name, value string) error {
	switch name {
	case "prefix":
		if value == "" || strings.ContainsAny(value, "{}") {
			return fmt.Errorf("prefix is %q; want a name without braces", value)
		}
		o.prefix = value
	case "events":
		o.events = events(value)
		if o.events != listen && o.events != poll && o.events != own {
			return fmt.Errorf("events is %q; want listen, poll, or own for those of this process only", value)
		}
	case "pool":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return fmt.Errorf("pool is %q; want how many connections to keep, 1 or more", value)
		}
		o.pool = n
	case "ca":
		return o.trust(value)
	default:
		return fmt.Errorf("the URL has a parameter %q; known are prefix, events, pool and ca", name)
	}
	return nil
}

// trust takes the certificates of a PEM file in place of the system's.
func (o *options) trust(file string) error {
	if o.tls == nil {
		return errors.New("ca names a certificate, but the URL is not rediss://")
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	o.tls.RootCAs = x509.NewCertPool()
	if !o.tls.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("ca: %s holds no certificate in PEM form", file)
	}
	return nil
}

// quiet turns off what go-redis asks of a server that only one vendor's answers.
var quiet = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}

// client returns a client, which connects when it is first used.
func (o *options) client(connected func()) redis.UniversalClient {
	onConnect := func(context.Context, *redis.Conn) error {
		connected()
		return nil
	}
	if o.cluster {
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: o.addrs, Username: o.user, Password: o.password, TLSConfig: o.tls, PoolSize: o.pool, Protocol: 2,
			MaxRedirects: 8, DisableRoutingPolicies: true, DisableIdentity: true,
			ContextTimeoutEnabled: true, DialerRetries: 1, MaintNotificationsConfig: quiet, OnConnect: onConnect,
		})
	}
	return redis.NewClient(&redis.Options{
		Addr: o.addrs[0], Username: o.user, Password: o.password, DB: o.db, TLSConfig: o.tls, PoolSize: o.pool, Protocol: 2,
		DisableIdentity: true, ContextTimeoutEnabled: true, DialerRetries: 1, MaintNotificationsConfig: quiet, OnConnect: onConnect,
	})
}
