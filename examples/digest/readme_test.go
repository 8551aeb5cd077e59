package main

import (
	"os"
	"strings"
	"testing"
)

// What the README shows is this program, so that it compiles.
func TestReadmeShowsThisProgram(t *testing.T) {
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(program), "package main\n")
	if !strings.Contains(string(readme), "```go\npackage main\n"+shown+"```") {
		t.Error("README.md does not show examples/digest/main.go as it is")
	}
}
