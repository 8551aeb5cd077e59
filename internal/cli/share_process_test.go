package cli_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	queue "github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/services"
	"github.com/pawlhq/pawl/stores"
)

// start starts a command and returns it with its first line of output and the rest.
func start(t *testing.T, args ...string) (cmd *exec.Cmd, first string, rest *bufio.Reader) {
	t.Helper()
	cmd = command(t, nil, args...)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	rest = bufio.NewReader(pipe)
	if first, err = rest.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd, strings.TrimSpace(first), rest
}

// interrupt ends a command that start started, and returns the rest of its output.
func interrupt(t *testing.T, cmd *exec.Cmd, rest *bufio.Reader) result {
	t.Helper()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(rest)
	if err != nil {
		t.Fatal(err)
	}
	var all, nothing strings.Builder
	all.Write(out)
	return end(t, cmd.Wait(), &all, &nothing)
}

// Processes on one store share the account: together they stay within its limits,
// so that the provider refuses nothing, and no answer is paid twice.
func TestWorkersShareTheAccount(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"PostgreSQL": services.Postgres(t), "Redis": services.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			account := []string{"--requests", "120", "--tokens", "60000"}
			sim, at, ledger := start(t, append([]string{"simulate", "--first-token", "50ms", "--tokens-per-second", "2000", "--context", "2000"}, account...)...)
			flags := append([]string{"worker", "--workers", "2", "--store", url, "--provider", "anthropic", "--base-url", at}, account...)
			one, _, oneOut := start(t, flags...)
			two, _, twoOut := start(t, flags...)
			store, err := stores.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			awaitWorkers(t, queue.New(store, queue.Config{}), 2) // so that there is work left for both
			r := pawl(t, nil, "demo", "--workers", "0", "--store", url)
			first, second := interrupt(t, one, oneOut), interrupt(t, two, twoOut)
			books := interrupt(t, sim, ledger)

			if n := r.number(t, "answered, and paid", 0); r.code != 0 || n != 24 { // this provider refuses no document
				t.Errorf("exit code %d, %d calls were answered, stderr %q; want 0 and 24:\n%s", r.code, n, r.err, r.out)
			}
			if got, want := books.number(t, "answered  ", 0), r.number(t, "answered, and paid", 0); got < want {
				t.Errorf("the provider answered %d calls; want at least the demo's %d", got, want)
			}
			for _, none := range []string{"429s it was not told to", "invalid requests", "delivered and paid twice"} {
				if n := books.number(t, none, 0); n != 0 {
					t.Errorf("%s: %d; want 0", none, n)
				}
			}
			for _, w := range []result{first, second} {
				if w.code != 0 || !strings.Contains(w.out, " done operation=") {
					t.Errorf("a worker's exit code is %d; want 0, and some of the work:\n%s", w.code, w.out)
				}
			}
		})
	}
}
