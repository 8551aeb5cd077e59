package price

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// object calls field for each member of a JSON object, in order. Unlike
// encoding/json it takes no name for another one of other case, and no name twice.
// The object stands at a place, which errors name.
func object(b []byte, place string, field func(name string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // what does not fit a float64 is no error of ours
	if start, err := d.Token(); err != nil {
		return err
	} else if start != json.Delim('{') {
		return fmt.Errorf("price: %s is %s; want an object", place, quote(string(b)))
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // of an object, every other token is
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("price: %s has %s twice", place, quote(name))
		}
		seen[name] = true
		if err := field(name, value); err != nil {
			return err
		}
	}
	return nil
}
