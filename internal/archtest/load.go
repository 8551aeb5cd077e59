package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// load reads every Go file below root, nested modules included. It leaves out
// what the go command leaves out: testdata, and names that start with . or _.
func load(root fs.FS) ([]file, error) {
	var files []file
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		hidden := name != "." && (base[0] == '.' || base[0] == '_')
		if d.IsDir() {
			if hidden || base == "testdata" || base == "vendor" {
				return fs.SkipDir
			}
			return nil
		}
		if hidden || path.Ext(base) != ".go" {
			return nil
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		f, err := read(name, src)
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

// read returns what the rules need to know of one file.
func read(name string, src []byte) (file, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return file{}, fmt.Errorf("parse: %w", err)
	}
	f := file{
		Name:      name,
		Package:   path.Dir(name),
		Test:      strings.HasSuffix(name, "_test.go"),
		Lines:     bytes.Count(src, []byte("\n")),
		Generated: ast.IsGenerated(tree),
	}
	for _, spec := range tree.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		f.Imports = append(f.Imports, p)
	}
	testing := testingNames(tree)
	ast.Inspect(tree, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		line := set.Position(sel.Pos()).Line
		switch sel.Sel.Name {
		case "Sleep":
			if x.Name == "time" {
				f.Sleeps = append(f.Sleeps, line)
			}
		case "Skip", "Skipf", "SkipNow":
			if testing[x.Name] {
				f.Skips = append(f.Skips, line)
			}
		}
		return true
	})
	return f, nil
}

// testingNames returns the names of the parameters, anywhere in the file, whose
// type is of package testing: t *testing.T, b *testing.B, tb testing.TB.
func testingNames(tree *ast.File) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(tree, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok {
			return true
		}
		typ := field.Type
		if star, ok := typ.(*ast.StarExpr); ok {
			typ = star.X
		}
		if sel, ok := typ.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "testing" {
				for _, name := range field.Names {
					names[name.Name] = true
				}
			}
		}
		return true
	})
	return names
}
