package pawl

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/gowebpki/jcs"
)

// identity returns what makes a task the same as another one: the SHA-256 of
// the canonical JSON of whom it is for, its operation and the operation's
// version, what follows it in its flow, the conversation it starts from, the
// data it carries, and its input. With a key of the caller's own, the key
// stands for the last three.
func identity(row *TaskRow, version, key string, buf []byte) (Hash, []byte, error) {
	buf = append(buf[:0], '{')
	if key == "" {
		if !row.Conversation.IsZero() {
			buf = append(buf, `"conversation":"`...)
			buf = hex.AppendEncode(buf, row.Conversation[:])
			buf = append(buf, `",`...)
		}
		if len(row.Data) > 0 {
			data, err := marshal(row.Data)
			if err != nil {
				return Hash{}, buf, fmt.Errorf("encode data: %w", err)
			}
			if buf, err = appendMember(buf, `"data":`, data); err != nil {
				return Hash{}, buf, err
			}
			buf = append(buf, ',')
		}
		var err error
		if buf, err = appendMember(buf, `"input":`, row.Input); err != nil {
			return Hash{}, buf, err
		}
	} else {
		buf = appendString(append(buf, `"key":`...), key)
	}
	if len(row.Next) > 0 {
		buf = append(buf, `,"next":[`...)
		for i, next := range row.Next {
			if i > 0 {
				buf = append(buf, ',')
			}
			if next.isFan() || len(next.Choose) > 0 || len(next.Fallbacks) > 0 {
				stage, err := marshal(next)
				if err != nil {
					return Hash{}, buf, fmt.Errorf("encode what follows: %w", err)
				}
				if buf, err = appendMember(buf, "", stage); err != nil {
					return Hash{}, buf, err
				}
				continue
			}
			if next.Version == "" {
				buf = appendString(buf, next.Operation)
				continue
			}
			buf = appendString(append(buf, '['), next.Operation)
			buf = append(appendString(append(buf, ','), next.Version), ']')
		}
		buf = append(buf, ']')
	}
	buf = appendString(append(buf, `,"operation":`...), row.Operation)
	if row.User != "" {
		buf = appendString(append(buf, `,"user":`...), row.User)
	}
	if version != "" {
		buf = appendString(append(buf, `,"version":`...), version)
	}
	buf = append(buf, '}')
	return sha256.Sum256(buf), buf, nil
}

func appendMember(buf []byte, name string, value json.RawMessage) ([]byte, error) {
	canonical, err := canonicalJSON(value)
	if err != nil {
		return buf, err
	}
	return append(append(buf, name...), canonical...), nil
}

// appendString appends s as canonical JSON.
func appendString(buf []byte, s string) []byte {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == '"' || s[i] == '\\' || s[i] >= 0x7f {
			quoted, _ := marshal(s) // a string always marshals
			canonical, err := canonicalJSON(quoted)
			if err != nil {
				canonical = quoted
			}
			return append(buf, canonical...)
		}
	}
	return append(append(append(buf, '"'), s...), '"')
}

// canonicalJSON returns b in the canonical form of RFC 8785: members sorted, no
// white space, one way to write each string and number. What is canonical
// already, as most of what this package marshals, is returned as it is.
func canonicalJSON(b []byte) ([]byte, error) {
	if isCanonical(b) {
		return b, nil
	}
	if !json.Valid(b) {
		return nil, fmt.Errorf("canonical JSON: %.40q is not JSON", b)
	}
	// jcs takes objects and arrays only; RFC 8785 has rules for all values.
	wrapped := append(append(append(make([]byte, 0, len(b)+2), '['), b...), ']')
	out, err := jcs.Transform(wrapped)
	if err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	return out[1 : len(out)-1], nil
}

// marshal returns v as JSON, without the escapes for HTML.
func marshal(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
