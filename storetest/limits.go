package storetest

import (
	"math"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// limit returns the state of a limit.
func (t *trial) limit(name string) pawl.LimitStatus {
	t.Helper()
	status, err := t.store.Status(t.ctx, t.now)
	t.must("Status", err)
	for _, l := range status.Limits {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("Status has no limit %s", name)
	return pawl.LimitStatus{}
}

// level checks what is left of a limit's tokens.
func (t *trial) level(name string, want float64) {
	t.Helper()
	t.levelOf(name, "tokens", want)
}

func (t *trial) levelOf(name, bucket string, want float64) {
	t.Helper()
	l := t.limit(name)
	for _, level := range l.State.Levels(t.now, l.Config) {
		if level.Name != bucket {
			continue
		}
		if math.Abs(level.Level-want) > 0.01 {
			t.Errorf("%s of %s = %v; want %v", bucket, name, level.Level, want)
		}
		return
	}
	t.Errorf("%s has no %s", name, bucket)
}

// slow is a limit of tokens that refills a millionth a second.
func slow(holds float64) *limit.Config {
	return &limit.Config{Tokens: holds, Per: 1e6 * time.Second, Burst: 1e6 * time.Second}
}

// set is a limit's configuration as a setting.
func set(name string, c limit.Config) pawl.Setting { return pawl.Setting{Limit: name, Config: &c} }

// wantGrant checks the answer to a reservation; the gate counts by its name.
func (t *trial) wantGrant(g pawl.Grant, ok bool, wait time.Duration, gate string) {
	t.Helper()
	t.must("Reserve", g.Err)
	if g.OK != ok || (g.Wait-wait).Abs() > time.Millisecond || g.Gate.Name != gate {
		t.Errorf("Grant = %+v; want OK %v, Wait %v and Gate %q", g, ok, wait, gate)
	}
}
