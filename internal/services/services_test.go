package services_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/pawlhq/pawl/internal/services"
)

func TestMain(m *testing.M) {
	if os.Getenv(ownerVariable) != "" {
		own()
		return
	}
	services.Main(m)
}

// patience is far more than anything here takes.
const patience = time.Minute

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually asks again until nothing is wrong.
func eventually(t *testing.T, wrong func() string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); ; <-tick.C {
		what := wrong()
		if what == "" {
			return
		}
		if time.Since(begun) > patience {
			t.Fatalf("after %v: %s", patience, what)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// query returns the one value that a statement yields.
func query[T any](t *testing.T, url, sql string, args ...any) T {
	t.Helper()
	ctx := within(t)
	conn, err := pgx.Connect(ctx, url)
	must(t, err)
	defer conn.Close(ctx)
	var v T
	must(t, conn.QueryRow(ctx, sql, args...).Scan(&v))
	return v
}

func execute(t *testing.T, url, sql string, args ...any) {
	t.Helper()
	ctx := within(t)
	conn, err := pgx.Connect(ctx, url)
	must(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql, args...)
	must(t, err)
}

var quiet = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}

func redisOptions(t *testing.T, url string) *redis.Options {
	t.Helper()
	o, err := redis.ParseURL(url)
	must(t, err)
	o.MaintNotificationsConfig = quiet
	return o
}

func redisClient(t *testing.T, url string) *redis.Client {
	t.Helper()
	c := redis.NewClient(redisOptions(t, url))
	t.Cleanup(func() { c.Close() })
	return c
}
