package postgres_test

import (
	"log/slog"
	"net/url"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/services"
	"github.com/pawlhq/pawl/postgres"
	"github.com/pawlhq/pawl/storetest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the tests' server does not sync, and each store would say so
	services.Main(m)
}

// place returns the URL of a schema that is the test's own.
func place(t testing.TB, with ...string) string {
	t.Helper()
	return inSchemaOf(t, services.Schema(t), with...)
}

// inSchemaOf names the schema in the way of Open, and sets parameters.
func inSchemaOf(t testing.TB, raw string, with ...string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if path := q.Get("search_path"); path != "" {
		q.Del("search_path")
		q.Set("schema", path)
	}
	for i := 0; i < len(with); i += 2 {
		q.Set(with[i], with[i+1])
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func open(t testing.TB, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) pawl.Store { return open(t, place(t)) })
}

func TestSharedContract(t *testing.T) {
	storetest.RunShared(t, func(t *testing.T) (a, b pawl.Store) {
		url := place(t)
		return open(t, url), open(t, url)
	})
}

func TestSameAsInmem(t *testing.T) {
	storetest.Compare(t, func(t *testing.T) pawl.Store { return open(t, place(t)) }, 10)
}

func TestEachWaitEndsOnce(t *testing.T) {
	storetest.RunJoins(t, func(t *testing.T) pawl.Store { return open(t, place(t)) }, 10)
}

func TestNobodySpendsMoreThanThereIs(t *testing.T) {
	storetest.RunRace(t, func(t *testing.T) pawl.Store { return open(t, place(t)) }, 2)
}
