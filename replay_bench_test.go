package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
)

// BenchmarkReplay has a retry find stored answers, b.N of them in a conversation of
// its own: the time of each must not grow with their number.
func BenchmarkReplay(b *testing.B) {
	m := talkative()
	c := newClient(inmem.New(), pawl.Config{})
	o := asks
	o.Backoff = pawl.Backoff{Base: time.Millisecond, Max: time.Millisecond}
	o.Timeout = time.Hour
	o.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		if t.Attempt > 1 {
			b.ResetTimer()
		}
		for i := range b.N {
			if _, err := t.Ask(ctx, m, fmt.Sprint(prose(i), "?")); err != nil {
				return "", err
			}
		}
		if t.Attempt == 1 {
			return "", errors.New("once more")
		}
		b.StopTimer()
		return "", nil
	})
	defer work(b, c)()
	run, err := o.Add(b.Context(), c, "x")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := run.Wait(b.Context()); err != nil || m.calls() != b.N {
		b.Errorf("Wait = %v after %d calls; want %d", err, m.calls(), b.N)
	}
}
