package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Copies are named, and different files are told apart.
func TestDemoWithCopies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bees, err := os.ReadFile(filepath.Join("documents", "bees.txt"))
	if err != nil {
		t.Fatal(err)
	}
	paragraph := strings.Repeat("All work and no play makes a dull text. ", 475) // one part of 19,000 bytes
	args := []string{"demo", "--speed", "60", "--faults", "0"}
	for _, f := range []struct{ name, text string }{
		{"a.txt", string(bees)}, {"b.txt", string(bees)},
		{"x/c.txt", "One text."}, {"y/c.txt", "Another text."},
		{"again.txt", strings.Repeat(paragraph+"\n\n", 12)},
	} {
		path := filepath.Join(dir, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	r := pawl(t, nil, args...)
	if r.code != 0 {
		t.Fatalf("exit code %d, stderr %q; want 0; stdout:\n%s", r.code, r.err, r.out)
	}
	r.checkBooks(t)
	for _, want := range []string{"same as a.txt\n", "\n joined b.txt: same as", "\n x/c.txt ", "\n y/c.txt ", "8 more parts that repeat others", "joined by 12 copies"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("the output does not say %q:\n%s", want, r.out)
		}
	}
	if n := strings.Count(r.out, "same as 1/12 again.txt"); n != 3 {
		t.Errorf("%d lines for parts that repeat; want 3:\n%s", n, r.out)
	}
	if calls := r.number(t, "sent  ", 0); calls != 9 {
		t.Errorf("%d calls; want 2 for each document, and 1 to make fewer points", calls)
	}
}
