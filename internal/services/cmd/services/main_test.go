package main_test

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func build(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "services")
	if out, err := exec.Command("go", "build", "-o", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return file
}

// A run of tests is judged by the status of go test, and what it printed last
// must stay the last that is printed.
func TestRunEndsWithTheCommandsStatus(t *testing.T) {
	var out, messages bytes.Buffer
	cmd := exec.Command(build(t), "run", "--", "sh", "-c", `env | grep ^PAWL_TEST_ | sort; echo FAIL; exit 7`)
	cmd.Stdout, cmd.Stderr = &out, &messages
	err := cmd.Run()
	if ended, ok := errors.AsType[*exec.ExitError](err); !ok || ended.ExitCode() != 7 {
		t.Errorf("services run = %v; want status 7", err)
	}
	if !strings.HasSuffix(out.String(), "\nFAIL\n") || messages.Len() != 0 {
		t.Errorf("printed %q and %q; want the command's FAIL last", out.String(), messages.String())
	}
	for _, name := range []string{"POSTGRES", "POSTGRES_TLS", "PGBOUNCER", "REDIS", "REDIS_TLS", "REDIS_CA", "REDIS_CLUSTER"} {
		if !strings.Contains(out.String(), "PAWL_TEST_"+name+"=") {
			t.Errorf("the command's environment has no PAWL_TEST_%s", name)
		}
	}
}

func TestInterruptEndsAll(t *testing.T) {
	cmd := exec.Command(build(t), "run")
	var messages bytes.Buffer
	cmd.Stderr = &messages

	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	var dir string
	lines := bufio.NewScanner(stdout)
	for dir == "" && lines.Scan() {
		if file, ok := strings.CutPrefix(lines.Text(), "export PAWL_TEST_REDIS_CA='"); ok {
			dir = filepath.Dir(file)
		}
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("the directory of Redis: %v", err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("services run, interrupted = %v; want status 0: %s", err, messages.String())
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there after the interrupt (%v)", dir, err)
	}
}

func TestUsage(t *testing.T) {
	file := build(t)
	for _, args := range [][]string{nil, {"start"}, {"run", "go"}, {"run", "--"}} {
		out, err := exec.Command(file, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "usage: services run") {
			t.Errorf("services %v = %v, %q; want its usage", args, err, out)
		}
	}
}
