package saturation_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl/internal/saturation"
)

const words = `The lamp was lit at dusk and trimmed at midnight, and whoever kept the watch wrote down what had passed: the wind, the oil
that was left, the ships. Most nights nothing did. On the eleventh of March, 1911, two lines were enough; on the twelfth the page is full.`

// play plays a scenario in virtual time, at the pace of the account. For speed only
// every third call of the synthetic mix is there, and none is very long.
func play(t *testing.T, name string, length time.Duration) *saturation.Result {
	t.Helper()
	config := saturation.Config{Prose: words, Length: length, Scale: 1, Store: "memory:", Seed: 1}
	for i, r := range saturation.Synthetic(1, length+5*time.Minute) {
		if i%3 == 0 {
			r.Input = min(r.Input, 4000)
			config.Trace = append(config.Trace, r)
		}
	}
	if err := config.Prepare(); err != nil {
		t.Fatal(err)
	}
	picked, err := saturation.Named([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	var r *saturation.Result
	synctest.Test(t, func(t *testing.T) {
		if r, err = picked[0].Play(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	})
	for _, row := range r.Rows {
		t.Log(row.Name, row.Note)
		for _, f := range row.Figures {
			t.Logf("\t%-30s %.2f %s", f.Name, f.Value, f.Unit)
		}
	}
	return r
}

// met fails the test for each figure that is not as wanted.
func met(t *testing.T, r *saturation.Result) {
	t.Helper()
	for _, row := range r.Rows {
		for _, f := range row.Figures {
			if !f.Met() {
				t.Errorf("%s: %s = %.2f %s; want %s", row.Name, f.Name, f.Value, f.Unit, f.Wanted())
			}
		}
	}
}

// value returns a figure of a row.
func value(t *testing.T, r *saturation.Result, row, figure string) float64 {
	t.Helper()
	for _, w := range r.Rows {
		for _, f := range w.Figures {
			if w.Name == row && f.Name == figure {
				return f.Value
			}
		}
	}
	t.Fatalf("no %q of %q in %+v", figure, row, r.Rows)
	return 0
}

func TestShare(t *testing.T) {
	r := play(t, "share", 3*time.Minute)
	met(t, r)
	if v := value(t, r, "priority queue", "used"); v < 1 || v > 40 {
		t.Errorf("one call at a time uses %.1f %% of the account; want a small part of it", v)
	}
	if v := value(t, r, "SDK retries", "refused"); v < 100 {
		t.Errorf("a client without a limiter is refused %v times; want many: is the account saturated?", v)
	}
}

func TestUnknown(t *testing.T)  { met(t, play(t, "unknown", 3*time.Minute)) }
func TestHalved(t *testing.T)   { met(t, play(t, "halved", 3*time.Minute)) }
func TestBurst(t *testing.T)    { met(t, play(t, "burst", 3*time.Minute)) }
func TestPriority(t *testing.T) { met(t, play(t, "priority", 3*time.Minute)) }
func TestUsers(t *testing.T)    { met(t, play(t, "users", 3*time.Minute)) }
func TestEstimate(t *testing.T) { met(t, play(t, "estimate", 3*time.Minute)) }

// Small calls go on while a large one is saved for, which costs the large one
// less than as much again as in a queue of first in, first out.
func TestLarge(t *testing.T) {
	r := play(t, "large", 30*time.Minute)
	for row, fifo := range map[string]string{"Pawl": "FIFO, holding 10 s", "Pawl, holding a minute": "FIFO, holding a minute"} {
		ours, theirs := value(t, r, row, "large, longest"), value(t, r, fifo, "large, longest")
		if ours > 1.6*theirs {
			t.Errorf("%s: a large call waits %.0f s; want 1.6 times the %.0f s of first in, first out at most", row, ours, theirs)
		}
		if v := value(t, r, row, "small, p50"); v > 4 {
			t.Errorf("%s: half of the small calls wait longer than %.1f s; want 4 at most, where first in, first out takes 51", row, v)
		}
	}
}

func TestPrepare(t *testing.T) {
	for _, tt := range []struct {
		end  time.Duration
		want string
	}{
		{time.Minute, "the trace lasts 1m0s; want 7m0s or more"},
		{time.Hour, "the trace has 1 requests in its first 7m0s; want 10 a minute or more"},
	} {
		config := saturation.Config{Trace: []saturation.Request{{}, {At: tt.end}}, Length: 5 * time.Minute}
		if err := config.Prepare(); err == nil || err.Error() != tt.want {
			t.Errorf("Prepare of a trace of 2 requests in %v = %v; want %s", tt.end, err, tt.want)
		}
	}
}
