package archtest

import (
	"fmt"
	"strings"
)

// maxLines is how long a file may be that people read. Generated files are free.
const maxLines = 500

// A file is what the rules look at in one Go file.
type file struct {
	Name      string   // path below the module's root, with slashes
	Package   string   // path of its folder, "." for the root
	Test      bool     // it ends in _test.go
	Imports   []string // import paths as written
	Lines     int
	Generated bool
	Sleeps    []int // lines that call time.Sleep
	Skips     []int // lines that skip a test
}

// checkImports returns what the files of module import against the rules, one
// sentence each. It reports a package without a rule once.
func checkImports(module string, files []file, rules []importRule, modules []moduleRule) []string {
	var found []string
	unruled := map[string]bool{}
	for _, f := range files {
		rule := ruleFor(rules, f.Package)
		if rule == nil {
			if !unruled[f.Package] {
				unruled[f.Package] = true
				found = append(found, fmt.Sprintf("package %s has no rule: say in rules.go what it may import, and why", f.Package))
			}
			continue
		}
		for _, path := range f.Imports {
			why := ""
			if pkg, ours := withinModule(module, path); ours {
				why = checkOurs(f, pkg, rule)
			} else if !isStandard(path) {
				why = checkTheirs(f, path, modules)
			}
			if why != "" {
				found = append(found, fmt.Sprintf("%s imports %s: %s", f.Name, path, why))
			}
		}
	}
	return found
}

// checkOurs returns why f may not import the project's package pkg, or "".
func checkOurs(f file, pkg string, rule *importRule) string {
	if f.Test && !rule.Tests || pkg == f.Package || matchesAny(rule.May, pkg) {
		return ""
	}
	return rule.Why
}

// checkTheirs returns why f may not import path, a package of others, or "".
func checkTheirs(f file, path string, modules []moduleRule) string {
	m := moduleFor(modules, path)
	switch {
	case m == nil:
		return "its module is not in the table of dependencies"
	case m.Tool:
		return m.Path + " is a tool, not a library"
	case matchesAny(m.In, f.Package), m.Tests && isTestCode(f):
		return ""
	case m.Tests:
		return m.Path + " is for tests only"
	default:
		return m.Path + " is only for " + strings.Join(m.In, ", ")
	}
}

// checkTools returns which of the packages run by go tool are not in the table.
func checkTools(tools []string, modules []moduleRule) []string {
	var found []string
	for _, path := range tools {
		if m := moduleFor(modules, path); m == nil || !m.Tool {
			found = append(found, fmt.Sprintf("tool %s: its module is not in the table of dependencies", path))
		}
	}
	return found
}

// checkFiles returns what the files hold that they may not.
func checkFiles(files []file) []string {
	var found []string
	for _, f := range files {
		if f.Lines > maxLines && !f.Generated {
			found = append(found, fmt.Sprintf("%s has %d lines; want %d or fewer: split it by what it is about", f.Name, f.Lines, maxLines))
		}
		if !isTestCode(f) {
			continue
		}
		for _, line := range f.Sleeps {
			if !importsSynctest(f) {
				found = append(found, fmt.Sprintf("%s:%d: time.Sleep in a test: use testing/synctest, or pass the time", f.Name, line))
			}
		}
		for _, line := range f.Skips {
			found = append(found, fmt.Sprintf("%s:%d: a skipped test proves nothing: make it run, or remove it", f.Name, line))
		}
	}
	return found
}

// isTestCode reports whether f is compiled for tests only. The contract of the
// stores is: it is no _test.go file so that each store can run it.
func isTestCode(f file) bool {
	return f.Test || matches("storetest/...", f.Package)
}

func importsSynctest(f file) bool {
	for _, path := range f.Imports {
		if path == "testing/synctest" {
			return true
		}
	}
	return false
}

// withinModule returns the path of a package below module's root.
func withinModule(module, path string) (pkg string, ours bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// isStandard reports whether path is of the standard library, whose import
// paths are the ones with no dot in the first element.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}
