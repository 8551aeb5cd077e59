package cli_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pawlhq/pawl/llmsim"
)

// serve runs a simulated provider in the test's process.
func serve(t *testing.T, config llmsim.Config) string {
	s := httptest.NewServer(llmsim.New(config))
	t.Cleanup(s.Close)
	return s.URL
}

func TestDemoWithProvider(t *testing.T) {
	t.Parallel()
	at := serve(t, llmsim.Config{APIKey: "secret"})
	for provider, c := range map[string]struct{ key, url string }{
		"anthropic": {"ANTHROPIC_API_KEY=secret", at},
		"openai":    {"OPENAI_API_KEY=secret", at + "/v1"},
	} {
		r := pawl(t, []string{c.key}, "demo", "--provider", provider, "--base-url", c.url, "--requests", "0", "--tokens", "0", "documents/bees.txt")
		if r.code != 0 || !strings.Contains(r.out, "calls go to a server on this machine") || r.number(t, "answered, and paid", 0) != 2 {
			t.Errorf("%s: exit code %d, stderr %q; want 0 and two calls; stdout:\n%s", provider, r.code, r.err, r.out)
		}
	}
}

func TestDemoWithWrongPath(t *testing.T) {
	t.Parallel()
	at := serve(t, llmsim.Config{})
	r := pawl(t, nil, "demo", "--provider", "openai", "--base-url", at, "documents/bees.txt")
	if r.code != 1 || !strings.Contains(r.err, "1 of 1: 404") || !strings.Contains(r.err, `want "/v1"`) {
		t.Errorf("exit code %d, stderr %q; want 1, the cause and a hint", r.code, r.err)
	}
}

// A refused key holds the limit, so that nothing is lost; the demo must not wait
// for ever.
func TestDemoWithWrongKey(t *testing.T) {
	t.Parallel()
	at := serve(t, llmsim.Config{APIKey: "secret"})
	r := pawl(t, []string{"ANTHROPIC_API_KEY=wrong"}, "demo", "--provider", "anthropic", "--base-url", at, "documents/bees.txt")
	if r.code != 1 || !strings.Contains(r.err, "blocked the account") || !strings.Contains(r.err, "invalid x-api-key") {
		t.Errorf("exit code %d, stderr %q; want 1 and the reason", r.code, r.err)
	}
}
