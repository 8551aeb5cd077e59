package cli

import (
	"fmt"
	"regexp"
	"strings"
)

// ours is how the library's errors begin, also where one wraps another.
var ours = regexp.MustCompile(`(^|\n|: |; )(?:pawl: )+`)

// saying returns what an error says, without the name that the library's errors begin with:
// whoever prints it has said that already. Several errors that are joined stay lines of
// their own; what an error says in more lines than one becomes one.
func saying(err error) string {
	lines := strings.Split(ours.ReplaceAllString(err.Error(), "$1"), "\n")
	said := lines[:1]
	for _, line := range lines[1:] {
		if own := strings.TrimLeft(line, " \t"); own != line {
			said[len(said)-1] += " " + own
		} else {
			said = append(said, line)
		}
	}
	return strings.Join(said, "\n")
}

// complain prints an error, each of several in a line that begins with the command's name.
func (t *terminal) complain(err error) {
	fmt.Fprintf(t.err, "pawl: %s\n", strings.ReplaceAll(saying(err), "\n", "\npawl: "))
}
