package cli_test

import (
	"strings"
	"testing"
)

// A server that is down is told in one line, by whatever tries to reach it.
func TestAServerThatIsDownIsToldOnce(t *testing.T) {
	for _, url := range []string{"redis://127.0.0.1:1", "redis://127.0.0.1:1,127.0.0.1:2", "postgres://u@127.0.0.1:1/x"} {
		r := pawl(t, nil, "tasks", "--store", url)
		if r.code == 0 || !strings.HasPrefix(r.err, "pawl: ") || strings.Count(r.err, "\n") != 1 {
			t.Errorf("pawl tasks --store %s: exit code %d, stderr:\n%s\nwant it to fail, and one line with the name in front", url, r.code, r.err)
		}
	}
}
