package redis_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9/logging"

	"github.com/pawlhq/pawl/redis"
)

// ear hears what is logged first, by whomever.
type ear struct {
	slog.Handler
	heard chan slog.Record
}

func (ear) Enabled(context.Context, slog.Level) bool { return true }

func (e ear) Handle(_ context.Context, r slog.Record) error {
	select {
	case e.heard <- r:
	default: // it has heard enough
	}
	return nil
}

// What the client library tells is for those who debug, and in their log.
func TestWhatTheLibraryTellsIsLogged(t *testing.T) {
	e := ear{heard: make(chan slog.Record, 100)}
	redis.LogTo(slog.New(e))
	defer logging.Enable()
	if _, err := redis.Open(t.Context(), "redis://127.0.0.1:1"); err == nil {
		t.Fatal("Open = nil; want an error, for no server listens there")
	}
	for {
		select {
		case r := <-e.heard:
			if strings.Contains(r.Message, "127.0.0.1:1: ") {
				if r.Level != slog.LevelDebug {
					t.Errorf("%q is logged as %s; want it for debugging", r.Message, r.Level)
				}
				return
			}
		default:
			t.Fatal("no try to connect is logged")
		}
	}
}
