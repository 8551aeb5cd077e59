package pawl_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llmsim"
)

// An operator reads of a blocked account once, with the limit to resume and the
// provider's words, and not once for each of the calls that found out.
func TestABlockedAccountIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := newClient(newStore(t), pawl.Config{Workers: 32, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		sim := llmsim.New(llmsim.Config{Faults: llmsim.Faults{llmsim.CreditExhausted: 1}})
		asks.Handle(c, asking(simModel(sim, 100)))
		stop := start(t, c)
		for i := range 200 {
			add(t, c, asks, fmt.Sprint("Question ", i))
		}
		time.Sleep(24 * time.Hour)
		stop()
		if n := strings.Count(log.String(), "the account is blocked"); n != 1 || sim.Stats().Requests < 2 {
			t.Errorf("%d calls were refused, which is told %d times; want several, and once:\n%s", sim.Stats().Requests, n, &log)
		}
		for _, say := range []string{"level=ERROR", "limit=default", "credit balance"} {
			if !strings.Contains(log.String(), say) {
				t.Errorf("the log is\n%s\nwant it to say %q", &log, say)
			}
		}
	})
}
