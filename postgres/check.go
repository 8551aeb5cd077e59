package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
)

// Check implements [pawl.Checker]: it looks at the server, its settings, and at
// who keeps it from cleaning up.
func (s *Store) Check(ctx context.Context) ([]pawl.Finding, error) {
	set := map[string]string{}
	var holders []holder
	err := s.db.direct(ctx, func(c session) error {
		return c.run(ctx, s.db.query("settingsNow", func(r *row) error {
			name := r.text()
			set[name] = r.text()
			return nil
		}), horizon(&holders))
	})
	if err != nil {
		return nil, err
	}
	return findings(&s.db.server, set, holders), nil
}

// findings returns what there is to say of a server.
func findings(s *server, set map[string]string, holders []holder) (all []pawl.Finding) {
	add := func(what string, fine bool, found string, level pawl.FindingLevel, remedy string) {
		if fine {
			level, remedy = pawl.FindingOK, ""
		}
		all = append(all, pawl.Finding{Level: level, What: what, Found: found, Remedy: remedy})
	}
	setting := func(name string, level pawl.FindingLevel, risk string) {
		fine, found := set[name] == "on", name+" is "+set[name]
		if !fine {
			found += ": " + risk
		}
		add(name, fine, found, level, "set "+name+" = on in the server's configuration")
	}
	add("server", true, fmt.Sprintf("PostgreSQL %s at %s, schema %s", set["server_version"], s.address, s.schema), pawl.FindingOK, "")
	setting("fsync", pawl.FindingError, "a crash of the machine can lose or corrupt everything")
	setting("full_page_writes", pawl.FindingWarning, "a crash of the machine can corrupt pages, unless the file system rules that out")
	level := set["synchronous_commit"]
	add("synchronous_commit", level != "off", "synchronous_commit is "+level, pawl.FindingWarning,
		"accepted tasks of the last moments are lost in a crash of the server; set synchronous_commit = on, for the user or the database at least")
	setting("autovacuum", pawl.FindingWarning, "removed rows pile up, and the queue becomes slow")
	add("pooler", !s.pooled, choose(s.pooled, "a pooler stands between: events are asked for once a second, and statements are planned each time", "no pooler stands between"), pawl.FindingWarning,
		"for the fastest start of tasks, connect workers to the server itself; all works as it is")
	add("encryption", !s.readable(), choose(s.readable(), "the connection over the network is not encrypted", "the connection is local or encrypted"), pawl.FindingWarning,
		"add sslmode=verify-full to the URL")
	for _, h := range holders {
		add("vacuum", false, h.text, pawl.FindingWarning, h.remedy)
	}
	if len(holders) == 0 {
		add("vacuum", true, "nothing keeps the server from cleaning up", pawl.FindingOK, "")
	}
	return all
}

// readable reports whether what is sent can be read on the network.
func (s *server) readable() bool {
	host := s.config.Host
	local := strings.HasPrefix(host, "/") || host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
	return !local && s.config.TLSConfig == nil
}

func choose(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// holder is something that keeps the server from removing dead rows.
type holder struct{ key, text, remedy string }

// heldLong is from what age on a transaction is a holder worth a word.
var heldLong = time.Minute // a variable for tests

// horizon is the statement that asks what has held the vacuum horizon for long.
func horizon(into *[]holder) call {
	return call{statement: horizonStatement, args: []arg{int8Arg(int64(heldLong / time.Second))}, each: func(r *row) error {
		kind, name, who, age, query := r.text(), r.text(), r.text(), time.Duration(r.int8())*time.Second, r.text()
		*into = append(*into, holderOf(kind, name, who, age, query))
		return nil
	}}
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
	var holders []holder
	if err := d.direct(ctx, func(s session) error { return s.run(ctx, horizon(&holders)) }); err != nil {
		return // whoever has work for the server tells of it
	}
	told := map[string]bool{}
	for _, h := range holders {
		if told[h.key] = true; !w.told[h.key] {
			slog.WarnContext(ctx, "postgres: "+h.text, "what", "vacuum", "remedy", h.remedy)
		}
	}
	w.told = told
}
