package redis_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/pawlhq/pawl"
)

// found returns what Check says of something, the zero Finding if it says nothing.
func found(t *testing.T, c pawl.Checker, what string) pawl.Finding {
	t.Helper()
	findings, err := c.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Level != pawl.FindingOK && f.Remedy == "" {
			t.Errorf("%s has no remedy: %s", f.What, f.Found)
		}
		if f.What == what {
			return f
		}
	}
	return pawl.Finding{}
}

func TestCheckSettings(t *testing.T) {
	server := start(t, nil)
	s, c := open(t, server.URL()), client(t, server.URL())
	for _, step := range []struct {
		name, value, what string
		level             pawl.FindingLevel
		says              string
	}{
		{"appendonly", "yes", "persistence", pawl.FindingOK, "the append-only file is on"},
		{"appendfsync", "everysec", "appendfsync", pawl.FindingOK, "every second"},
		{"appendfsync", "always", "appendfsync", pawl.FindingOK, "before each answer"},
		{"appendfsync", "no", "appendfsync", pawl.FindingWarning, "about 30 seconds"},
		{"maxmemory-policy", "noeviction", "maxmemory-policy", pawl.FindingOK, "refuses writes"},
		{"maxmemory-policy", "allkeys-lru", "maxmemory-policy", pawl.FindingWarning, "as soon as maxmemory is set"},
		{"maxmemory", "100mb", "maxmemory-policy", pawl.FindingError, "removes tasks"},
		{"appendonly", "no", "persistence", pawl.FindingError, "loses every task"},
		{"save", "3600 1", "persistence", pawl.FindingError, "only snapshots are on"},
	} {
		if err := c.ConfigSet(t.Context(), step.name, step.value).Err(); err != nil {
			t.Fatal(err)
		}
		if f := found(t, s, step.what); f.Level != step.level || !strings.Contains(f.Found, step.says) {
			t.Errorf("with %s %s: %s is %+v; want %s and %q", step.name, step.value, step.what, f, step.level, step.says)
		}
	}
	if f := found(t, s, "version"); f.Level != pawl.FindingOK {
		t.Errorf("version is %+v; want ok", f)
	}
	if f := found(t, s, "role"); f.Level != pawl.FindingOK {
		t.Errorf("role is %+v; want ok", f)
	}
}

// A user who may not read the settings learns what could not be checked, and the
// store works.
func TestCheckWithoutRights(t *testing.T) {
	server := start(t, nil)
	err := client(t, server.URL()).Do(t.Context(), "acl", "setuser", "app", "on", ">secret", "~{pawl}:*", "&{pawl}:*", "+@all", "-@admin", "-@dangerous").Err()
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, "redis://app:secret@"+server.Addr())
	add(t, s, 1)
	for _, what := range []string{"version", "role", "persistence", "maxmemory-policy"} {
		if f := found(t, s, what); f.Level != pawl.FindingWarning || !strings.Contains(f.Found, "could not be checked") {
			t.Errorf("%s is %+v; want a warning that it could not be checked", what, f)
		}
	}
}

func TestCheckReplica(t *testing.T) {
	master, replica := start(t, nil), start(t, nil)
	s, c := open(t, replica.URL()), client(t, replica.URL())
	o := client(t, master.URL()).Options()
	host, port, _ := strings.Cut(o.Addr, ":")
	for _, set := range [][2]string{{"masterauth", o.Password}, {"replicaof", host + " " + port}} {
		args := append([]any{"config", "set", set[0]}, set[1])
		if set[0] == "replicaof" {
			args = []any{"replicaof", host, port}
		}
		if err := c.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if f := found(t, s, "role"); f.Level != pawl.FindingError || !strings.Contains(f.Found, "slave") {
		t.Errorf("role is %+v; want an error", f)
	}
}

func TestCheckCluster(t *testing.T) {
	s := open(t, clusterURL(t))
	if f := found(t, s, "cluster"); f.Level != pawl.FindingOK || !strings.Contains(f.Found, "all 16384 slots") {
		t.Errorf("cluster is %+v; want ok", f)
	}
	if f := found(t, s, "min-replicas-to-write"); f.Level != pawl.FindingWarning || !strings.Contains(f.Found, "a failover loses") {
		t.Errorf("min-replicas-to-write is %+v; want a warning", f)
	}
}

// Open warns of what is not right.
func TestOpenWarns(t *testing.T) {
	server := start(t, map[string]string{"appendonly": "no"})
	heard := &records{}
	old := slog.Default()
	slog.SetDefault(slog.New(heard))
	defer slog.SetDefault(old)
	open(t, server.URL())
	if len(heard.all) != 1 || heard.all[0].Level != slog.LevelWarn || !strings.Contains(heard.all[0].Message, "loses every task") {
		t.Errorf("Open logged %v; want one warning that every task can be lost", heard.all)
	}
}

// records keeps what is logged.
type records struct {
	slog.Handler
	all []slog.Record
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) Handle(_ context.Context, record slog.Record) error {
	r.all = append(r.all, record)
	return nil
}
