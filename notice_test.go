package pawl_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// An operator reads of a blocked account once, with the limit to resume and the
// provider's words, and not once for each of the calls that found out.
func TestABlockedAccountIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := newClient(newStore(t), pawl.Config{
			Workers: 32, Logger: slog.New(slog.NewTextHandler(&log, nil)), Limits: map[string]limit.Config{"default": {InFlight: 8}},
		})
		m := &model{answer: func(context.Context, int) (*llm.Response, error) {
			time.Sleep(time.Second) // all calls are under way by then
			return nil, &llm.Error{Class: llm.Blocked, Status: 400, Message: "the credit balance is too low"}
		}}
		asks.Handle(c, asking(m))
		for i := range 200 {
			add(t, c, asks, fmt.Sprint("Question ", i))
		}
		stop := start(t, c)
		time.Sleep(24 * time.Hour)
		stop()
		if n := strings.Count(log.String(), "the account is blocked"); n != 1 || m.calls() != 8 {
			t.Errorf("%d calls were refused, which is told %d times; want 8, and once:\n%s", m.calls(), n, &log)
		}
		for _, say := range []string{"level=ERROR", "limit=default", "the credit balance is too low"} {
			if !strings.Contains(log.String(), say) {
				t.Errorf("the log is\n%s\nwant it to say %q", &log, say)
			}
		}
	})
}
