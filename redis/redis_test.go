package redis_test

import (
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/services"
	"github.com/pawlhq/pawl/redis"
	"github.com/pawlhq/pawl/storetest"
)

func TestMain(m *testing.M) { services.Main(m) }

// open returns an empty store.
func open(t testing.TB, url string) *redis.Store {
	t.Helper()
	s, err := redis.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return s
}

// clusterURL returns the URL of an empty store in the cluster.
func clusterURL(t testing.TB) string {
	t.Helper()
	url, prefix := services.RedisCluster(t)
	return url + "?prefix=" + prefix
}

// servers are where the contract is to hold.
var servers = map[string]func(testing.TB) string{"one": services.Redis, "cluster": clusterURL}

func TestContract(t *testing.T) {
	for name, url := range servers {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) pawl.Store { return open(t, url(t)) })
		})
	}
}

func TestSharedContract(t *testing.T) {
	for name, url := range servers {
		t.Run(name, func(t *testing.T) {
			storetest.RunShared(t, func(t *testing.T) (a, b pawl.Store) {
				u := url(t)
				return open(t, u), open(t, u)
			})
		})
	}
}

func TestCompare(t *testing.T) {
	storetest.Compare(t, func(t *testing.T) pawl.Store { return open(t, services.Redis(t)) }, 30)
}

func TestJoins(t *testing.T) {
	for name, url := range servers {
		t.Run(name, func(t *testing.T) {
			storetest.RunJoins(t, func(t *testing.T) pawl.Store { return open(t, url(t)) }, 10)
		})
	}
}

func TestRace(t *testing.T) {
	for name, url := range servers {
		t.Run(name, func(t *testing.T) {
			storetest.RunRace(t, func(t *testing.T) pawl.Store { return open(t, url(t)) }, 2)
		})
	}
}
