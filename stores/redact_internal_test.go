package stores

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

// Whatever a database's client says, the password does not get out.
func TestScrub(t *testing.T) {
	for _, c := range []struct{ url, text, want string }{
		{"postgres://u:opensesame@h/db", "password opensesame is wrong: postgres://u:opensesame@h/db", "password xxxxx is wrong: postgres://u:xxxxx@h/db"},
		{"postgres://u:a%40b%20cdefg@h/db", `got "a@b cdefg" for u`, `got "xxxxx" for u`},
		{"postgres://u:a+bcdefg@h/db", `got "a bcdefg" and "a+bcdefg"`, `got "xxxxx" and "xxxxx"`},
		{"postgres://wrong:wrong@h/db", "user wrong of wrong:wrong@h with password=wrong", "user wrong of wrong:xxxxx@h with password=xxxxx"},
		{"postgres://user:wrong@h/db", "the password is wrong", "the password is wrong"},
		{"postgres://h/db?password=opensesame", "opensesame", "xxxxx"},
		{"sqlite:agent.db", "agent.db is locked", "agent.db is locked"},
	} {
		err := scrub(fmt.Errorf("%s: %w", c.text, io.EOF), c.url)
		if want := c.want + ": EOF"; err.Error() != want || !errors.Is(err, io.EOF) {
			t.Errorf("scrub of %q = %q; want %q, wrapping the error", c.text, err, want)
		}
	}
	if err := scrub(nil, "postgres://u:p@h"); err != nil {
		t.Errorf("scrub(nil) = %v; want nil", err)
	}
}
