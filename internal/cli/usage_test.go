package cli_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func post(t *testing.T, url, body string, status int) {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != status {
		t.Errorf("POST %s: status %d; want %d", url, resp.StatusCode, status)
	}
}

// Whatever is wrong with a command line is said on stderr, with what is allowed,
// before anything is done.
func TestUsageErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	empty, binary, latin := file("empty.txt", ""), file("binary", "a\x00b"), file("latin.txt", "caf\xe9")
	for _, c := range []struct {
		args string
		code int
		says []string
	}{
		{"bogus", 2, []string{"bogus", "pawl --help"}},
		{"demo --bogus", 2, []string{"--bogus", "pawl demo --help"}},
		{"version extra", 2, []string{"extra"}},
		{"budgets set user/a\xffb --calls 3", 2, []string{`"user/a\xffb" is not UTF-8`}},
		{"usage --user=a\xffb", 2, []string{`"--user=a\xffb" is not UTF-8`}},
		{"demo --provider other", 2, []string{`"simulated"`, `"anthropic"`, `"openai"`, `"other"`}},
		{"demo --provider anthropic", 2, []string{"ANTHROPIC_API_KEY is not set"}},
		{"demo --provider openai", 2, []string{"OPENAI_API_KEY is not set"}},
		{"demo --provider openai --base-url nowhere", 2, []string{"--base-url", "nowhere"}},
		{"demo --provider openai --base-url http://127.0.0.1:1", 1, []string{"cannot be reached", "127.0.0.1:1"}},
		{"demo --provider openai --speed 2", 2, []string{"--speed", "simulated"}},
		{"demo --model m", 2, []string{"--model", "--provider"}},
		{"demo --speed 0", 2, []string{"--speed", "0.1 to 1000"}},
		{"demo --speed fast", 2, []string{"--speed", "fast"}},
		{"demo --faults 0.5", 2, []string{"--faults", "0 to 0.1"}},
		{"demo --points 0", 2, []string{"--points", "1 to 20"}},
		{"demo --requests=-1", 2, []string{"--requests", "0 for no limit"}},
		{"demo --requests -1", 2, []string{"--requests is -1", "0 for no limit"}},
		{"demo --tokens 100", 2, []string{"--tokens", "10000 or more"}},
		{"demo " + filepath.Join(dir, "none.txt"), 2, []string{"none.txt", "no such file"}},
		{"demo " + dir, 2, []string{"is a directory"}},
		{"demo " + strings.Join([]string{empty, binary, latin}, " "), 2, []string{"empty.txt", "is empty", "zero byte at 1", "byte at 3"}},
		{"simulate --speed 0", 2, []string{"--speed"}},
		{"simulate --fault bogus=0.1", 2, []string{"bogus", "overloaded"}},
		{"simulate --fault slow=2", 2, []string{"slow=2", "0 to 1"}},
		{"simulate --requests=-1", 2, []string{"Requests is -1"}},
		{"simulate --tokens-per-day=-1", 2, []string{"TokensPerDay is -1"}},
		{"simulate --burst 2m", 2, []string{"Burst is 2m0s"}},
		{"simulate --acceleration 0.5", 2, []string{"Acceleration is 0.5"}},
		{"simulate --headers some", 2, []string{`"none"`, `"some"`}},
		{"simulate --context 0", 2, []string{"--context"}},
		{"simulate --address nowhere:x", 1, []string{"--address nowhere:x"}},
	} {
		r := pawl(t, nil, strings.Fields(c.args)...)
		if r.code != c.code || r.out != "" {
			t.Errorf("pawl %s: exit code %d, stdout %q; want %d and nothing", c.args, r.code, r.out, c.code)
		}
		for _, say := range c.says {
			if !strings.Contains(r.err, say) {
				t.Errorf("pawl %s: stderr %q; want it to say %q", c.args, r.err, say)
			}
		}
		for line := range strings.Lines(r.err) {
			if !strings.HasPrefix(line, "pawl: ") && !strings.HasPrefix(line, "See: ") {
				t.Errorf("pawl %s: a line on stderr does not say whose it is: %q", c.args, line)
			}
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for args, golden := range map[string]string{
		"help": "help", "--help": "help", "help demo": "demo", "demo --help": "demo", "help simulate": "simulate", "simulate -h": "simulate",
	} {
		r := pawl(t, nil, strings.Fields(args)...)
		path := filepath.Join("testdata", golden+".txt")
		if *update {
			if err := os.WriteFile(path, []byte(r.out), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if r.code != 0 || r.out != string(want) {
			t.Errorf("pawl %s: exit code %d, stdout\n%s\nwant 0 and %s; -update writes it anew", args, r.code, r.out, path)
		}
	}
}

func TestNoCommand(t *testing.T) {
	t.Parallel()
	if r := pawl(t, nil); r.code != 2 || !strings.Contains(r.out, "demo") {
		t.Errorf("exit code %d, stdout %q; want 2 and the help", r.code, r.out)
	}
}

func TestVersionCommand(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"version", "--version"} {
		r := pawl(t, nil, arg)
		if r.code == 0 && strings.HasPrefix(r.out, "pawl ") && strings.Contains(r.out, "(go1.") {
			continue
		}
		t.Errorf("pawl %s: exit code %d, stdout %q; want 0 and a version", arg, r.code, r.out)
	}
}
