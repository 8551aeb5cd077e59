package stores

import (
	"net/url"
	"regexp"
	"strings"
)

// hidden stands where a password was.
const hidden = "xxxxx"

// secret finds parameters whose values are nobody's business.
var secret = regexp.MustCompile(`(?i)([?&](?:[a-z_]*password|passwd|passfile|sslkey)=)([^&#]*)`)

// Redact returns a store's URL without its passwords, to be shown. It takes any
// text: what is not a URL comes back as it is, without what could be a password.
func Redact(url string) string {
	_, text := redact(url)
	return text
}

// redact returns the passwords of a URL, and the URL without them. An "@" in a
// path or a parameter hides too much rather than too little.
func redact(url string) (passwords []string, text string) {
	text = secret.ReplaceAllStringFunc(url, func(s string) string {
		name, value, _ := strings.Cut(s, "=")
		passwords = append(passwords, value)
		return name + "=" + hidden
	})
	start := strings.Index(text, "//") + len("//")
	end := strings.LastIndex(text, "@")
	if start < len("//") {
		start = 0
	}
	if end < start {
		return passwords, text
	}
	user, password, ok := strings.Cut(text[start:end], ":")
	if !ok {
		return passwords, text
	}
	return append(passwords, password), text[:start] + user + ":" + hidden + text[end:]
}

// redactedError is an error whose text has no passwords.
type redactedError struct {
	error
	text string
}

func (e redactedError) Error() string { return e.text }
func (e redactedError) Unwrap() error { return e.error }

// wordMost is how long a password must be to be looked for as a word of its own.
const wordMost = 8

// scrub takes a URL's passwords out of an error's text.
func scrub(err error, address string) error {
	if err == nil {
		return nil
	}
	passwords, shown := redact(address)
	text := strings.ReplaceAll(err.Error(), address, shown)
	for _, password := range passwords {
		for _, p := range spellings(password) {
			text = strings.ReplaceAll(text, ":"+p+"@", ":"+hidden+"@")
			text = strings.ReplaceAll(text, "="+p, "="+hidden)
			// A short password may be a word of the error, and one that is also
			// the user's or the database's name is shown anyway.
			if len(p) >= wordMost && !strings.Contains(shown, p) {
				text = strings.ReplaceAll(text, p, hidden)
			}
		}
	}
	if text == err.Error() {
		return err
	}
	return redactedError{err, text}
}

// spellings returns a password as it stands in a URL, and as it is meant.
func spellings(password string) (all []string) {
	if password == "" {
		return nil
	}
	all = append(all, password)
	for _, unescape := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
		if plain, err := unescape(password); err == nil && plain != password {
			all = append(all, plain)
		}
	}
	return all
}
