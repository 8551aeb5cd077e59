package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl/internal/cli"
	"github.com/pawlhq/pawl/internal/services"
)

var update = flag.Bool("update", false, "write the golden files anew")

// bound is how long any command may take in a test.
const bound = 2 * time.Minute

// asCommand, set in its environment, makes this test's binary the command.
const asCommand = "PAWL_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(cli.Main(os.Args[1:]))
	}
	flag.Parse()
	services.Main(m)
}

// result is how a command ended.
type result struct {
	out, err string
	code     int
}

// command returns a command that is ended after the bound, with no key set but those of env.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if !strings.HasSuffix(name, "_API_KEY") && name != "COLUMNS" {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, asCommand+"=1", "PAWL_STORE=sqlite:"+filepath.Join(t.TempDir(), "demo.db"))
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

func pawl(t *testing.T, env []string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := command(t, env, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	return end(t, cmd.Run(), &out, &errs)
}

func end(t *testing.T, err error, out, errs fmt.Stringer) result {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	r := result{out: out.String(), err: errs.String()}
	if exit != nil {
		r.code = exit.ExitCode()
	}
	if strings.Contains(r.out, "\x1b") {
		t.Errorf("what is no terminal gets escape sequences:\n%q", r.out)
	}
	return r
}

// number returns the nth number, from 0, in the line that begins with the label.
func (r result) number(t *testing.T, label string, nth int) int {
	t.Helper()
	line := regexp.MustCompile(`(?m)^ *` + regexp.QuoteMeta(label) + `(.*\d.*)$`).FindStringSubmatch(r.out)
	if line == nil {
		t.Fatalf("no line begins with %q in:\n%s", label, r.out)
	}
	numbers := regexp.MustCompile(`\d[\d,]*`).FindAllString(line[1], -1)
	if len(numbers) <= nth {
		t.Fatalf("the line %q has %d numbers; want more than %d", line[0], len(numbers), nth)
	}
	n, err := strconv.Atoi(strings.ReplaceAll(numbers[nth], ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkBooks holds the demo's own account against the simulated provider's.
func (r result) checkBooks(t *testing.T) {
	t.Helper()
	const (
		sent, answered = "sent  ", "answered, and paid"
		billed, lost   = "tokens billed", "billed, not delivered"
		noAnswer       = "no answer came: possibly billed and paid twice"
	)
	all := 0
	for _, what := range []string{answered, noAnswer, "throttled, which uses no attempt", "refused for good", "blocked with the account", "failed otherwise"} {
		all += r.number(t, what, 0)
	}
	if n := r.number(t, sent, 0); n != all {
		t.Errorf("%d calls were sent, and the rows add up to %d", n, all)
	}
	if ours, theirs := r.number(t, sent, 0), r.number(t, "calls  ", 0); ours != theirs {
		t.Errorf("%d calls were sent, and the provider counts %d", ours, theirs)
	}
	if ours, theirs := r.number(t, answered, 0), r.number(t, "answered  ", 0); ours != theirs {
		t.Errorf("%d calls were answered, and the provider counts %d", ours, theirs)
	}
	paid, undelivered := r.number(t, answered, 1), r.number(t, lost, 1)
	if all := r.number(t, billed, 0); paid+undelivered != all || paid == 0 {
		t.Errorf("%d tokens paid and %d lost; the provider billed %d", paid, undelivered, all)
	}
	if unknown, lost := r.number(t, noAnswer, 0), r.number(t, lost, 0); unknown < lost {
		t.Errorf("%d calls are possibly billed; %d answers were billed and not delivered", unknown, lost)
	}
	for _, none := range []string{"429s it was not told to", "invalid requests", "delivered and paid twice"} {
		if n := r.number(t, none, 0); n != 0 {
			t.Errorf("%s: %d; want 0", none, n)
		}
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	r := pawl(t, nil, "demo", "--speed", "6")
	if r.code != 0 || r.err != "" {
		t.Fatalf("exit code %d, stderr %q; want 0 and nothing; stdout:\n%s", r.code, r.err, r.out)
	}
	r.checkBooks(t)
	for label, want := range map[string]int{
		"not paid again: a retry had the answer stored": 2, // the shelf fails for two documents
		"not paid again: joined by 3 copies":            6,
		"2 × permanent":                                 0,
		"1 × permanent":                                 0,
	} {
		if want == 0 && strings.Contains(r.out, label) {
			continue
		}
		if got := r.number(t, label, 0); got < want {
			t.Errorf("%s: %d; want at least %d", label, got, want)
		}
	}
	_, mended, ok := strings.Cut(r.out, "DEAD LETTERS RUN AGAIN")
	if _, summary, found := strings.Cut(mended, "\n The Whole Folder in One  "); !ok || !found || strings.Contains(summary, "none:") {
		t.Errorf("the dead letter was not mended:\n%s", mended)
	}
	if strings.Count(r.out, "none: a dead letter") != 3 {
		t.Errorf("want 3 documents without a summary, the dead letters:\n%s", r.out)
	}
}

func TestDemoWithoutFaults(t *testing.T) {
	t.Parallel()
	r := pawl(t, nil, "demo", "--speed", "10", "--faults", "0")
	if r.code != 0 {
		t.Fatalf("exit code %d, stderr %q; want 0", r.code, r.err)
	}
	r.checkBooks(t)
	if sent := r.number(t, "sent  ", 0); sent != 23 { // 13 documents, of which 10 are summarised
		t.Errorf("%d calls were sent; want 23", sent)
	}
}

func TestDemoWithFiles(t *testing.T) {
	t.Parallel()
	large, small := filepath.Join(t.TempDir(), "large.txt"), filepath.Join("documents", "bees.txt")
	if err := os.WriteFile(large, prose(560_000), 0o600); err != nil {
		t.Fatal(err)
	}
	r := pawl(t, nil, "demo", "--speed", "40", large, small)
	if r.code != 0 {
		t.Fatalf("exit code %d, stderr %q; want 0; stdout:\n%s", r.code, r.err, r.out)
	}
	r.checkBooks(t)
	if answered := r.number(t, "answered, and paid", 0); answered < 560_000/20_000+2 {
		t.Errorf("%d calls were answered; want one for each part, and more", answered)
	}
	if strings.Contains(r.out, "none: ") || !strings.Contains(r.out, "\n large.txt  ") || !strings.Contains(r.out, "\n bees.txt  ") {
		t.Errorf("a document has no summary:\n%s", r.out)
	}
}

// prose returns text of about n bytes from the documents, with paragraphs that
// differ.
func prose(n int) []byte {
	names, _ := filepath.Glob("documents/*.txt")
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		text, err := os.ReadFile(names[i%len(names)])
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "Chapter %d of the collection.\n\n%s\n", i+1, bytes.ReplaceAll(text, []byte(" the "), fmt.Appendf(nil, " the %dth ", i)))
	}
	return b.Bytes()[:n]
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	cmd := command(t, nil, "demo", "--speed", "1")
	var errs, out bytes.Buffer
	cmd.Stderr = &errs
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	for interrupted := false; lines.Scan(); {
		fmt.Fprintln(&out, lines.Text())
		if !interrupted && strings.Contains(lines.Text(), "progress") && !strings.Contains(lines.Text(), "answered 0") {
			interrupted = true
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := end(t, cmd.Wait(), &out, &errs)
	if r.code != 130 || !strings.Contains(r.err, "without a summary") {
		t.Fatalf("exit code %d, stderr %q; want 130 and what is missing", r.code, r.err)
	}
	if !regexp.MustCompile(`interrupted: waiting for \d+ calls?; press ctrl-C again`).MatchString(r.out) {
		t.Errorf("an interrupt is not shown:\n%s", r.out)
	}
	r.checkBooks(t)
}

func TestSimulate(t *testing.T) {
	t.Parallel()
	cmd := command(t, nil, "simulate", "--fault", "overloaded=1")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	at, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	call := `{"model":"any","max_tokens":10,"messages":[{"role":"user","content":"hello"}]}`
	post(t, strings.TrimSpace(at)+"/v1/chat/completions", call, 503)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("simulate ended with %v; want 0", err)
	}
	if !strings.Contains(string(rest), "1 overloaded") {
		t.Errorf("the ledger is\n%s\nwant one call, overloaded", rest)
	}
}
