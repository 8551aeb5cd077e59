package services

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

//go:embed apt.sh
var aptScript string

// Install installs the servers that are missing: with apt-get, as root or
// through a sudo that asks for no password, else with Homebrew. It starts no
// service of the system. What the tools print goes to out. It returns a
// [MissingError] for each server that is missing still.
func Install(ctx context.Context, out io.Writer) error {
	missing, err := lookup(ctx)
	if len(missing) == 0 {
		return err
	}
	install := installer(ctx, missing)
	if install == nil {
		return err
	}
	fmt.Fprintf(out, "services: %v\nservices: installing what is missing\n", err)
	install.Stdout, install.Stderr = out, out
	install.Cancel = func() error { return install.Process.Signal(syscall.SIGTERM) } // apt.sh then tidies up
	if failed := install.Run(); failed != nil {
		return errors.Join(fmt.Errorf("install: %w", failed), err)
	}
	_, err = lookup(ctx)
	return err
}

// lookup returns the programs that are missing, and an error that names each.
func lookup(ctx context.Context) (missing []program, err error) {
	var all []error
	for _, p := range programs {
		_, err := p.find(ctx, "")
		if _, ok := errors.AsType[*MissingError](err); ok {
			missing = append(missing, p)
		}
		all = append(all, err)
	}
	return missing, errors.Join(all...)
}

// installer returns the command that installs what is missing, or nil if this
// machine has none that can run without asking.
func installer(ctx context.Context, missing []program) *exec.Cmd {
	var debian, brew []string
	for _, p := range missing {
		debian, brew = append(debian, p.debian), append(brew, p.brew)
	}
	apt := append([]string{"sh", "-c", aptScript, "sh"}, debian...)
	switch {
	case has("apt-get") && os.Geteuid() == 0:
		return exec.CommandContext(ctx, apt[0], apt[1:]...)
	case has("apt-get") && exec.CommandContext(ctx, "sudo", "-n", "true").Run() == nil:
		return exec.CommandContext(ctx, "sudo", append([]string{"-n"}, apt...)...)
	case has("brew"):
		return exec.CommandContext(ctx, "brew", append([]string{"install"}, brew...)...)
	}
	return nil
}

func has(file string) bool {
	_, err := exec.LookPath(file)
	return err == nil
}
