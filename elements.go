package pawl

import (
	"bytes"
	"encoding/json"
)

// elements returns the elements of a list, as they are in its JSON; none of null. The
// JSON is the queue's own, and so it is valid: to look for commas is enough, and several
// times as fast as to decode it, which counts for lists of many megabytes.
func elements(list json.RawMessage) (all []json.RawMessage, err error) {
	list = bytes.TrimSpace(list)
	if len(list) == 0 || list[0] != '[' {
		err := json.Unmarshal(list, &all)
		return all, err
	}
	depth, start := 0, 1
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '"':
			i = endOfString(list, i)
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				if last := bytes.TrimSpace(list[start:i]); len(last) > 0 {
					all = append(all, last)
				}
				return all, nil
			}
		case ',':
			if depth == 1 {
				all = append(all, bytes.TrimSpace(list[start:i]))
				start = i + 1
			}
		}
	}
	err = json.Unmarshal(list, &all) // which says what is wrong
	return all, err
}

// endOfString returns where the string ends that begins at from.
func endOfString(b []byte, from int) int {
	for i := from + 1; ; i++ {
		next := bytes.IndexByte(b[min(i, len(b)):], '"')
		if next < 0 {
			return len(b)
		}
		i += next
		slashes := 0
		for b[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
}
