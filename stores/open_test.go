package stores_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
)

func TestOpenInMemory(t *testing.T) {
	for _, url := range []string{"memory:", "MEMORY:"} {
		store, err := stores.Open(t.Context(), url)
		if err != nil {
			t.Fatalf("Open(%q) = %v", url, err)
		}
		runs, err := pawl.Operation[int, int]{Name: "work"}.AddMany(t.Context(), pawl.New(store, pawl.Config{}), []int{1})
		if err != nil || len(runs) != 1 {
			t.Errorf("AddMany on %q = %v, %v; want a run", url, runs, err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What is no store's URL is refused before anything is done, and the error says
// what was given and what is allowed.
func TestOpenRefuses(t *testing.T) {
	for url, says := range map[string][]string{
		"":                         {"empty", "memory:", "sqlite:agent.db", "postgres://", "redis://", "Cluster"},
		"  ":                       {"empty"},
		"agent.db":                 {`"agent.db"`, "sqlite:agent.db", "postgres://"},
		"/var/lib/agent.db":        {"sqlite:/var/lib/agent.db"},
		`C:\agent.db`:              {`sqlite:C:\\agent.db`},
		"localhost:6379":           {"not the URL of a store", "redis://"},
		"mysql://root:pw@host/db":  {`"mysql"`, "mysql://root:xxxxx@host/db", "postgres://"},
		"host=db password=pw":      {"postgres://"},
		"memory":                   {"memory:"},
		"memory:agent":             {"memory:agent", "nothing behind it"},
		"sqlite:":                  {"path is empty", "sqlite:agent.db"},
		"sqlite://":                {"want sqlite:"},
		"sqlite://agent.db":        {"sqlite:agent.db", "absolute"},
		"sqlite::memory:":          {"memory:"},
		"sqlite:file:agent.db":     {"want a path"},
		"postgres:host/db":         {"//", "postgres://user@host"},
		"redis:host":               {"//", "redis://host:6379"},
		"redis://":                 {"address is empty", "redis://host:6379"},
		"redis://h1:6379,,h3:6379": {"address is empty"},
		"redis://h:port":           {`port of "h:port"`, "65535"},
		"redis://h1:6379,h2:99999": {`port of "h2:99999"`},
		"postgres://u:pw/pw@h/db":  {"%2F", "%40"},
		"postgres://u:pw?pw@h/db":  {"%3F"},
		"redis://:pw#pw@h":         {"%23"},
		"redis://::1:6379":         {"::1:6379", "[::1]:6379"},
	} {
		_, err := stores.Open(t.Context(), url)
		if err == nil {
			t.Errorf("Open(%q) = nil; want an error", url)
			continue
		}
		if checked := stores.Check(url); checked == nil || checked.Error() != err.Error() {
			t.Errorf("Check(%q) = %v; want what Open says: %v", url, checked, err)
		}
		for _, say := range says {
			if !strings.Contains(err.Error(), say) {
				t.Errorf("Open(%q) = %v; want it to say %q", url, err, say)
			}
		}
		if strings.Contains(err.Error(), "pw") && !strings.Contains(url, "host=") {
			t.Errorf("Open(%q) = %v; want no password in it", url, err)
		}
	}
}

func TestCheckAllows(t *testing.T) {
	for _, url := range []string{
		"memory:", "sqlite:agent.db", "sqlite:./my files/agent.db", "sqlite:/var/lib/agent.db", "sqlite:///var/lib/agent.db", `sqlite:C:\agent.db`,
		"postgres://u:p@h:5432/db?sslmode=require", "postgresql://h1,h2:5432/db", "postgres:///db?host=/run/postgresql", "postgres://h:5432/db?user=u@tenant", "postgres://h/db?user=u@tenant", "postgres://h1:5432,[::1]:5433/db?user=u@tenant", "Postgres://h/db",
		"redis://h", "redis://h:6379/2", "rediss://u:p@h:6379", "redis://[::1]:6379", "redis://[::1]",
		"redis://u:p@h1:6379,h2:6379,h3:6379", "redis+cluster://h1:6379", "rediss+cluster://h1:6379",
	} {
		if err := stores.Check(url); err != nil {
			t.Errorf("Check(%q) = %v; want nil", url, err)
		}
	}
}

func TestRedact(t *testing.T) {
	for url, want := range map[string]string{
		"":                                  "",
		"sqlite:agent.db":                   "sqlite:agent.db",
		"postgres://h/db":                   "postgres://h/db",
		"postgres://user@h/db":              "postgres://user@h/db",
		"postgres://user:pw@h/db":           "postgres://user:xxxxx@h/db",
		"postgres://user:p@w/x:y@h/db":      "postgres://user:xxxxx@h/db",
		"postgres://h/db?user=u&password=s": "postgres://h/db?user=u&password=xxxxx",
		"postgres://h/db?sslpassword=s&a=b": "postgres://h/db?sslpassword=xxxxx&a=b",
		"redis://:pw@h1:1,h2:2":             "redis://:xxxxx@h1:1,h2:2",
		"user:pw@h":                         "user:xxxxx@h",
	} {
		if got := stores.Redact(url); got != want {
			t.Errorf("Redact(%q) = %q; want %q", url, got, want)
		}
	}
}

func TestNoMigrationsWithoutASchema(t *testing.T) {
	if _, err := stores.OpenMigrator(t.Context(), "memory:"); !errors.Is(err, stores.ErrNoSchema) {
		t.Errorf("OpenMigrator = %v; want ErrNoSchema", err)
	}
	if _, err := stores.OpenMigrator(t.Context(), "agent.db"); err == nil || errors.Is(err, stores.ErrNoSchema) {
		t.Errorf("OpenMigrator of no URL = %v; want what is wrong with it", err)
	}
}

// A command that only looks must not leave an empty file behind.
func TestOpenExisting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.db")
	if _, err := stores.OpenExisting(t.Context(), "sqlite:"+path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("OpenExisting = %v; want that %s is not there", err, path)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat(%s) = %v; want no file", path, err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := stores.OpenExisting(t.Context(), "sqlite:"+path); !errors.Is(err, stores.ErrNoStore) || !strings.Contains(err.Error(), path) {
		t.Errorf("OpenExisting = %v; want that %s is no store yet", err, path)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("Stat(%s) = %v, %v; want the file empty as it was", path, info, err)
	}
	store, err := stores.OpenExisting(t.Context(), "memory:")
	if err != nil {
		t.Fatal(err)
	}
	store.Close()
}
