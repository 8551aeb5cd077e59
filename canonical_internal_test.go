package pawl

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/gowebpki/jcs"
)

// canonicalSeeds are values whose canonical form is easy to get wrong.
var canonicalSeeds = []string{
	`{}`, `[]`, `null`, `true`, `false`, `0`, `-1`, `1.0`, `1e2`, `-0`, `1E+2`, `0.1`, `1e21`, `1e-7`, `999999999999999`, `9999999999999999`,
	`""`, `"a"`, `"é"`, `"\u00e9"`, `"\/"`, `"\\"`, `"\""`, `"\n\t\r\b\f"`, `"\u000a"`, `"\u001f"`, `"\u007f"`, "\"\x7f\"", `"\ud83d\ude00"`, `"<&>"`,
	`{"b":1,"a":2}`, `{"a":1,"a":2}`, `{"a":1,"b":[true,null,{"c":"d"}]}`, `{"a b":1,"a":2}`, `{"\u0061":1}`, `{"":0}`, `{"é":1,"z":2}`,
	`[1, 2]`, ` 1`, "1\n", `[[[[]]]]`, `{"a":{"b":{"c":{}}}}`, `{"a":1,}`, `[1,]`, `01`, `-`, `"`, `{"a"}`, `tru`, `1 2`, `"a"x`, `{"":{},"\\":1}`,
}

// What isCanonical takes is used as it is, so it must be what the library would
// write; it may say no to what is canonical.
func FuzzCanonicalJSON(f *testing.F) {
	for _, s := range canonicalSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		quick := isCanonical(b)
		if quick && !json.Valid(b) {
			t.Fatalf("isCanonical(%q) = true; it is not JSON", b)
		}
		once, err := canonicalJSON(b)
		if err != nil {
			if quick {
				t.Fatalf("canonicalJSON(%q) = %v, though it is canonical", b, err)
			}
			return
		}
		if quick {
			byLibrary, err := jcs.Transform(append(append([]byte("["), b...), ']'))
			if err != nil || !bytes.Equal(byLibrary[1:len(byLibrary)-1], b) {
				t.Fatalf("isCanonical(%q) = true; the library writes %q, %v", b, byLibrary, err)
			}
		}
		twice, err := canonicalJSON(once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("canonicalJSON(%q) = %q, and of that %q, %v; want the same", b, once, twice, err)
		}
		spaced, ok := otherForm(b)
		if !ok {
			return
		}
		if got, err := canonicalJSON(spaced); err != nil || !bytes.Equal(got, once) {
			t.Fatalf("canonicalJSON(%q) = %q, %v; want %q, as of %q", spaced, got, err, once, b)
		}
	})
}

// otherForm writes a JSON value in another way: indented, its members in the
// order of a map, its text escaped for HTML. It reports false if the value has
// no other form that is surely the same: a number that a double does not hold,
// or a string that is not UTF-8.
func otherForm(b []byte) ([]byte, bool) {
	var v any
	if json.Unmarshal(b, &v) != nil || !plain(v) || bytes.ContainsRune(b, '\ufffd') {
		return nil, false
	}
	out, err := json.MarshalIndent(v, " ", "\t")
	return out, err == nil && !bytes.Contains(out, []byte(`\ufffd`))
}

func plain(v any) bool {
	switch v := v.(type) {
	case float64:
		return !math.IsInf(v, 0)
	case []any:
		for _, item := range v {
			if !plain(item) {
				return false
			}
		}
	case map[string]any:
		for _, item := range v {
			if !plain(item) {
				return false
			}
		}
	}
	return true
}

func TestCanonicalJSON(t *testing.T) {
	tests := []struct{ in, want string }{
		{` { "b" : 1.0 , "a" : [ 1e2, -0, "\u00e9\/" ] } `, `{"a":[100,0,"é/"],"b":1}`},
		{`"\u000a\u001f"`, "\"\\n\\u001f\""},
		{`{"€":1,"\r":2,"\ufb33":3,"1":4,"😀":5,"\u0080":6,"ö":7}`, "{\"\\r\":2,\"1\":4,\"\u0080\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\ufb33\":3}"},
		{`333333333.33333329`, `333333333.3333333`},
		{`1E30`, `1e+30`},
	}
	for _, test := range tests {
		if got, err := canonicalJSON([]byte(test.in)); err != nil || string(got) != test.want {
			t.Errorf("canonicalJSON(%s) = %s, %v; want %s", test.in, got, err, test.want)
		}
	}
	for _, in := range []string{``, `{`, `{"a":1,}`, `01`, `nul`, `1 2`, "\"\n\""} {
		if got, err := canonicalJSON([]byte(in)); err == nil {
			t.Errorf("canonicalJSON(%q) = %q; want an error", in, got)
		}
	}
	if !isCanonical([]byte(`{"n":12,"text":"The wheel \"turns\" one way only.\n"}`)) {
		t.Error("isCanonical of a plain input = false; want true, it is the common case")
	}
}

// FuzzIdentity: the identity of a task does not depend on how its input is
// written, and does depend on what it says and on everything around it.
func FuzzIdentity(f *testing.F) {
	for _, s := range canonicalSeeds {
		f.Add([]byte(s), []byte(`{"a":1}`), "user", "op", "1", "")
	}
	f.Add([]byte(`{"a":1}`), []byte(`{"a":2}`), `u","x":"`, `op"`, "é", "key")
	f.Fuzz(func(t *testing.T, a, b []byte, user, operation, version, key string) {
		row := TaskRow{Input: a, User: user, Operation: operation}
		first, buf, err := identity(&row, version, key, nil)
		if err != nil {
			return
		}
		if key == "" && !json.Valid(buf) {
			t.Fatalf("the identity of %q is that of %q, which is not JSON", a, buf)
		}
		same := row
		if other, ok := otherForm(a); ok {
			same.Input = other
		}
		if got, _, err := identity(&same, version, key, nil); err != nil || got != first {
			t.Fatalf("identity of %q = %v, %v; want that of %q, %v", same.Input, got, err, a, first)
		}
		changes := []struct {
			what    string
			row     TaskRow
			version string
			key     string
		}{
			{"user", TaskRow{Input: a, User: user + "x", Operation: operation}, version, key},
			{"operation", TaskRow{Input: a, User: user, Operation: operation + "x"}, version, key},
			{"version", row, version + "x", key},
			{"key", row, version, key + "x"},
			{"next", TaskRow{Input: a, User: user, Operation: operation, Next: []Stage{{Operation: "x"}}}, version, key},
		}
		for _, c := range changes {
			if got, _, err := identity(&c.row, c.version, c.key, nil); err == nil && got == first {
				t.Errorf("the identity does not depend on the %s", c.what)
			}
		}
		other := row
		other.Input = b
		got, _, err := identity(&other, version, key, nil)
		if err != nil {
			return
		}
		ca, errA := canonicalJSON(a)
		cb, errB := canonicalJSON(b)
		if want := key != "" || errA == nil && errB == nil && bytes.Equal(ca, cb); (got == first) != want {
			t.Fatalf("inputs %q and %q with key %q are identical: %v; want %v", a, b, key, got == first, want)
		}
	})
}
