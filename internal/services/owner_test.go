package services_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlhq/pawl/internal/services"
)

// ownerVariable makes this test program one that starts servers in the
// directory that it names, prints their process ids, and stays.
const ownerVariable = "PAWL_TEST_OWNER"

func own() {
	if err := ownServers(context.Background(), os.Getenv(ownerVariable)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

func ownServers(ctx context.Context, dir string) error {
	o := services.Options{Dir: dir}
	postgres, err := services.StartPostgres(ctx, o)
	if err != nil {
		return err
	}
	bouncer, err := services.StartPgBouncer(ctx, o, postgres.URL())
	if err != nil {
		return err
	}
	cluster, err := services.StartCluster(ctx, o)
	if err != nil {
		return err
	}
	for _, s := range append(cluster.Nodes(), postgres, bouncer) {
		fmt.Println(s.PID())
	}
	busy, err := pgx.Connect(ctx, bouncer.URL())
	if err != nil {
		return err
	}
	var pid int
	if err := busy.QueryRow(ctx, "select pg_backend_pid()").Scan(&pid); err != nil {
		return err
	}
	fmt.Println(pid)
	go busy.Exec(ctx, "select pg_sleep(600)")
	return nil
}

// Whoever starts servers may be killed. They end then, a backend in the middle
// of a statement and one that stands still included, and so do their files.
func TestNothingOutlivesItsOwner(t *testing.T) {
	dir := openDir(t)
	program, err := os.Executable()
	must(t, err)
	owner := exec.Command(program)
	owner.Env = append(os.Environ(), ownerVariable+"="+dir)
	stdin, err := owner.StdinPipe()
	must(t, err)
	defer stdin.Close()
	stdout, err := owner.StdoutPipe()
	must(t, err)
	stderr, w, err := os.Pipe()
	must(t, err)
	defer stderr.Close()
	owner.Stderr = w
	must(t, owner.Start())
	must(t, w.Close())

	var pids []int
	for lines := bufio.NewScanner(stdout); lines.Scan() && lines.Text() != "ready"; {
		var pid int
		if _, err := fmt.Sscan(lines.Text(), &pid); err != nil {
			t.Fatalf("the owner says %q", lines.Text())
		}
		pids = append(pids, pid)
	}
	if len(pids) != 9 {
		t.Fatalf("the owner started %v; want nine processes", pids)
	}
	for _, pid := range pids {
		if !alive(pid) {
			t.Errorf("process %d does not run before its owner is killed", pid)
		}
	}
	must(t, syscall.Kill(pids[0], syscall.SIGSTOP))

	must(t, owner.Process.Kill())
	owner.Wait()
	// Its standard error is also that of what watches the servers.
	must(t, stderr.SetReadDeadline(time.Now().Add(patience)))
	if said, err := io.ReadAll(stderr); err != nil || len(said) != 0 {
		t.Errorf("it was said %q, %v; want nothing", said, err)
	}
	eventually(t, func() string {
		for _, pid := range pids {
			if alive(pid) {
				return fmt.Sprintf("process %d outlives its owner", pid)
			}
		}
		return ""
	})
	wantEmpty(t, dir)
}

// alive reports whether a process runs, and does not only wait to be noticed as ended.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		_, noProc := os.Stat("/proc/self")
		return noProc != nil
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}
