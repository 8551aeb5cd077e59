package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
)

// nodeCommand measures an engine that is written for Node.
func nodeCommand(ctx context.Context) (*exec.Cmd, error) {
	dir, err := nodeReady(ctx)
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, "node", filepath.Join(dir, "main.mjs")), nil
}

var nodeInstall struct {
	sync.Once
	dir string
	err error
}

// nodeReady installs the packages of the lock file, once, and returns where they are.
func nodeReady(ctx context.Context) (string, error) {
	nodeInstall.Do(func() { nodeInstall.dir, nodeInstall.err = installNode(ctx) })
	return nodeInstall.dir, nodeInstall.err
}

func installNode(ctx context.Context) (string, error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", errors.New("the peers written for Node need Node 20 or later with npm: install it (Debian: apt-get install nodejs npm; " +
				"Homebrew: brew install node), or leave them out with -engines")
		}
	}
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(file), "node")
	installed, err1 := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	locked, err2 := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err2 != nil {
		return "", fmt.Errorf("find the Node programs: %w", err2)
	}
	if err1 == nil && !installed.ModTime().Before(locked.ModTime()) {
		return dir, nil
	}
	progress("npm ci in %s", dir)
	install := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir, install.Stdout, install.Stderr = dir, os.Stderr, os.Stderr
	if err := install.Run(); err != nil {
		return "", fmt.Errorf("npm ci in %s: %w", dir, err)
	}
	return dir, nil
}
