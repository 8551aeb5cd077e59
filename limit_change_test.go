package pawl_test

import (
	"errors"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

func TestChangeLimit(t *testing.T) {
	c := newClient(newStore(t), pawl.Config{})
	was, is, err := c.ChangeLimit(t.Context(), "new", func(l *limit.Config) error {
		l.Requests, l.InFlight = 50, 8
		return nil
	})
	if want := (limit.Config{Requests: 50, InFlight: 8}); err != nil || was != (limit.Config{}) || is != want {
		t.Errorf("ChangeLimit of a new limit = %+v, %+v, %v; want nothing, %+v", was, is, err, want)
	}
	was, is, err = c.ChangeLimit(t.Context(), "new", func(l *limit.Config) error {
		l.Requests = 0
		return nil
	})
	if err != nil || was.Requests != 50 || is != (limit.Config{InFlight: 8}) {
		t.Errorf("ChangeLimit = %+v, %+v, %v; want 50 requests before, and 8 calls in flight left", was, is, err)
	}
	wrong := errors.New("I do not like it")
	if _, _, err := c.ChangeLimit(t.Context(), "new", func(*limit.Config) error { return wrong }); err != wrong {
		t.Errorf("ChangeLimit = %v; want the error of the change", err)
	}
	if _, _, err := c.ChangeLimit(t.Context(), "new", func(l *limit.Config) error { l.Tokens = -1; return nil }); err == nil {
		t.Error("ChangeLimit to tokens of -1 = nil; want an error")
	}
	if got := limitOf(t, c, "new"); got != (limit.Config{InFlight: 8}) {
		t.Errorf("the limit is %+v; want 8 calls in flight and nothing else", got)
	}
}

// Somebody else changes the limit between the moment that it is read and the moment
// that it is written.
func TestChangeLimitLosesNoChange(t *testing.T) {
	store := newStore(t)
	c, other := newClient(store, pawl.Config{}), newClient(store, pawl.Config{})
	calls := 0
	was, _, err := c.ChangeLimit(t.Context(), "shared", func(l *limit.Config) error {
		if calls++; calls <= 3 {
			_, _, err := other.ChangeLimit(t.Context(), "shared", func(l *limit.Config) error { l.Tokens++; return nil })
			must(t, err)
		}
		l.Requests = 50
		return nil
	})
	must(t, err)
	if got, want := limitOf(t, c, "shared"), (limit.Config{Requests: 50, Tokens: 3}); got != want || was != (limit.Config{Tokens: 3}) || calls != 4 {
		t.Errorf("the limit is %+v and was %+v, after %d calls; want %+v, 3 tokens, 4", got, was, calls, want)
	}
}

func limitOf(t *testing.T, c *pawl.Client, name string) limit.Config {
	t.Helper()
	status, err := c.Status(t.Context())
	must(t, err)
	for _, l := range status.Limits {
		if l.Name == name {
			return l.Config
		}
	}
	t.Fatalf("there is no limit %q", name)
	return limit.Config{}
}
