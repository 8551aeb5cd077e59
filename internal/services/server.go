package services

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Options are how a server is started. The zero value serves.
type Options struct {
	Bin      string            // the directory of the server's executables; by default they are looked for
	Dir      string            // where the server's own directory is made, which its user must be able to reach; by default os.TempDir()
	NoSync   bool              // PostgreSQL runs with fsync=off: faster, and safe from kill -9, but not from a power cut
	TLS      bool              // the server also speaks TLS, with a certificate of its own: see [Server.TLS]
	Settings map[string]string // the server's own settings, over those of this package
}

// Limits of waiting, for a server that hangs; all of them are far more than a server takes.
const (
	startLimit = 2 * time.Minute // recovery after a crash included
	stopLimit  = 30 * time.Second
	pollEvery  = 10 * time.Millisecond
)

// A Server is a PostgreSQL, PgBouncer or Redis server of our own on a free port
// of the loopback interface. It ends with this process at the latest. Its
// methods may be called from several goroutines.
type Server struct {
	name   string
	warden *warden
	path   string   // the executable
	args   []string // and its arguments
	log    string   // the file that it writes its messages to

	configure func(ports [2]int) error        // writes its settings; told two free ports
	answers   func(ctx context.Context) error // asks it something
	ending    syscall.Signal                  // asks it to end in good order
	release   func() error                    // ends what was made for it

	addr     string
	bus      int // the port on which nodes of a cluster talk
	url, tls string
	ca       string // the file of the certificate, if it speaks TLS

	mu  sync.Mutex
	pid int // 0 when it does not run
}

// URL returns where the server is, with its user and password. It stays the
// same when the server is killed and started again.
func (s *Server) URL() string { return s.url }

// Addr returns host:port of the server.
func (s *Server) Addr() string { return s.addr }

// TLS returns the URL for encrypted connections, and the PEM file of the
// certificate to trust; both are empty without [Options].TLS. PostgreSQL's URL
// names the file itself.
func (s *Server) TLS() (url, caFile string) { return s.tls, s.ca }

// Log returns the file that the server writes its messages to.
func (s *Server) Log() string { return s.log }

// PID returns the server's process id, or 0 when it does not run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reap(syscall.WNOHANG)
	return s.pid
}

// Start starts a server that was killed or stopped, on the same data and
// address, and returns when it answers.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reap(syscall.WNOHANG); s.pid != 0 {
		return fmt.Errorf("start %s: it runs already, as process %d", s.name, s.pid)
	}
	if err := s.start(ctx); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	return nil
}

func (s *Server) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("no answer within %v", startLimit))
	defer cancel()
	if err := s.launch(); err != nil {
		return err
	}
	for {
		err := s.listens(ctx)
		if err == nil {
			err = s.answers(ctx)
		}
		if err == nil {
			return nil
		}
		if s.reap(syscall.WNOHANG); s.pid == 0 {
			return fmt.Errorf("it ended at once: %s", s.lastWords())
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%w: %w: %s", context.Cause(ctx), err, s.lastWords()), s.kill())
		case <-time.After(pollEvery):
		}
	}
}

// listens is asked first: a driver would log every connection that is refused.
func (s *Server) listens(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (s *Server) launch() error {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.warden.command(s.path, s.args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.pid = cmd.Process.Pid
	return cmd.Process.Release() // reap waits for it
}

// Kill ends the server and its children as a crash does, with SIGKILL, and
// returns when they are gone.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reap(syscall.WNOHANG); s.pid == 0 {
		return fmt.Errorf("kill %s: it does not run: %s", s.name, s.lastWords())
	}
	if err := s.kill(); err != nil {
		return fmt.Errorf("kill %s: %w", s.name, err)
	}
	return nil
}

// kill stops the server before it looks for its children, so that no child is
// born unseen.
func (s *Server) kill() error {
	if err := syscall.Kill(s.pid, syscall.SIGSTOP); err != nil {
		return err
	}
	children, err := childrenOf(s.pid)
	err = errors.Join(err, killAll(append([]int{s.pid}, children...)))
	s.reap(0)
	return errors.Join(err, waitGone(children))
}

// Stop ends the server in good order and keeps its data: it can be started
// again. To stop a server that does not run does nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reap(syscall.WNOHANG); s.pid == 0 {
		return nil
	}
	if err := syscall.Kill(s.pid, s.ending); err != nil {
		return fmt.Errorf("stop %s: %w", s.name, err)
	}
	for patience := time.Now().Add(stopLimit); s.pid != 0; s.reap(syscall.WNOHANG) {
		if time.Now().After(patience) {
			return errors.Join(fmt.Errorf("stop %s: it did not end within %v", s.name, stopLimit), s.kill())
		}
		time.Sleep(pollEvery)
	}
	return nil
}

// Close ends the server at once and removes its data. A node of a cluster is
// only stopped: its data goes with the cluster.
func (s *Server) Close() error {
	if s.release == nil {
		return s.Stop()
	}
	err := s.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pid != 0 {
		s.reap(0)
	}
	return err
}

// reap notes whether the server has ended: now with WNOHANG, or with 0 when it has.
// A goroutine that waits instead would be one that tests find left behind.
func (s *Server) reap(options int) {
	for s.pid != 0 {
		pid, err := syscall.Wait4(s.pid, nil, options, nil)
		if err == syscall.EINTR {
			continue
		}
		if pid == s.pid || err != nil {
			s.pid = 0
		}
		return
	}
}

// lastWords returns the end of the server's messages.
func (s *Server) lastWords() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-5):], []byte("; ")))
}
