package services

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// StartPostgres starts a new PostgreSQL server, with the superuser and the
// database postgres, a random password, and durable commits unless
// [Options].NoSync. ctx limits the start only.
func StartPostgres(ctx context.Context, o Options) (*Server, error) {
	bin, err := postgresProgram.find(ctx, o.Bin)
	if err != nil {
		return nil, err
	}
	w, err := newWarden(o.Dir)
	if err != nil {
		return nil, err
	}
	s, err := w.postgres(bin, o)
	if err == nil {
		err = s.open(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return s, nil
}

func (w *warden) postgres(bin string, o Options) (*Server, error) {
	data := filepath.Join(w.dir, "data") // where warden.sh looks for it
	password := rand.Text()
	if err := w.initdb(bin, data, password); err != nil {
		return nil, err
	}
	s := &Server{
		name: "PostgreSQL", warden: w, path: filepath.Join(bin, "postgres"), args: []string{"-D", data},
		log: filepath.Join(w.dir, "log"), ending: syscall.SIGINT, release: w.close,
	}
	own := settings{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "",
		"max_connections":         "200",
		"shared_buffers":          "128MB",
		"synchronous_commit":      "on",
		"fsync":                   onOff(!o.NoSync),
	}
	if o.TLS {
		c, err := w.certify()
		if err != nil {
			return nil, err
		}
		own = own.with(settings{"ssl": "on", "ssl_cert_file": c.cert, "ssl_key_file": c.key})
		s.ca = c.cert
	}
	s.configure = func(ports [2]int) error {
		s.url = postgresURL(password, s.addr, "sslmode", "disable")
		if o.TLS {
			s.tls = postgresURL(password, s.addr, "sslmode", "verify-full", "sslrootcert", s.ca)
		}
		all := own.with(settings{"port": strconv.Itoa(ports[0])}).with(o.Settings)
		return w.write(filepath.Join(data, "postgresql.conf"), all.lines("%s = '%s'"))
	}
	s.answers = func(ctx context.Context) error { return connects(ctx, s.url) }
	return s, nil
}

// initdb makes the data directory of a new server.
func (w *warden) initdb(bin, data, password string) error {
	secret := filepath.Join(w.dir, "password")
	if err := w.write(secret, []byte(password)); err != nil {
		return err
	}
	cmd := w.command(filepath.Join(bin, "initdb"), "--pgdata", data, "--username=postgres", "--pwfile", secret,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func postgresURL(password, addr string, query ...string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", password), Host: addr, Path: "/postgres"}
	q := url.Values{}
	for i := 0; i < len(query); i += 2 {
		q.Set(query[i], query[i+1])
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func connects(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
