package main

import (
	"bytes"
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
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return "", fmt.Errorf("find the Node programs: %w", err)
	}
	// A copy of the lock file says what is installed.
	copied := filepath.Join(dir, "node_modules", ".installed-lock.json")
	if installed, err := os.ReadFile(copied); err == nil && bytes.Equal(installed, lock) {
		return dir, nil
	}
	progress("npm ci in %s", dir)
	install := exec.CommandContext(ctx, "npm", "ci") // as .npmrc says
	install.Dir, install.Stdout, install.Stderr = dir, os.Stderr, os.Stderr
	if err := install.Run(); err != nil {
		return "", fmt.Errorf("npm ci in %s: %w", dir, err)
	}
	return dir, os.WriteFile(copied, lock, 0o644)
}
