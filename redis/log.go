package redis

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// LogTo has what the client library tells beside its errors, such as each try to reach a
// server that is down, logged for debugging. If nobody calls it the library prints that to
// standard error. It holds for all that a process does with the library, so a program calls
// it, before it opens a store, and no store does.
func LogTo(log *slog.Logger) { redis.SetLogger(asides{log}) }

// asides is where the library's log goes.
type asides struct{ *slog.Logger }

// Printf implements the library's logger.
func (a asides) Printf(ctx context.Context, format string, v ...any) {
	if a.Enabled(ctx, slog.LevelDebug) {
		a.DebugContext(ctx, fmt.Sprintf(format, v...))
	}
}
