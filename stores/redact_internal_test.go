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
		{"postgres://u:sesame@h/db", "password sesame is wrong: postgres://u:sesame@h/db", "password xxxxx is wrong: postgres://u:xxxxx@h/db"},
		{"postgres://u:a%40b%20c@h/db", `got "a@b c" for u`, `got "xxxxx" for u`},
		{"postgres://u:a+b@h/db", `got "a b" and "a+b"`, `got "xxxxx" and "xxxxx"`},
		{"postgres://db:db@h/db", "database db of db:db@h with password=db", "database db of db:xxxxx@h with password=xxxxx"},
		{"postgres://h/db?password=sesame", "sesame", "xxxxx"},
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
