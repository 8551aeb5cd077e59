package engines

import (
	"context"
	"log/slog"
	"os"
)

// errorLog is where engines say what went wrong, and nothing else.
var errorLog = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))

// errorsOnly is errorLog for engines that have an interface of their own.
type errorsOnly struct{}

func (errorsOnly) Info(string, ...any) {}
func (errorsOnly) Error(message string, args ...any) {
	errorLog.Log(context.Background(), slog.LevelError, message, args...)
}
