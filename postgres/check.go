package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlhq/pawl"
)

// Check implements [pawl.Checker]: it looks at the server, its settings, and at
// who keeps it from cleaning up.
func (s *Store) Check(ctx context.Context) ([]pawl.Finding, error) {
	c, err := connect(ctx, s.db.server.config)
	if err != nil {
		return nil, s.db.server.explain(err)
	}
	defer shut(c.PgConn())
	look := inspection{server: &s.db.server, conn: c, ctx: ctx}
	look.all()
	if look.err != nil {
		return nil, s.db.server.explain(fmt.Errorf("check: %w", look.err))
	}
	return look.findings, nil
}

// inspection collects findings.
type inspection struct {
	*server
	conn     *pgx.Conn
	ctx      context.Context // of the one call that the inspection is for
	findings []pawl.Finding
	err      error
}

func (l *inspection) all() {
	l.add("server", true, fmt.Sprintf("PostgreSQL %s at %s, schema %s", l.conn.PgConn().ParameterStatus("server_version"), l.address, l.schema), pawl.FindingOK, "")
	l.setting("fsync", "on", pawl.FindingError, "a crash of the machine can lose or corrupt everything", "set fsync = on")
	l.setting("full_page_writes", "on", pawl.FindingWarning, "a crash of the machine can corrupt pages, unless the file system rules that out", "set full_page_writes = on")
	level := l.ask("synchronous_commit")
	l.add("synchronous_commit", level != "off", "synchronous_commit is "+level, pawl.FindingWarning,
		"accepted tasks of the last moments are lost in a crash of the server; set synchronous_commit = on, for the user or the database at least")
	l.setting("autovacuum", "on", pawl.FindingWarning, "removed rows pile up, and the queue becomes slow", "set autovacuum = on")
	l.add("pooler", !l.pooled, choose(l.pooled, "a pooler stands between; events are asked for once a second, and statements are planned each time", "no pooler stands between"), pawl.FindingWarning,
		"for the fastest start of tasks, connect workers to the server itself; all works as it is")
	l.add("encryption", !l.open(), choose(l.open(), "the connection over the network is not encrypted", "the connection is local or encrypted"), pawl.FindingWarning,
		"add sslmode=verify-full to the URL")
	holders, err := horizon(l.ctx, l.conn)
	l.err = firstError(l.err, err)
	for _, h := range holders {
		l.add("vacuum", false, h.text, pawl.FindingWarning, h.remedy)
	}
	if len(holders) == 0 {
		l.add("vacuum", true, "nothing keeps the server from cleaning up", pawl.FindingOK, "")
	}
}

func (l *inspection) add(what string, fine bool, found string, level pawl.FindingLevel, remedy string) {
	if fine {
		level, remedy = pawl.FindingOK, ""
	}
	l.findings = append(l.findings, pawl.Finding{Level: level, What: what, Found: found, Remedy: remedy})
}

func (l *inspection) setting(name, want string, level pawl.FindingLevel, risk, remedy string) {
	value := l.ask(name)
	found := fmt.Sprintf("%s is %s", name, value)
	if value != want {
		found += ": " + risk
	}
	l.add(name, value == want, found, level, remedy)
}

func (l *inspection) ask(setting string) (value string) {
	if l.err == nil {
		l.err = l.conn.QueryRow(l.ctx, "select current_setting($1)", pgx.QueryExecModeExec, setting).Scan(&value)
	}
	return value
}

// open reports whether what is sent can be read on the network.
func (l *inspection) open() bool {
	host := l.config.Host
	local := strings.HasPrefix(host, "/") || host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
	return !local && l.config.TLSConfig == nil
}

func choose(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// holder is something that keeps the server from removing dead rows.
type holder struct{ key, text, remedy string }

// heldLong is from what age on a transaction is a holder worth a word.
const heldLong = time.Minute

// horizon returns what has held the vacuum horizon for long.
func horizon(ctx context.Context, c *pgx.Conn) ([]holder, error) {
	var all []holder
	rows, err := c.Query(ctx, horizonSQL, pgx.QueryExecModeExec, heldLong.Seconds())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var kind, name, who, query string
		var seconds float64
		if err := rows.Scan(&kind, &name, &who, &seconds, &query); err != nil {
			return nil, err
		}
		all = append(all, holderOf(kind, name, who, time.Duration(seconds*float64(time.Second)).Round(time.Second), query))
	}
	return all, rows.Err()
}

func holderOf(kind, name, who string, age time.Duration, query string) holder {
	h := holder{key: kind + " " + name}
	const harm = "removed rows stay, and the queue becomes slower the longer it lasts"
	switch kind {
	case "backend":
		h.text = fmt.Sprintf("process %s (%s) has had a transaction open for %v, with the query %q: %s", name, who, age, query, harm)
		h.remedy = fmt.Sprintf("end that transaction, or run: select pg_terminate_backend(%s); set idle_in_transaction_session_timeout to rule it out", name)
	case "prepared":
		h.text = fmt.Sprintf("the prepared transaction %q (%s) has been open for %v: %s", name, who, age, harm)
		h.remedy = fmt.Sprintf("run: commit prepared '%s', or rollback prepared '%s'", name, name)
	default:
		h.text = fmt.Sprintf("the replication slot %q (%s) holds back old rows: %s", name, who, harm)
		h.remedy = fmt.Sprintf("bring its consumer back, or run: select pg_drop_replication_slot('%s')", name)
	}
	return h
}

// watchman tells of holders in the log, each once.
type watchman struct {
	mu     sync.Mutex
	looked time.Time
	told   map[string]bool
}

const lookEvery = time.Minute

// look logs what holds the vacuum horizon, once a minute at most.
func (d *database) look(ctx context.Context) {
	w := &d.watchman
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.looked) < lookEvery {
		return
	}
	w.looked = time.Now()
	c, err := connect(ctx, d.server.config)
	if err != nil {
		return // whoever has work for a connection tells of it
	}
	defer shut(c.PgConn())
	holders, err := horizon(ctx, c)
	if err != nil {
		return
	}
	told := map[string]bool{}
	for _, h := range holders {
		if told[h.key] = true; !w.told[h.key] {
			slog.WarnContext(ctx, "postgres: "+h.text, "what", "vacuum", "remedy", h.remedy)
		}
	}
	w.told = told
}
