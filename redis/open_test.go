package redis_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/services"
	"github.com/pawlhq/pawl/redis"
)

// client returns a plain client of what a URL names.
func client(t testing.TB, url string) *goredis.Client {
	t.Helper()
	url, _, _ = strings.Cut(url, "?")
	o, err := goredis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := goredis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// start returns a server that the test may harm.
func start(t testing.TB, settings map[string]string) *services.Server {
	t.Helper()
	s, err := services.StartRedis(t.Context(), services.Options{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the server: %v", err)
		}
	})
	return s
}

// An error of Open says what to do.
func TestOpenSaysWhatIsWrong(t *testing.T) {
	server := services.Redis(t)
	addr := server[strings.LastIndex(server, "@")+1:]
	newer := services.Redis(t)
	if err := client(t, newer).Set(t.Context(), "{pawl}:format", 3, 0).Err(); err != nil {
		t.Fatal(err)
	}
	older := services.Redis(t)
	if err := client(t, older).Set(t.Context(), "{pawl}:format", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	foreign := services.Redis(t)
	if err := client(t, foreign).Set(t.Context(), "{pawl}:format", "jpeg", 0).Err(); err != nil {
		t.Fatal(err)
	}
	node, _, _ := strings.Cut(clusterURL(t), ",")
	for _, c := range []struct{ name, url, want string }{
		{"unreachable", "redis://127.0.0.1:1/0", "no server listens there"},
		{"no password", "redis://" + addr, "the server wants a password"},
		{"wrong password", "redis://:wrong@" + addr, "password in the URL is wrong"},
		{"no such database", "redis://" + server[len("redis://"):strings.LastIndex(server, "/")] + "/100000", "no database of this number"},
		{"newer data", newer, "use a newer version of the program"},
		{"older data", older, "was never released"},
		{"foreign key", foreign, "choose another prefix"},
		{"one node of a cluster", node, "name two of its nodes"},
		{"no cluster", "redis+cluster://" + strings.TrimPrefix(server[:strings.LastIndex(server, "/")], "redis://"), "cluster support disabled"},
		{"no scheme", "localhost:6379", "want redis://"},
		{"other scheme", "http://localhost", "want redis://"},
		{"no address", "redis://", "an address is empty"},
		{"database of a cluster", "redis://a:1,b:2/3", "a Cluster has only 0"},
		{"no number", "redis://a:1/x", "want a number"},
		{"unknown parameter", "redis://a:1?wait=1", "known are prefix, events, pool and ca"},
		{"prefix with braces", "redis://a:1?prefix={x}", "without braces"},
		{"events", "redis://a:1?events=never", "want listen, poll, or own"},
		{"pool", "redis://a:1?pool=0", "1 or more"},
		{"ca without TLS", "redis://a:1?ca=x.pem", "is not rediss://"},
		{"ca", "rediss://a:1?ca=/nowhere.pem", "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := redis.Open(t.Context(), c.url)
			if err == nil {
				_ = s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open = %v; want an error with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "wrong@") {
				t.Errorf("the error repeats the password: %v", err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	url, ca := services.RedisTLS(t)
	s := open(t, url+"?ca="+ca)
	if _, err := s.Status(t.Context(), time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// Two prefixes in one database are two stores.
func TestPrefix(t *testing.T) {
	url := services.Redis(t)
	a, b := open(t, url+"?prefix=a"), open(t, url+"?prefix=b")
	add(t, a, 1)
	for s, want := range map[*redis.Store]int{a: 1, b: 0} {
		if rows, err := s.List(t.Context(), time.Time{}, pawl.Filter{}); err != nil || len(rows) != want {
			t.Errorf("List = %d tasks, %v; want %d", len(rows), err, want)
		}
	}
}

// Whoever has closed a store has none of its goroutines left.
func TestCloseLeavesNothing(t *testing.T) {
	url := services.Redis(t)
	before := goleak.IgnoreCurrent()
	s, err := redis.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Watch(t.Context(), pawl.EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, 3)
	if _, err := w.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, before)
}

// With events=poll no goroutine waits for the network while nothing happens, so that
// virtual time passes.
func TestPollInVirtualTime(t *testing.T) {
	url := services.Redis(t) + "?events=poll"
	synctest.Test(t, func(t *testing.T) {
		s, err := redis.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		other, err := redis.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		w, err := s.Watch(t.Context(), pawl.EventFilter{Types: []pawl.EventType{pawl.EventAdded}})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		add(t, other, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if events, err := w.Next(ctx); err != nil || len(events) != 1 {
			t.Errorf("Next = %v, %v; want one event", events, err)
		}
	})
}

// add adds n tasks that are alike in nothing.
func add(t testing.TB, s pawl.Store, n int) []pawl.ID {
	t.Helper()
	tasks, ids := make([]pawl.NewTask, n), make([]pawl.ID, n)
	for i := range tasks {
		ids[i] = pawl.NewID()
		tasks[i].Row = pawl.TaskRow{
			ID: ids[i], Run: ids[i], Operation: "work", Queue: "default", Limit: pawl.NoLimit,
			Input: []byte(`{"n":1}`), MaxAttempts: 4,
		}
	}
	added, err := s.Add(t.Context(), time.Time{}, tasks)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range added {
		if a.As != pawl.AsNew {
			t.Fatalf("Add = %+v; want new", a)
		}
	}
	return ids
}
