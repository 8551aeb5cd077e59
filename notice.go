package pawl

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// noticeEvery is how often the same trouble of a limit is told.
const noticeEvery = time.Minute

// notices tells of calls that fail for a reason that is not their task's: once,
// and again while it lasts, but not for each of a thousand tasks.
type notices struct {
	mu   sync.Mutex
	told map[notice]time.Time
}

type notice struct {
	limit   string
	outcome CallOutcome
}

var noticeWords = map[CallOutcome]struct {
	level   slog.Level
	message string
}{
	CallBlocked:   {slog.LevelError, "the account is blocked: its limit, or the outermost that this is within, is held until it is resumed, or until the time that the provider named"},
	CallThrottled: {slog.LevelWarn, "the provider throttles: its limit is paused"},
	CallUnreached: {slog.LevelWarn, "calls cannot be sent"},
}

// failed tells of a call that failed, if it is time to.
func (n *notices) failed(c *Client, row *TaskRow, outcome CallOutcome, call *llm.Error) {
	words, ok := noticeWords[outcome]
	if !ok || !n.due(notice{row.Limit, outcome}) {
		return
	}
	c.log.Log(context.Background(), words.level, words.message, "limit", row.Limit, "operation", row.Operation, "task", row.ID, "error", call)
}

func (n *notices) due(key notice) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if last, ok := n.told[key]; ok && now.Sub(last) < noticeEvery {
		return false
	}
	if n.told == nil {
		n.told = map[notice]time.Time{}
	}
	n.told[key] = now
	return true
}
