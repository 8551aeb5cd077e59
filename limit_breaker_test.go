package pawl_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llmsim"
)

// cable is a way to a provider that can be cut: then nothing can be dialled.
type cable struct {
	to http.RoundTripper

	mu    sync.Mutex
	cut   bool
	dials int // that failed
}

func (c *cable) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	cut := c.cut
	if cut {
		c.dials++
	}
	c.mu.Unlock()
	if !cut {
		return c.to.RoundTrip(r)
	}
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
}

// set cuts the cable, or mends it, and returns how many dials have failed.
func (c *cable) set(cut bool) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
	return c.dials
}

// cabled returns a client whose calls go over a cable that is cut.
func cabled(t *testing.T, config pawl.Config) (*pawl.Client, *cable, *llmsim.Server) {
	sim := llmsim.New(llmsim.Config{Latency: llmsim.Latency{FirstToken: time.Second}})
	line := &cable{to: sim.Transport(), cut: true}
	c := newClient(newStore(t), config)
	asks.Handle(c, asking(anthropic.New(anthropic.Config{
		Model: "sim-1", BaseURL: "http://sim", HTTPClient: &http.Client{Transport: line}, MaxTokens: 100,
	})))
	return c, line, sim
}

// A host that cannot be reached is tried by a few calls, and then by one at a time
// with growing pauses, however many tasks wait. They keep their attempts, and go on
// soon after the host is back.
func TestAHostThatCannotBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, line, _ := cabled(t, pawl.Config{})
		start(t, c)
		var runs []*pawl.Run[string]
		for i := range 200 {
			runs = append(runs, add(t, c, asks, fmt.Sprint("Question ", i)))
		}
		time.Sleep(4 * time.Minute)
		l := limitNamed(t, c, "default")
		if l.State.Unreached < 3 || l.State.PausedUntil.IsZero() {
			t.Errorf("the limit is %+v; want it paused as unreachable", l.State)
		}
		failed := line.set(false)
		if failed > 64+12 { // no more than all workers had begun when the first had failed
			t.Errorf("%d dials in 4 minutes for 200 tasks; want a few and then one a minute", failed)
		}
		began := time.Now()
		results(t, runs)
		if took := time.Since(began); took > 75*time.Second {
			t.Errorf("200 tasks took %v after the host was back; want little more than the longest pause, 1m", took)
		}
		for _, run := range runs {
			if r := row(t, c, run.ID); r.Used != 1 {
				t.Errorf("used %d attempts; want 1", r.Used)
			}
		}
		t.Logf("%d dials failed; it took %v after the host was back", failed, time.Since(began))
	})
}

// A host that is never reached again does not keep a task for ever.
func TestAHostThatIsNeverReachedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, line, _ := cabled(t, pawl.Config{})
		start(t, c)
		d := dead(t, add(t, c, asks, "x"))
		if failed := line.set(true); failed != 104 || d.Used != 4 {
			t.Errorf("%d dials, %d attempts used; want 100 free ones and 4 used", failed, d.Used)
		}
	})
}

// A short interruption pauses nothing.
func TestTwoDialsThatFailPauseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, line, _ := cabled(t, pawl.Config{Workers: 1})
		start(t, c)
		began := time.Now()
		run := add(t, c, asks, "x")
		for {
			synctest.Wait()
			if len(row(t, c, run.ID).Attempts) >= 2 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		line.set(false)
		result(t, add(t, c, asks, "y"))
		result(t, run)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %v; want no more than two backoffs", took)
		}
		if l := limitNamed(t, c, "default"); l.State.Unreached != 0 || !l.State.PausedUntil.IsZero() {
			t.Errorf("the limit is %+v; want it open", l.State)
		}
	})
}
