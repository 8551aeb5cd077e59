package services

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A process is one line of the machine's list of processes.
type process struct {
	pid, parent int
	state       byte // Z for one that has ended, and that its parent has not noticed
}

// processes lists what runs on this machine.
func processes() ([]process, error) {
	var list []process
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // fails on a malformed pattern only
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended since
		}
		// "4711 (a name) S 1 …", and the name may hold anything.
		var p process
		_, err1 := fmt.Sscan(string(text), &p.pid)
		_, err2 := fmt.Sscanf(string(text[strings.LastIndexByte(string(text), ')')+1:]), " %c %d", &p.state, &p.parent)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		list = append(list, p)
	}
	if list != nil {
		return list, nil
	}
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=,state=").Output() // macOS has no /proc
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		var p process
		if _, err := fmt.Sscanf(strings.Join(strings.Fields(line), " "), "%d %d %c", &p.pid, &p.parent, &p.state); err != nil {
			return nil, fmt.Errorf("list processes: %q: %w", line, err)
		}
		list = append(list, p)
	}
	return list, nil
}

// childrenOf returns the processes whose parent is pid.
func childrenOf(pid int) ([]int, error) {
	list, err := processes()
	var children []int
	for _, p := range list {
		if p.parent == pid {
			children = append(children, p.pid)
		}
	}
	return children, err
}

// waitGone returns when none of the processes runs any more. They are not this
// process's children, so that all it can do is look for them.
func waitGone(pids []int) error {
	for patience := time.Now().Add(stopLimit); ; time.Sleep(pollEvery) {
		left, err := running(pids)
		if err != nil || len(left) == 0 {
			return err
		}
		if time.Now().After(patience) {
			return fmt.Errorf("processes %v have not ended within %v", left, stopLimit)
		}
	}
}

// running returns those of the processes that have not ended.
func running(pids []int) ([]int, error) {
	seen := func(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
	if !slices.ContainsFunc(pids, seen) {
		return nil, nil
	}
	list, err := processes()
	var left []int
	for _, p := range list {
		if slices.Contains(pids, p.pid) && p.state != 'Z' {
			left = append(left, p.pid)
		}
	}
	return left, err
}

// killAll sends SIGKILL to processes, of which some may have ended already.
func killAll(pids []int) error {
	var all []error
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			all = append(all, fmt.Errorf("kill process %d: %w", pid, err))
		}
	}
	return errors.Join(all...)
}
