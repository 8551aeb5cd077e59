package stores_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/services"
	"github.com/pawlhq/pawl/stores"
)

func TestMain(m *testing.M) { services.Main(m) }

var double = pawl.Operation[int, int]{Name: "double", Limit: pawl.NoLimit}

// checkStore opens a store twice, has one client work on what the other one adds,
// and looks whether the store can be examined.
func checkStore(t *testing.T, url string) {
	t.Helper()
	store, err := stores.Open(t.Context(), url)
	if err != nil {
		t.Fatalf("Open(%s) = %v", stores.Redact(url), err)
	}
	defer store.Close()
	other, err := stores.OpenExisting(t.Context(), url)
	if err != nil {
		t.Fatalf("OpenExisting(%s) = %v", stores.Redact(url), err)
	}
	defer other.Close()

	quiet := pawl.Config{Logger: slog.New(slog.DiscardHandler)}
	worker := pawl.New(store, quiet)
	double.Handle(worker, func(_ context.Context, t *pawl.Task[int]) (int, error) { return 2 * t.Input, nil })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- worker.Run(ctx) }()
	run, err := double.Add(t.Context(), pawl.New(other, quiet), 21)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run.Wait(t.Context()); err != nil || out != 42 {
		t.Errorf("Wait = %d, %v; want 42, nil", out, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("Run = %v; want nil", err)
	}
	if _, ok := store.(pawl.Checker); !ok {
		t.Errorf("%T is no pawl.Checker", store)
	}
}

func TestOpenSQLite(t *testing.T) {
	t.Chdir(t.TempDir())
	for url, path := range map[string]string{
		"sqlite:agent.db": "agent.db",
		"sqlite:my agent 100%.db?busy=5s&poll=10ms": "my agent 100%.db",
		"sqlite:what?.db": "what?.db",
		"sqlite:" + filepath.Join(t.TempDir(), "abs.db"):     "",
		"sqlite://" + filepath.Join(t.TempDir(), "slash.db"): "",
	} {
		checkStore(t, url)
		if _, err := os.Stat(path); path != "" && err != nil {
			t.Errorf("Open(%q) made no file %q: %v", url, path, err)
		}
	}
	if _, err := stores.Open(t.Context(), "sqlite:agent.db?bogus=1"); err == nil || !strings.Contains(err.Error(), "bogus") {
		t.Errorf("Open with a parameter that is none = %v; want its name", err)
	}
}

// checkMigrator migrates an empty database.
func checkMigrator(t *testing.T, url string) {
	t.Helper()
	m, err := stores.OpenMigrator(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	all, err := m.Migrations(t.Context())
	if err != nil || len(all) == 0 || !all[0].Applied.IsZero() || all[0].SQL == "" {
		t.Fatalf("Migrations of an empty database = %+v, %v; want those that there are, none applied", all, err)
	}
	if applied, err := m.Up(t.Context()); err != nil || len(applied) != len(all) {
		t.Errorf("Up applied %d, %v; want %d", len(applied), err, len(all))
	}
	if all, err = m.Migrations(t.Context()); err != nil || all[len(all)-1].Applied.IsZero() {
		t.Errorf("Migrations after Up = %+v, %v; want them applied", all, err)
	}
	checkStore(t, url)
}

func TestMigrateSQLite(t *testing.T) {
	checkMigrator(t, "sqlite:"+filepath.Join(t.TempDir(), "agent.db"))
}

func TestOpenPostgres(t *testing.T) { checkStore(t, services.Postgres(t)) }

func TestOpenPostgresWithTLS(t *testing.T) { checkStore(t, services.PostgresTLS(t)) }

func TestMigratePostgres(t *testing.T) { checkMigrator(t, services.Postgres(t)) }

func TestOpenRedis(t *testing.T) { checkStore(t, services.Redis(t)) }

func TestOpenRedisCluster(t *testing.T) {
	url, prefix := services.RedisCluster(t)
	checkStore(t, fmt.Sprintf("%s?prefix=%s", url, prefix))
	one, _, _ := strings.Cut(url, ",")
	checkStore(t, fmt.Sprintf("%s?prefix=%s", strings.Replace(one, "redis:", "redis+cluster:", 1), prefix))
}

// Nobody who reads an error or a log learns a password.
func TestPasswordsStayOutOfErrors(t *testing.T) {
	for _, url := range []string{
		"postgres://user:opensesame@127.0.0.1:1/db",
		"postgres://127.0.0.1:1/db?user=u&password=opensesame",
		"redis://user:opensesame@127.0.0.1:1/0",
		"redis://user:open%20sesame@127.0.0.1:1,127.0.0.1:2",
	} {
		_, err := stores.Open(t.Context(), url)
		if err == nil || strings.Contains(err.Error(), "sesame") || !strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("Open = %v; want an error that names the address and no password", err)
		}
	}
}

func TestRedisHasNoMigrations(t *testing.T) {
	if _, err := stores.OpenMigrator(t.Context(), "redis://127.0.0.1:1"); !errors.Is(err, stores.ErrNoSchema) {
		t.Errorf("OpenMigrator = %v; want ErrNoSchema", err)
	}
}
