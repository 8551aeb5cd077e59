package services

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

//go:embed warden.sh
var wardenScript []byte

// A warden sees to it that no server outlives the process that started it.
//
// It is a shell in a process group of its own, which reads from a pipe that
// only this process writes to. Each server is started into that group. When
// this process closes the pipe, or ends in whatever way, kill -9 included, the
// shell reads the end of it, ends its whole group and removes the directory.
// There is nothing to register, hence no moment in which a server has been
// started and is not watched. The signals of a terminal reach neither.
type warden struct {
	shell *exec.Cmd
	pipe  io.Closer
	dir   string              // holds all that the servers write
	as    *syscall.Credential // the user whom the servers run as; nil for this one
	once  sync.Once           // closes it
}

// newWarden starts a warden of a new directory in parent.
func newWarden(parent string) (*warden, error) {
	as, err := serverUser()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, "pawl-services-")
	if err != nil {
		return nil, err
	}
	w := &warden{dir: dir, as: as}
	if err := w.start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return w, nil
}

func (w *warden) start() (err error) {
	script := filepath.Join(w.dir, "warden.sh")
	if err := errors.Join(w.own(w.dir), w.write(script, wardenScript)); err != nil {
		return err
	}
	w.shell = exec.Command("sh", script, w.dir)
	w.shell.Stderr = os.Stderr // also: who reads ours to its end has waited for the warden
	w.shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if w.pipe, err = w.shell.StdinPipe(); err != nil {
		return err
	}
	return w.shell.Start()
}

// serverUser returns whom servers run as when this process is root, as whom
// PostgreSQL and PgBouncer refuse to run.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("servers do not run as root, and there is no user postgres or nobody to run them as")
}

// command returns a command that runs in dir, in the group that w ends, as the
// servers' user and with nothing of this process's environment but its PATH.
func (w *warden) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = w.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: w.shell.Process.Pid, Credential: w.as}
	return cmd
}

// write writes a file that only the servers' user can read.
func (w *warden) write(file string, text []byte) error {
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	return w.own(file)
}

// mkdir makes a directory that only the servers' user can enter.
func (w *warden) mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return w.own(dir)
}

func (w *warden) own(file string) error {
	if w.as == nil {
		return nil
	}
	return os.Chown(file, int(w.as.Uid), int(w.as.Gid))
}

// close ends what is still running, removes the directory and waits for both.
func (w *warden) close() (err error) {
	w.once.Do(func() {
		err = w.pipe.Close()
		_ = w.shell.Wait() // its last act is to kill its group, and so itself
		if _, gone := os.Stat(w.dir); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("%s was not removed", w.dir))
		}
	})
	return err
}
