package pawl

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzElements compares what a list is taken apart into with what decoding it gives.
func FuzzElements(f *testing.F) {
	for _, list := range []string{
		`null`, `[]`, ` [ ] `, `[1]`, `[1,2]`, ` [ 1 , "a" ] `, `["]", "[", ",", "\"", "\\", "\\\"", ""]`, `[[1,[2]],{"a":[3,"}"]},null,true,-1e5]`,
		`"no list"`, `{"a":1}`, `7`, `["\u0022,"]`, `["\\\\","x"]`,
	} {
		f.Add([]byte(list))
	}
	f.Fuzz(func(t *testing.T, list []byte) {
		if !json.Valid(list) {
			return // what is stored is valid
		}
		var want []json.RawMessage
		wrong := json.Unmarshal(list, &want)
		got, err := elements(list)
		if (err == nil) != (wrong == nil) {
			t.Fatalf("elements(%q) = %v; want %v", list, err, wrong)
		}
		if len(got) != len(want) || len(want) > 0 && !cmp.Equal(got, want) {
			t.Errorf("elements(%q) = %q; want %q", list, got, want)
		}
	})
}
