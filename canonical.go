package pawl

import "bytes"

// isCanonical reports whether b is JSON that RFC 8785 would write the very same
// way. It may say no for what is canonical in rare ways, never yes for what is
// not: it knows ASCII and escaped quotes, small integers, and objects whose
// names are plain and sorted. It costs one pass and no memory, where the
// library parses and writes everything anew.
func isCanonical(b []byte) bool {
	rest, ok := canonicalValue(b, 0)
	return ok && len(rest) == 0
}

const canonicalDepth = 64 // deeper values are left to the library

func canonicalValue(b []byte, depth int) ([]byte, bool) {
	if len(b) == 0 || depth > canonicalDepth {
		return nil, false
	}
	switch c := b[0]; {
	case c == '"':
		_, rest, ok := canonicalString(b)
		return rest, ok
	case c == '{':
		return canonicalObject(b[1:], depth+1)
	case c == '[':
		return canonicalArray(b[1:], depth+1)
	case c == 't':
		return bytes.CutPrefix(b, []byte("true"))
	case c == 'f':
		return bytes.CutPrefix(b, []byte("false"))
	case c == 'n':
		return bytes.CutPrefix(b, []byte("null"))
	case c >= '0' && c <= '9' || c == '-':
		return canonicalInteger(b)
	}
	return nil, false
}

// canonicalInteger takes integers of at most 15 digits, which a double holds
// exactly and prints without an exponent.
func canonicalInteger(b []byte) ([]byte, bool) {
	i := 0
	if b[0] == '-' {
		i++
	}
	first := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	digits := i - first
	if digits == 0 || digits > 15 || (b[first] == '0' && (digits > 1 || first > 0)) {
		return nil, false
	}
	if i < len(b) && (b[i] == '.' || b[i] == 'e' || b[i] == 'E') {
		return nil, false
	}
	return b[i:], true
}

// canonicalString takes strings of printable ASCII whose only escapes are those
// of a quote, a backslash and the control characters with a letter.
func canonicalString(b []byte) (content, rest []byte, ok bool) {
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return b[1:i], b[i+1:], true
		case c == '\\':
			i++
			if i == len(b) || bytes.IndexByte([]byte(`"\bfnrt`), b[i]) < 0 {
				return nil, nil, false
			}
		case c < ' ' || c > '~':
			return nil, nil, false
		}
	}
	return nil, nil, false
}

func canonicalObject(b []byte, depth int) ([]byte, bool) {
	if len(b) > 0 && b[0] == '}' {
		return b[1:], true
	}
	var last []byte
	for {
		if len(b) == 0 || b[0] != '"' {
			return nil, false
		}
		name, rest, ok := canonicalString(b)
		if !ok || bytes.IndexByte(name, '\\') >= 0 || (last != nil && bytes.Compare(last, name) >= 0) {
			return nil, false
		}
		last = name
		if len(rest) == 0 || rest[0] != ':' {
			return nil, false
		}
		if rest, ok = canonicalValue(rest[1:], depth); !ok || len(rest) == 0 {
			return nil, false
		}
		if rest[0] == '}' {
			return rest[1:], true
		}
		if rest[0] != ',' {
			return nil, false
		}
		b = rest[1:]
	}
}

func canonicalArray(b []byte, depth int) ([]byte, bool) {
	if len(b) > 0 && b[0] == ']' {
		return b[1:], true
	}
	for {
		rest, ok := canonicalValue(b, depth)
		if !ok || len(rest) == 0 {
			return nil, false
		}
		if rest[0] == ']' {
			return rest[1:], true
		}
		if rest[0] != ',' {
			return nil, false
		}
		b = rest[1:]
	}
}
