package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCommand struct{}

// Run prints the version, the commit where it is known, and Go's version.
func (versionCommand) Run(t *terminal) error {
	fmt.Fprintln(t.out, versionLine())
	return nil
}

func versionLine() string {
	info, _ := debug.ReadBuildInfo()
	return fmt.Sprintf("pawl %s (%s %s/%s)", version(info), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// version names a build: its module's version, else "devel" with the commit.
func version(info *debug.BuildInfo) string {
	if info == nil {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	commit, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			commit = "-" + s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if commit == "" {
		dirty = ""
	}
	return "devel" + commit + dirty
}
