package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
)

// A budget that stops the demo is shown while it works and in the end, with what has the
// tasks go on; to wait for it is no retry.
func TestBudgetStopsTheDemo(t *testing.T) {
	t.Parallel()
	for _, width := range []int{0, plainWidth, mostWidth} { // 0 is no terminal
		store, err := stores.Open(t.Context(), "memory:")
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		client := pawl.New(store, pawl.Config{})
		for _, b := range []pawl.Budget{{Scope: pawl.OfQueue, Name: queueName, Calls: 3, Warn: 0.3}, {Scope: pawl.OfUser, Per: pawl.PerDay, Calls: 1000}} {
			if err := client.SetBudget(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		var out, errs bytes.Buffer
		term := &terminal{out: &out, err: &errs, env: func(string) string { return "" }, live: width > 0}
		term.size = func() (int, int) { return width, 40 }
		open := func(context.Context, string, bool) (pawl.Store, error) { return kept{store}, nil }
		code := run(t.Context(), term, open, []string{"demo", "--store", "memory:", "--speed", "60", "--faults", "0", "show.go", "board.go", "job.go"})
		if want := "pawl: budgets block all that is left; documents without a summary: "; code != exitFailed || !strings.HasPrefix(errs.String(), want) {
			t.Errorf("exit code %d, stderr %q; want 1 and %q", code, &errs, want)
		}
		says := []string{
			"none: blocked by a budget, see below", "BLOCKED BY BUDGETS", " × queue/demo ", "3 of 3 calls are spent, and the call needs 1\n", "· summarize “",
			"To have them go on:\n   pawl budgets raise queue/demo --calls N --store memory:\n   pawl worker --store memory:\n",
		}
		if width > 0 {
			says = append(says, " blocked by queue/demo: 3 of 3 calls are spent\n", "   0 retries   ", "blocked\n")
		} else {
			says = append(says, ": queue/demo: 33 % of it are used or reserved\n", ": queue/demo: 3 of 3 calls are spent, and the call needs 1\n", "retried 0, ", ", blocked ")
		}
		got := escape.ReplaceAllString(out.String(), "")
		for _, say := range says {
			if !strings.Contains(got, say) {
				t.Errorf("with %d columns the demo prints\n%s\nwant it to say %q", width, got, say)
			}
		}
		for line := range strings.Lines(got) {
			if n := columns(strings.TrimRight(line, "\r\n")); width > 0 && n > width {
				t.Errorf("a line has %d columns; want %d at most: %q", n, width, line)
			}
		}
	}
}

// The command that goes on with the demo's tasks names the same provider.
func TestWorkerOfTheSameProvider(t *testing.T) {
	for want, flags := range map[string]providerFlags{
		"": {Provider: simulated}, " --provider openai --model house --base-url http://127.0.0.1:80/v1": {Provider: nameOpenAI, Model: "house", BaseURL: "http://127.0.0.1:80/v1"},
	} {
		if got := flags.who(); got != want {
			t.Errorf("who = %q; want %q", got, want)
		}
	}
}
