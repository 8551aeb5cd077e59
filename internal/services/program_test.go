package services_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pawlhq/pawl/internal/services"
)

func TestMissingServerIsNamed(t *testing.T) {
	ctx := within(t)
	for file, start := range map[string]func(services.Options) error{
		"initdb":       func(o services.Options) error { _, err := services.StartPostgres(ctx, o); return err },
		"redis-server": func(o services.Options) error { _, err := services.StartRedis(ctx, o); return err },
		"pgbouncer": func(o services.Options) error {
			_, err := services.StartPgBouncer(ctx, o, "postgres://u:p@127.0.0.1:1/x")
			return err
		},
	} {
		bin := t.TempDir()
		err := start(services.Options{Bin: bin})
		if missing, ok := errors.AsType[*services.MissingError](err); !ok || missing.Name == "" {
			t.Errorf("%s: %v; want a MissingError", file, err)
		}
		wantError(t, file, err, file, bin, "apt-get install", "brew install")
	}
	_, err := services.StartCluster(ctx, services.Options{Bin: t.TempDir()})
	wantError(t, "cluster", err, "redis-server", "apt-get install redis-server")
}

// Ubuntu 22.04 has a Redis that is too old. What it has, and what is needed, is said.
func TestOldServerIsNamed(t *testing.T) {
	bin := t.TempDir()
	script := "#!/bin/sh\necho 'Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64'\n"
	must(t, os.WriteFile(filepath.Join(bin, "redis-server"), []byte(script), 0o755))
	_, err := services.StartRedis(within(t), services.Options{Bin: bin})
	wantError(t, "redis", err, "v=6.0.16", "version 7 or later is needed")
}

// Where everything is there, nothing is installed.
func TestInstallOfNothing(t *testing.T) {
	var out strings.Builder
	if err := services.Install(context.Background(), &out); err != nil || out.Len() != 0 {
		t.Errorf("Install = %v, printed %q; want nothing", err, out.String())
	}
}

func wantError(t *testing.T, what string, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error; want one that says %q", what, parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v; want an error that says %q", what, err, part)
		}
	}
}

// openDir returns a directory that the servers' user can reach, as those of
// t.TempDir cannot be by another user.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pawl-test-")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("%s holds %v, %v; want nothing", dir, left, err)
	}
}
