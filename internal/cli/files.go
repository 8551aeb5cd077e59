package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// mostFile is the largest file that the demo reads, in bytes.
const mostFile = 64 << 20

// readFiles reads text files into jobs. It names every file that it cannot use.
func readFiles(paths []string) ([]*job, error) {
	var jobs []*job
	var problems []error
	titles := titlesOf(paths)
	for i, path := range paths {
		text, err := readText(path)
		if err != nil {
			problems = append(problems, usageError{err})
			continue
		}
		jobs = append(jobs, &job{title: printable(titles[i]), user: "you", text: text})
	}
	return jobs, errors.Join(problems...)
}

// titlesOf returns the base names of files, with as much of the path before them
// as it takes to tell different files apart.
func titlesOf(paths []string) []string {
	titles := make([]string, len(paths))
	for i, path := range paths {
		parts := 1
		for ambiguous(path, paths, parts) {
			parts++
		}
		titles[i] = tail(path, parts)
	}
	return titles
}

func ambiguous(path string, paths []string, parts int) bool {
	for _, other := range paths {
		if filepath.Clean(other) != filepath.Clean(path) && tail(other, parts) == tail(path, parts) {
			return true
		}
	}
	return false
}

// tail returns the last parts of a path.
func tail(path string, parts int) string {
	all := strings.Split(filepath.ToSlash(filepath.Clean(path)), "/")
	return strings.Join(all[max(len(all)-parts, 0):], "/")
}

func readText(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("%q: there is no such file", path)
	case err != nil:
		return "", err
	case info.IsDir():
		return "", fmt.Errorf("%q is a directory; name the text files in it", path)
	case info.Size() > mostFile:
		return "", fmt.Errorf("%q has %s bytes; the demo reads files of up to %s", path, thousands(info.Size()), thousands(mostFile))
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, mostFile+1))
	if err != nil {
		return "", fmt.Errorf("read %q: %w", path, err)
	}
	return asText(path, b)
}

// asText returns the text in a file's bytes.
func asText(path string, b []byte) (string, error) {
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	switch {
	case len(b) > mostFile:
		return "", fmt.Errorf("%q does not end; the demo reads files of up to %s bytes", path, thousands(mostFile))
	case len(bytes.TrimSpace(b)) == 0:
		return "", fmt.Errorf("%q is empty; there is nothing to analyse", path)
	case bytes.IndexByte(b, 0) >= 0:
		return "", fmt.Errorf("%q is not text: it has a zero byte at %d", path, bytes.IndexByte(b, 0))
	case !utf8.Valid(b):
		return "", fmt.Errorf("%q is not text in UTF-8: the byte at %d cannot be read", path, invalidAt(b))
	}
	return string(b), nil
}

func invalidAt(b []byte) int {
	at := 0
	for at < len(b) {
		r, size := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}
