package services

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"
)

// StartPgBouncer starts a PgBouncer in transaction mode before the PostgreSQL
// server at a URL, with the same user, password and databases. The options TLS
// and NoSync have no effect.
func StartPgBouncer(ctx context.Context, o Options, postgres string) (*Server, error) {
	bin, err := pgbouncerProgram.find(ctx, o.Bin)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(postgres)
	if err != nil {
		return nil, err
	}
	w, err := newWarden(o.Dir)
	if err != nil {
		return nil, err
	}
	s, err := w.pgbouncer(bin, o, u)
	if err == nil {
		err = s.open(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return s, nil
}

func (w *warden) pgbouncer(bin string, o Options, before *url.URL) (*Server, error) {
	users := filepath.Join(w.dir, "users")
	password, _ := before.User.Password()
	if err := w.write(users, fmt.Appendf(nil, "%q %q\n", before.User.Username(), password)); err != nil {
		return nil, err
	}
	file := filepath.Join(w.dir, "pgbouncer.ini")
	s := &Server{
		name: "PgBouncer", warden: w, path: filepath.Join(bin, "pgbouncer"), args: []string{"-q", file},
		log: filepath.Join(w.dir, "log"), release: w.close,
		ending: syscall.SIGKILL, // newer versions take SIGTERM for "when the last client has left"; it keeps nothing
	}
	own := settings{
		"listen_addr":        "127.0.0.1",
		"unix_socket_dir":    "",
		"auth_type":          "scram-sha-256",
		"auth_file":          users,
		"admin_users":        before.User.Username(),
		"pool_mode":          "transaction",
		"max_client_conn":    "500",
		"server_login_retry": "1", // or it looks for a PostgreSQL that was restarted only every 15 s
	}
	s.configure = func(ports [2]int) error {
		u := *before
		u.Host = s.addr
		s.url = u.String()
		all := own.with(settings{"listen_port": strconv.Itoa(ports[0])}).with(o.Settings)
		head := fmt.Sprintf("[databases]\n* = host=%s port=%s\n[pgbouncer]\n", before.Hostname(), before.Port())
		return w.write(file, append([]byte(head), all.lines("%s = %s")...))
	}
	s.answers = func(ctx context.Context) error { return connects(ctx, database(s.url, "pgbouncer")) } // its console
	return s, nil
}
